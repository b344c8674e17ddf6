"""The delivery queue and its dead-letter queue."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.permission import deny_without_tls, policy

# SQS's maximum. A message that moves to the dead-letter queue keeps its first enqueue time.
_RETENTION_SECONDS = 14 * 24 * 60 * 60
# AWS Lambda developer guide, "Using Lambda with Amazon SQS": at least six times the function's timeout.
_VISIBILITY_PER_TIMEOUT = 6


@dataclass(frozen=True, kw_only=True)
class DeliveryQueueArgs:
    """How the queue hands out its messages.

    Attributes:
        consumer_timeout_seconds: how long one invocation of the function that reads the queue may take.
        max_receive_count: how often a message is handed out before it goes to the dead-letter queue.
        protect_data: Pulumi refuses to delete the queues, because they hold owed and failed events.
    """

    consumer_timeout_seconds: int
    max_receive_count: int
    protect_data: bool


class DeliveryQueue(pulumi.ComponentResource):
    """Two SQS queues, a policy for each that denies access without TLS, and the redrive between them."""

    queue: aws.sqs.Queue
    dlq: aws.sqs.Queue

    def __init__(
        self, name: str, args: DeliveryQueueArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("webhooks:index:DeliveryQueue", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        guarded = pulumi.ResourceOptions(parent=self, protect=args.protect_data)
        self.dlq = aws.sqs.Queue(
            f"{name}-dlq",
            message_retention_seconds=_RETENTION_SECONDS,
            sqs_managed_sse_enabled=True,
            opts=guarded,
        )
        self.queue = aws.sqs.Queue(
            f"{name}-queue",
            visibility_timeout_seconds=_VISIBILITY_PER_TIMEOUT * args.consumer_timeout_seconds,
            message_retention_seconds=_RETENTION_SECONDS,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": self.dlq.arn, "maxReceiveCount": args.max_receive_count}
            ),
            sqs_managed_sse_enabled=True,
            opts=guarded,
        )
        # This is a separate resource, because otherwise each queue would need the other's ARN first.
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dlq-redrive-allow-policy",
            queue_url=self.dlq.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [self.queue.arn]}
            ),
            opts=child,
        )
        for label, queue in (("queue", self.queue), ("dlq", self.dlq)):
            aws.sqs.QueuePolicy(
                f"{name}-{label}-policy",
                queue_url=queue.url,
                policy=policy([deny_without_tls("sqs:*", queue.arn)]),
                opts=child,
            )
        self.register_outputs({"queue_url": self.queue.url, "dlq_url": self.dlq.url})
