"""Metrics that functions write into their logs, in CloudWatch's embedded metric format.

CloudWatch reads them from there, so the functions make no call and need no permission.
"""

import json
import time
from typing import Any, Final

NAMESPACE: Final = "WebhookDelivery"
DIMENSION: Final = "FunctionName"
STALLED_EVENTS: Final = "StalledEvents"


def line(name: str, value: float, *, function_name: str) -> str:
    """A log line that CloudWatch turns into a metric (CloudWatch user guide, "Embedded metric format").

    Args:
        name: the metric's name.
        value: its value now.
        function_name: the function that writes the line.
    """
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    record: dict[str, Any] = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [directive],
        },
        DIMENSION: function_name,
        name: value,
    }
    return json.dumps(record)
