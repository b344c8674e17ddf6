"""Run a function at regular times."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class ScheduleArgs:
    """What runs, and how often.

    Attributes:
        function: EventBridge invokes it with its own event, for the first time after one interval.
        every_minutes: the time between two runs.
    """

    function: aws.lambda_.Function
    every_minutes: int


class Schedule(pulumi.ComponentResource):
    """An EventBridge rule, its target and the permission to invoke the target."""

    def __init__(self, name: str, args: ScheduleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:Schedule", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        rule = aws.cloudwatch.EventRule(
            f"{name}-rule", schedule_expression=_rate(args.every_minutes), opts=child
        )
        aws.cloudwatch.EventTarget(f"{name}-target", rule=rule.name, arn=args.function.arn, opts=child)
        aws.lambda_.Permission(
            f"{name}-permission",
            action="lambda:InvokeFunction",
            function=args.function.name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=child,
        )
        self.register_outputs({"rule": rule.name})


def _rate(minutes: int) -> str:
    """EventBridge refuses `1 minutes` and `10 minute` (user guide, "Rate expressions")."""
    return "rate(1 minute)" if minutes == 1 else f"rate({minutes} minutes)"
