"""What an operator watches: the alarms, the topic that sends them, and a dashboard."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.dashboard import Watched, dashboard_body
from components.metrics import Metric, api_metric, function_metric, own_metric, queue_metric
from components.permission import deny_without_tls, policy
from handlers.metric import STALLED_EVENTS

# A standard queue holds about 120,000 messages in flight, including events that wait for a retry.
_IN_FLIGHT_LIMIT = 80_000
_PERIOD_SECONDS = 300
_RECONCILER_RUNS_PER_PERIOD = 3


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What is watched, and who receives the alarms.

    Attributes:
        watched: the names of the watched resources.
        dashboard_name: the region is appended, because names are unique per account, across regions.
        oldest_message_seconds: an event that is owed for longer than this raises an alarm.
        reconcile_every_minutes: the time between two runs of the reconciler.
        alarm_email: receives the alarms; if empty, they are not sent.
    """

    watched: Watched
    dashboard_name: str
    oldest_message_seconds: int
    reconcile_every_minutes: int
    alarm_email: str


@dataclass(frozen=True, kw_only=True)
class _Alarm:
    """A bound on a metric.

    Attributes:
        label: the alarm's name.
        why: what the alarm means and what to do, for the operator.
        metric: the watched metric.
        above: a value above this raises the alarm. A period without a value does not.
        below: if set, replaces `above`: a value below this raises the alarm, and so does a missing value.
        expression: if set, CloudWatch compares its result; it refers to the metric as `value`.
        period_seconds: the time over which CloudWatch takes one value.
    """

    label: str
    why: str
    metric: Metric
    above: float = 0
    below: float | None = None
    expression: str = ""
    period_seconds: int = _PERIOD_SECONDS

    def watch(self) -> dict[str, Any]:
        """The arguments of the alarm that depend on the metric and its bound."""
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
    """Alarms and a dashboard; given an e-mail address, also a topic that sends the alarms there."""

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
    reconciler_period_seconds = _RECONCILER_RUNS_PER_PERIOD * args.reconcile_every_minutes * 60
    return [
        _Alarm(
            label="dlq-not-empty",
            why="Events failed for good. Ask the receivers, then run `python -m ops requeue`.",
            metric=queue_metric(watched.dlq_name, "ApproximateNumberOfMessagesVisible"),
            above=0,
        ),
        _Alarm(
            label="dlq-grows",
            why="More events failed for good while earlier ones are still in the dead-letter queue.",
            metric=queue_metric(watched.dlq_name, "ApproximateNumberOfMessagesVisible"),
            expression="DIFF(value)",
        ),
        _Alarm(
            label="oldest-event",
            # SQS leaves out messages received three times or more (SQS developer guide, "Available CloudWatch
            # metrics"); the alarm `stalled-events` covers those.
            why="An event has been owed for longer than all its retries take: the worker does not keep up.",
            metric=queue_metric(watched.queue_name, "ApproximateAgeOfOldestMessage"),
            above=args.oldest_message_seconds,
        ),
        _Alarm(
            label="stalled-events",
            why=(
                "The reconciler found events that make no progress, however often they were received: the "
                "worker does not keep up, or messages were lost. The reconciler queues lost events again."
            ),
            metric=own_metric(watched.reconciler_name, STALLED_EVENTS),
            period_seconds=reconciler_period_seconds,
        ),
        _Alarm(
            label="reconciler-silent",
            why="The reconciler did not run: nothing queues lost events again.",
            metric=function_metric(watched.reconciler_name, "Invocations"),
            # Without invocations the metric has no value, and CloudWatch would evaluate the last values for
            # hours (user guide, "Configuring how CloudWatch alarms treat missing data").
            expression="FILL(value, 0)",
            below=1,
            period_seconds=reconciler_period_seconds,
        ),
        _Alarm(
            label="in-flight",
            why="At about 120,000 messages in flight, waiting retries included, the queue hands out no more.",
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
            why="Invocations of ingest failed, and producers got API Gateway's error. Look at its logs.",
            metric=function_metric(watched.ingest_name, "Errors"),
            above=0,
        ),
        _Alarm(
            label="reconciler-errors",
            why="Invocations of the reconciler failed: nothing queues lost events again. Look at its logs.",
            metric=function_metric(watched.reconciler_name, "Errors"),
            above=0,
        ),
        _Alarm(
            label="api-5xx",
            why="Producers got server errors: their events were not accepted.",
            metric=api_metric(watched.api_id, "5xx"),
            above=0,
        ),
    ]
