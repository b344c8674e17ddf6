"""The four functions, wired to the simulated AWS, without time that passes and without threads."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from datetime import timedelta
from typing import Any

from handlers import ingest, reconciler, requeue, worker
from handlers.delivery.attempt import MakeAttempt
from handlers.delivery.batch import BatchSettler
from handlers.delivery.retry import RetrySchedule
from handlers.intake.acceptance import Acceptance
from handlers.intake.authentication import Authenticator
from handlers.model.timestamps import Clock
from handlers.recovery.reconciler import Reconciler
from handlers.recovery.requeue import Requeuer
from handlers.store.deliveries import DeliveryStore
from handlers.store.events import EventStore
from handlers.store.idempotency import IdempotencyStore
from handlers.store.queue import Queue
from handlers.store.stalled import StalledEvents
from handlers.store.status_index import StatusIndex
from handlers.store.table import Table
from handlers.store.tenants import TenantStore
from tests.faults.life.aws import SimulatedAws
from tests.faults.life.records import DLQ, KEY_SECONDS, QUEUE
from tests.support.factories import LambdaContext
from tests.support.moto_aws import EVENTS_TABLE, TENANT_TABLE

HOLD_SECONDS = 60
STALLED_AFTER_SECONDS = 5916
RECONCILED_AT_ONCE = 5
DLQ_HIDDEN_SECONDS = 960


class Functions:
    """Answers as the Lambda functions do."""

    def __init__(self, aws: SimulatedAws, clock: Clock, make_attempt: MakeAttempt) -> None:
        tenants = TenantStore(Table(aws.dynamodb, TENANT_TABLE))
        events = Table(aws.dynamodb, EVENTS_TABLE, pause=_no_pause)
        deliveries = DeliveryStore(table=events, clock=clock)
        index = StatusIndex(table=events, shards=1)
        queue = Queue(aws.sqs, QUEUE)
        self._service = ingest.Service(
            authenticator=Authenticator(tenants),
            acceptance=Acceptance(
                events=EventStore(table=events, shards=1, retention=timedelta(days=30)),
                idempotency=IdempotencyStore(table=events, lifetime=timedelta(seconds=KEY_SECONDS)),
                queue=queue,
                clock=clock,
                pause=_no_pause,
            ),
        )
        self._settler = BatchSettler(
            deliveries=deliveries,
            tenants=tenants,
            queue=queue,
            make_attempt=make_attempt,
            schedule=RetrySchedule(delays_seconds=(60, 120, 240, 480, 960), jitter=lambda: 0.0),
            threads=_AtOnce(),
            hold_seconds=HOLD_SECONDS,
        )
        self._requeuer = Requeuer(
            deliveries=deliveries,
            index=index,
            tenants=tenants,
            queue=queue,
            dlq=Queue(aws.sqs, DLQ),
            dlq_visibility_seconds=DLQ_HIDDEN_SECONDS,
            monotonic=lambda: 0.0,
            pause=_no_pause,
        )
        self._reconciler = Reconciler(
            events=StalledEvents(table=events, clock=clock),
            index=index,
            queue=queue,
            stalled_after=timedelta(seconds=STALLED_AFTER_SECONDS),
            limit=RECONCILED_AT_ONCE,
            clock=clock,
            monotonic=lambda: 0.0,
        )

    def ingest(self, request: dict[str, Any]) -> dict[str, Any]:
        return ingest.respond(request, self._service)

    def worker(self, batch: dict[str, Any]) -> dict[str, Any]:
        return worker.respond(batch, self._settler)

    def requeue(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return requeue.respond(dict(request), LambdaContext(), self._requeuer)

    def reconciler(self) -> dict[str, Any]:
        return reconciler.respond({}, LambdaContext(), self._reconciler)


class _AtOnce(Executor):
    """Runs what is submitted there and then, so that a story always goes the same way."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as any executor does
            future.set_exception(error)
        return future


def _no_pause(_: float) -> None: ...
