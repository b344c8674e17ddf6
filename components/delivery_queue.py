"""The delivery queue and the dead-letter queue behind it."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.permission import deny_without_tls

RETENTION_SECONDS = 14 * 24 * 3600  # SQS's longest


@dataclass(frozen=True, kw_only=True)
class DeliveryQueueArgs:
    """Settings of the queues.

    Attributes:
        consumer_timeout_seconds: the timeout of the function that reads the queue.
        max_receive_count: receives of one message before it goes to the dead-letter queue.
        protect: keep the queues, and what is in them, from being deleted by Pulumi.
    """

    consumer_timeout_seconds: int
    max_receive_count: int
    protect: bool


class DeliveryQueue(pulumi.ComponentResource):
    """Produces a standard queue, its dead-letter queue, and for both a policy that refuses all but TLS."""

    queue: aws.sqs.Queue
    dlq: aws.sqs.Queue

    def __init__(
        self, name: str, args: DeliveryQueueArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("webhooks:index:DeliveryQueue", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        data = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self.dlq = aws.sqs.Queue(
            f"{name}-dlq",
            message_retention_seconds=RETENTION_SECONDS,
            sqs_managed_sse_enabled=True,
            opts=data,
        )
        self.queue = aws.sqs.Queue(
            f"{name}-queue",
            # Six times the function's timeout is what AWS asks of a queue that Lambda reads.
            visibility_timeout_seconds=6 * args.consumer_timeout_seconds,
            message_retention_seconds=RETENTION_SECONDS,
            sqs_managed_sse_enabled=True,
            redrive_policy=self.dlq.arn.apply(
                lambda arn: json.dumps(
                    {"deadLetterTargetArn": arn, "maxReceiveCount": args.max_receive_count}
                )
            ),
            opts=data,
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dlq-redrive-allow",
            queue_url=self.dlq.url,
            redrive_allow_policy=self.queue.arn.apply(
                lambda arn: json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn]})
            ),
            opts=child,
        )
        for role, queue in (("queue", self.queue), ("dlq", self.dlq)):
            aws.sqs.QueuePolicy(
                f"{name}-{role}-policy",
                queue_url=queue.url,
                policy=deny_without_tls(queue.arn, "sqs:*"),
                opts=child,
            )
        self.register_outputs({"queue_url": self.queue.url, "dlq_url": self.dlq.url})
