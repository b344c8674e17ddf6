"""The dashboard: it follows events from the producer's request to the dead-letter queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.metrics import Metric, api_metric, function_metric, queue_metric, table_metric

# CloudWatch's grid is 24 wide.
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 6

_Lines = Mapping[str, Metric]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The names of the resources whose metrics the dashboard and the alarms use."""

    api_id: pulumi.Input[str]
    queue_name: pulumi.Input[str]
    dlq_name: pulumi.Input[str]
    ingest_name: pulumi.Input[str]
    worker_name: pulumi.Input[str]
    reconciler_name: pulumi.Input[str]
    events_table_name: pulumi.Input[str]


def dashboard_body(watched: Watched, region: pulumi.Input[str]) -> pulumi.Output[str]:
    """The dashboard as CloudWatch's JSON."""
    return pulumi.Output.json_dumps(
        {
            "widgets": [
                _widget(position, title, lines, region)
                for position, (title, lines) in enumerate(_graphs(watched).items())
            ]
        }
    )


def _graphs(watched: Watched) -> dict[str, _Lines]:
    api, queue = watched.api_id, watched.queue_name
    ingest, worker, reconciler = watched.ingest_name, watched.worker_name, watched.reconciler_name
    events = watched.events_table_name
    return {
        "API: requests": {
            "requests": api_metric(api, "Count"),
            "refused (4xx)": api_metric(api, "4xx"),
            "failed (5xx)": api_metric(api, "5xx"),
        },
        "API: time to answer (ms)": {
            "median": api_metric(api, "Latency", "p50"),
            "p99": api_metric(api, "Latency", "p99"),
        },
        "Queue: events owed": {
            "waiting": queue_metric(queue, "ApproximateNumberOfMessagesVisible"),
            "in delivery or waiting for a retry": queue_metric(
                queue, "ApproximateNumberOfMessagesNotVisible"
            ),
            "failed for good (DLQ)": queue_metric(watched.dlq_name, "ApproximateNumberOfMessagesVisible"),
        },
        "Queue: age of the oldest event (s)": {
            "all": queue_metric(queue, "ApproximateAgeOfOldestMessage"),
            "without noisy tenants": queue_metric(queue, "ApproximateAgeOfOldestMessageInQuietGroups"),
        },
        "Worker: invocations": {
            "invocations": function_metric(worker, "Invocations"),
            "errors": function_metric(worker, "Errors"),
            "throttles": function_metric(worker, "Throttles"),
            "at the same time": function_metric(worker, "ConcurrentExecutions", "Maximum"),
        },
        "Worker: duration (ms)": {
            "median": function_metric(worker, "Duration", "p50"),
            "p99": function_metric(worker, "Duration", "p99"),
        },
        "Ingest: invocations": {
            "invocations": function_metric(ingest, "Invocations"),
            "errors": function_metric(ingest, "Errors"),
            "throttles": function_metric(ingest, "Throttles"),
        },
        "Reconciler: invocations": {
            "invocations": function_metric(reconciler, "Invocations"),
            "errors": function_metric(reconciler, "Errors"),
            "throttles": function_metric(reconciler, "Throttles"),
        },
        "Events table": {
            "write units": table_metric(events, "ConsumedWriteCapacityUnits"),
            "throttled writes": table_metric(events, "WriteThrottleEvents"),
            "throttled reads": table_metric(events, "ReadThrottleEvents"),
        },
    }


def _widget(position: int, title: str, lines: _Lines, region: pulumi.Input[str]) -> dict[str, Any]:
    row, column = divmod(position, _COLUMNS)
    return {
        "type": "metric",
        "x": column * _WIDTH,
        "y": row * _HEIGHT,
        "width": _WIDTH,
        "height": _HEIGHT,
        "properties": {
            "title": title,
            "region": region,
            "view": "timeSeries",
            "period": 60,
            "metrics": [metric.line(label) for label, metric in lines.items()],
        },
    }
