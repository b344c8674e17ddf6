"""The worker function: SQS messages in, deliveries out, failed messages named in the answer."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import structlog

from handlers import logs
from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.batch import BatchSettler
from handlers.delivery.retry import RetrySchedule
from handlers.delivery.transport import Transport
from handlers.environment import WorkerEnvironment
from handlers.model.timestamps import Clock, utc_now
from handlers.store import aws
from handlers.store.deliveries import DeliveryStore
from handlers.store.queue import Message, Queue
from handlers.store.table import Table
from handlers.store.tenants import TenantStore

MAX_BATCH_SIZE = 10
# An attempt ends within the webhook timeout, and the function 15 s later; the rest allows for clocks that
# differ. A message whose worker died comes back only after that, by the queue's visibility timeout.
HOLD_MARGIN_SECONDS = 30

logs.configure()
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an SQS batch in the form of `ReportBatchItemFailures`."""
    logs.begin(context)
    return respond(event, wired_settler())


def respond(event: dict[str, Any], settler: BatchSettler) -> dict[str, Any]:
    """Answer an SQS batch by this settler."""
    messages = [_message(record) for record in event["Records"]]
    failed = settler.settle(messages)
    _log.info("batch", messages=len(messages), failed=len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


@cache
def wired_settler(clock: Clock = utc_now) -> BatchSettler:
    """Wire everything to AWS by the environment variables, once per execution environment."""
    environment = WorkerEnvironment.load(os.environ)
    dynamodb = aws.dynamodb()
    allow_private = environment.allow_private_targets
    return BatchSettler(
        deliveries=DeliveryStore(table=Table(dynamodb, environment.events_table_name), clock=clock),
        tenants=TenantStore(Table(dynamodb, environment.tenant_table_name)),
        queue=Queue(aws.sqs(), environment.queue_url),
        make_attempt=HttpAttempts(
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
