"""The worker function: SQS messages in, deliveries out, failed messages named in the answer."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import structlog

from handlers import aws, logs
from handlers.domain.delivery import HttpDelivery
from handlers.domain.dispatch import Dispatcher
from handlers.domain.event_store import EventStore
from handlers.domain.queue import Message, Queue
from handlers.domain.retry import RetrySchedule
from handlers.domain.tenants import TenantStore
from handlers.domain.timestamps import Clock, utc_now
from handlers.domain.transport import Transport
from handlers.environment import WorkerEnvironment

MAX_BATCH_SIZE = 10
# An attempt ends within the webhook timeout and the function 15 s after it; the rest is for clocks that
# differ. A message whose worker died comes back later than that, after the queue's visibility timeout.
HOLD_MARGIN_SECONDS = 30

logs.configure()
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an SQS batch in the form of `ReportBatchItemFailures`."""
    logs.begin(context)
    return respond(event, wired_dispatcher())


def respond(event: dict[str, Any], dispatcher: Dispatcher) -> dict[str, Any]:
    """Answer an SQS batch by this dispatcher."""
    messages = [_message(record) for record in event["Records"]]
    failed = dispatcher.settle(messages)
    _log.info("batch", messages=len(messages), failed=len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


@cache
def wired_dispatcher(clock: Clock = utc_now) -> Dispatcher:
    """Wire the domain to AWS by the environment, once per execution environment."""
    environment = WorkerEnvironment.load(os.environ)
    dynamodb = aws.dynamodb()
    allow_private = environment.allow_private_targets
    return Dispatcher(
        events=EventStore(dynamodb, environment.events_table_name, clock=clock),
        tenants=TenantStore(dynamodb, environment.tenant_table_name),
        queue=Queue(aws.sqs(), environment.queue_url),
        deliver=HttpDelivery(
            Transport(allow_private=allow_private),
            timeout_seconds=environment.webhook_timeout_seconds,
            allow_private=allow_private,
            clock=clock,
        ),
        schedule=RetrySchedule(delays_seconds=environment.retry_delays_seconds),
        threads=ThreadPoolExecutor(max_workers=MAX_BATCH_SIZE, thread_name_prefix="delivery"),
        hold_seconds=environment.webhook_timeout_seconds + HOLD_MARGIN_SECONDS,
    )


def _message(record: dict[str, Any]) -> Message:
    return Message(
        message_id=record["messageId"],
        receipt_handle=record["receiptHandle"],
        body=record["body"],
        receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
    )
