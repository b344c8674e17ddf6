"""The reconciler function: on a schedule, queues again the events that were lost from the queue."""

import os
import time
from datetime import timedelta
from functools import cache
from typing import Any

from handlers import logs, metric
from handlers.environment import ReconcilerEnvironment
from handlers.model.timestamps import Clock, utc_now
from handlers.recovery.reconciler import Reconciler
from handlers.store import aws
from handlers.store.queue import Queue
from handlers.store.stalled import StalledEvents
from handlers.store.status_index import StatusIndex
from handlers.store.table import Table

# One run every ten minutes makes that about two a second, which the workers take beside their other work.
MAX_EVENTS_PER_RUN = 1000
# Kept free at the end of a run, to finish the current event and to answer.
RESERVE_SECONDS = 20

logs.configure()


def handler(event: dict[str, Any] | None, context: Any) -> dict[str, Any]:
    """Reconcile and report; the input is ignored."""
    logs.begin(context)
    report = respond(event, context, wired_reconciler())
    print(metric.line(metric.STALLED_EVENTS, report["stalled"], function_name=context.function_name))  # noqa: T201 - a log line of CloudWatch's own form
    return report


def respond(_event: dict[str, Any] | None, context: Any, reconciler: Reconciler) -> dict[str, Any]:
    """Reconcile by this reconciler, within the time that the invocation has."""
    seconds_left = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    return reconciler.run(ends_at=time.monotonic() + seconds_left).document()


@cache
def wired_reconciler(clock: Clock = utc_now) -> Reconciler:
    """Wire everything to AWS by the environment variables, once per execution environment."""
    environment = ReconcilerEnvironment.load(os.environ)
    events = Table(aws.dynamodb(), environment.events_table_name)
    return Reconciler(
        events=StalledEvents(table=events, clock=clock),
        index=StatusIndex(table=events, shards=environment.status_index_shards),
        queue=Queue(aws.sqs(), environment.queue_url),
        stalled_after=timedelta(seconds=environment.stalled_after_seconds),
        limit=MAX_EVENTS_PER_RUN,
        clock=clock,
    )
