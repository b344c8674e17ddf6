"""The CloudWatch metrics that alarms and the dashboard share."""

from dataclasses import dataclass

import pulumi

from handlers.metric import DIMENSION, NAMESPACE


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of one resource.

    Attributes:
        namespace: such as `AWS/SQS`.
        name: such as `ApproximateAgeOfOldestMessage`.
        dimension: the dimension's name and value, such as `QueueName` and the queue's name.
        statistic: such as `Sum`, `Maximum` or `p99`.
    """

    namespace: str
    name: str
    dimension: tuple[str, pulumi.Input[str]]
    statistic: str

    @property
    def dimensions(self) -> dict[str, pulumi.Input[str]]:
        """The dimensions as CloudWatch takes them."""
        key, value = self.dimension
        return {key: value}

    def line(self, label: str) -> list[object]:
        """The metric as a line of a dashboard widget."""
        return [self.namespace, self.name, *self.dimension, {"label": label, "stat": self.statistic}]


def queue_metric(queue_name: pulumi.Input[str], name: str, statistic: str = "Maximum") -> Metric:
    """A metric of an SQS queue."""
    return Metric(namespace="AWS/SQS", name=name, dimension=("QueueName", queue_name), statistic=statistic)


def function_metric(function_name: pulumi.Input[str], name: str, statistic: str = "Sum") -> Metric:
    """A metric of a Lambda function."""
    return Metric(
        namespace="AWS/Lambda", name=name, dimension=("FunctionName", function_name), statistic=statistic
    )


def own_metric(function_name: pulumi.Input[str], name: str, statistic: str = "Maximum") -> Metric:
    """A metric that a function writes into its log."""
    return Metric(namespace=NAMESPACE, name=name, dimension=(DIMENSION, function_name), statistic=statistic)


def api_metric(api_id: pulumi.Input[str], name: str, statistic: str = "Sum") -> Metric:
    """A metric of an HTTP API."""
    return Metric(namespace="AWS/ApiGateway", name=name, dimension=("ApiId", api_id), statistic=statistic)


def table_metric(table_name: pulumi.Input[str], name: str, statistic: str = "Sum") -> Metric:
    """A metric of a DynamoDB table."""
    return Metric(
        namespace="AWS/DynamoDB", name=name, dimension=("TableName", table_name), statistic=statistic
    )
