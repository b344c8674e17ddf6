"""What an operator watches: alarms, who is told, and a dashboard."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.dashboard import Watched, dashboard_body
from components.metrics import Metric, api_metric, function_metric, own_metric, queue_metric
from components.permission import deny_without_tls, policy
from handlers.metric import STALLED_EVENTS

# Of about 120,000 that a standard queue holds in flight; events that wait for their retry count.
_IN_FLIGHT_LIMIT = 80_000
_PERIOD_SECONDS = 300
# Three times as long as it takes from one run of the reconciler to the next.
_RECONCILED_WITHIN_SECONDS = 1800


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What is watched, and who is told.

    Attributes:
        dashboard_name: in front of the region's: a dashboard's name is its account's, for all regions.
        oldest_message_seconds: an event that is owed for longer than this raises an alarm.
        alarm_email: where alarms are sent; nowhere when empty.
    """

    watched: Watched
    dashboard_name: str
    oldest_message_seconds: int
    alarm_email: str


@dataclass(frozen=True, kw_only=True)
class _Alarm:
    """What is watched of a metric.

    Attributes:
        above: what it must exceed in a period. A period without a value raises no alarm.
        below: what it must stay below instead. That there are no values at all raises the alarm, too.
        expression: what is made of the metric, there called `value`, before it is held against the bound.
    """

    label: str
    why: str
    metric: Metric
    above: float = 0
    below: float | None = None
    expression: str = ""
    period_seconds: int = _PERIOD_SECONDS

    def watch(self) -> dict[str, Any]:
        """The arguments of an alarm that depend on what is watched."""
        metric = self.metric
        watched: dict[str, Any] = {
            "namespace": metric.namespace,
            "metric_name": metric.name,
            "dimensions": metric.dimensions,
            "period": self.period_seconds,
        }
        if not self.expression:
            return self._bounds() | watched | {"statistic": metric.statistic}
        return self._bounds() | {
            "metric_queries": [
                {"id": "value", "metric": watched | {"stat": metric.statistic}},
                {"id": "held", "expression": self.expression, "label": self.label, "return_data": True},
            ]
        }

    def _bounds(self) -> dict[str, Any]:
        if self.below is None:
            return {
                "comparison_operator": "GreaterThanThreshold",
                "threshold": self.above,
                "treat_missing_data": "notBreaching",
            }
        return {
            "comparison_operator": "LessThanThreshold",
            "threshold": self.below,
            "treat_missing_data": "breaching",
        }


class Monitoring(pulumi.ComponentResource):
    """Alarms, a dashboard and, with an address, a topic that sends the alarms to it."""

    dashboard_url: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:Monitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        notified = [self._topic(name, args.alarm_email)] if args.alarm_email else []
        for alarm in _alarms(args):
            aws.cloudwatch.MetricAlarm(
                f"{name}-{alarm.label}",
                alarm_description=alarm.why,
                evaluation_periods=1,
                alarm_actions=notified,
                ok_actions=notified,
                opts=child,
                **alarm.watch(),
            )
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=pulumi.Output.concat(args.dashboard_name, "-", region),
            dashboard_body=dashboard_body(args.watched, region),
            opts=child,
        )
        self.dashboard_url = pulumi.Output.format(
            "https://{0}.console.aws.amazon.com/cloudwatch/home?region={0}#dashboards/dashboard/{1}",
            region,
            dashboard.dashboard_name,
        )
        self.register_outputs({"dashboard_url": self.dashboard_url})

    def _topic(self, name: str, email: str) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(f"{name}-alarms", opts=child)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        aws.sns.TopicPolicy(
            f"{name}-alarms-policy",
            arn=topic.arn,
            policy=policy(
                [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudwatch.amazonaws.com"},
                        "Action": "sns:Publish",
                        "Resource": topic.arn,
                        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                    },
                    deny_without_tls("sns:Publish", topic.arn),
                ]
            ),
            opts=child,
        )
        aws.sns.TopicSubscription(
            f"{name}-alarms-email", topic=topic.arn, protocol="email", endpoint=email, opts=child
        )
        return topic.arn


def _alarms(args: MonitoringArgs) -> list[_Alarm]:
    watched = args.watched
    return [
        _Alarm(
            label="dlq-not-empty",
            why="Events failed for good: ask the receivers, then send them again by `python -m ops requeue`.",
            metric=queue_metric(watched.dlq_name, "ApproximateNumberOfMessagesVisible"),
            above=0,
        ),
        _Alarm(
            label="dlq-grows",
            why="More events failed for good than before, while those of before are still there.",
            metric=queue_metric(watched.dlq_name, "ApproximateNumberOfMessagesVisible"),
            expression="DIFF(value)",
        ),
        _Alarm(
            label="oldest-event",
            # SQS leaves out what was received three times or more (SQS developer guide, "Available CloudWatch
            # metrics"); `stalled-events` sees those.
            why="An event is owed for longer than all its retries take: the worker does not keep up.",
            metric=queue_metric(watched.queue_name, "ApproximateAgeOfOldestMessage"),
            above=args.oldest_message_seconds,
        ),
        _Alarm(
            label="stalled-events",
            why=(
                "The reconciler found events that nothing happens to, however often they were received: the "
                "worker does not keep up, or messages were lost. It queues again those that are lost."
            ),
            metric=own_metric(watched.reconciler_name, STALLED_EVENTS),
            period_seconds=_RECONCILED_WITHIN_SECONDS,
        ),
        _Alarm(
            label="reconciler-silent",
            why="The reconciler did not run: events that were lost from the queue are not brought back.",
            metric=function_metric(watched.reconciler_name, "Invocations"),
            # Where there are none there is no value, and CloudWatch would go on looking at the last ones for
            # hours (user guide, "Configuring how CloudWatch alarms treat missing data").
            expression="FILL(value, 0)",
            below=1,
            period_seconds=_RECONCILED_WITHIN_SECONDS,
        ),
        _Alarm(
            label="in-flight",
            why="The queue stops handing out messages at about 120,000 in flight, waiting retries included.",
            metric=queue_metric(watched.queue_name, "ApproximateNumberOfMessagesNotVisible"),
            above=_IN_FLIGHT_LIMIT,
        ),
        _Alarm(
            label="worker-errors",
            why="Invocations of the worker failed: receives are used up without attempts. Look at its logs.",
            metric=function_metric(watched.worker_name, "Errors"),
            above=0,
        ),
        _Alarm(
            label="worker-throttles",
            why="The worker was throttled: raise the account's limit or lower workerMaximumConcurrency.",
            metric=function_metric(watched.worker_name, "Throttles"),
            above=0,
        ),
        _Alarm(
            label="ingest-errors",
            why="Invocations of ingest failed, and producers got no answer of ours. Look at its logs.",
            metric=function_metric(watched.ingest_name, "Errors"),
            above=0,
        ),
        _Alarm(
            label="reconciler-errors",
            why=(
                "Invocations of the reconciler failed: events that were lost from the queue are not brought "
                "back. Look at its logs."
            ),
            metric=function_metric(watched.reconciler_name, "Errors"),
            above=0,
        ),
        _Alarm(
            label="api-5xx",
            why="Producers were answered with a server error: events were not accepted.",
            metric=api_metric(watched.api_id, "5xx"),
            above=0,
        ),
    ]
