"""The requeue function: sends failed events again, invoked by hand or by `pulumi up`."""

import os
import time
from functools import cache
from typing import Any

from handlers import logs
from handlers.environment import LONGEST_RUN_SECONDS, RequeueEnvironment
from handlers.model.timestamps import Clock, utc_now
from handlers.recovery.requeue import Requeuer
from handlers.recovery.requeue_request import RequeueRequest
from handlers.store import aws
from handlers.store.deliveries import DeliveryStore
from handlers.store.queue import Queue
from handlers.store.status_index import StatusIndex
from handlers.store.table import Table
from handlers.store.tenants import TenantStore

DLQ_VISIBILITY_SECONDS = LONGEST_RUN_SECONDS + 60
# Kept free at the end of a run, to put back messages and to answer.
RESERVE_SECONDS = 20

logs.configure()


def handler(event: dict[str, Any] | None, context: Any) -> dict[str, Any]:
    """Requeue what the input asks for and report.

    Raises:
        RequeueInputError: the input is wrong, or names an unknown tenant; Lambda hands the message to the
            caller.
    """
    logs.begin(context)
    return respond(event, context, wired_requeuer())


def respond(event: dict[str, Any] | None, context: Any, requeuer: Requeuer) -> dict[str, Any]:
    """Requeue by this requeuer, within the time that the invocation has. Raises as `handler`."""
    seconds_left = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    request = RequeueRequest.parse({} if event is None else event)
    return requeuer.run(request, ends_at=time.monotonic() + seconds_left).document()


@cache
def wired_requeuer(clock: Clock = utc_now) -> Requeuer:
    """Wire everything to AWS by the environment variables, once per execution environment."""
    environment = RequeueEnvironment.load(os.environ)
    dynamodb, sqs = aws.dynamodb(), aws.sqs()
    events = Table(dynamodb, environment.events_table_name)
    return Requeuer(
        deliveries=DeliveryStore(table=events, clock=clock),
        index=StatusIndex(table=events, shards=environment.status_index_shards),
        tenants=TenantStore(Table(dynamodb, environment.tenant_table_name)),
        queue=Queue(sqs, environment.queue_url),
        dlq=Queue(sqs, environment.dlq_url),
        dlq_visibility_seconds=DLQ_VISIBILITY_SECONDS,
    )
