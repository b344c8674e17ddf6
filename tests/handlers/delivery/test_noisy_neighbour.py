"""Tenants side by side: a tenant whose receiver hangs takes only a bounded share from the others."""

import json
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from handlers.delivery.attempt import AttemptResult
from handlers.delivery.batch import BatchSettler
from handlers.delivery.retry import RetrySchedule
from handlers.intake.acceptance import Acceptance
from handlers.intake.submission import Submission
from handlers.model.attempt import Attempt
from handlers.model.delivery import Delivery
from handlers.model.tenant import ApiKeyHolder, KeyState, Tenant
from handlers.recovery.reconciler import Reconciler
from handlers.recovery.requeue import Requeuer
from handlers.recovery.requeue_request import RequeueRequest
from handlers.store.deliveries import DeliveryStore
from handlers.store.queue import Queue
from handlers.worker import MAX_BATCH_SIZE
from tests.support.factories import NOON, TARGET_URL, a_delivery, a_message, an_attempt
from tests.support.moto_aws import Aws

NEVER = float("inf")
PATIENCE_SECONDS = 20
# Longer than every wait for something else.
HANG_SECONDS = 5 * PATIENCE_SECONDS
TENANTS = ["acme", "shop"]


class HangingFor:
    """Stands in for HTTP: a tenant's receiver hangs until attempts are let go, all others answer at once."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._let_go = threading.Semaphore(0)
        self._changed = threading.Condition()
        self.hanging = 0
        self.most_at_once = 0
        self.ended: list[str] = []

    def __call__(self, delivery: Delivery, tenant: Tenant | None) -> AttemptResult:
        if delivery.key.tenant_id != self._tenant_id:
            return AttemptResult(attempt=an_attempt("http_200"))
        with self._changed:
            self.hanging += 1
            self.most_at_once = max(self.most_at_once, self.hanging)
            self._changed.notify_all()
        assert self._let_go.acquire(timeout=HANG_SECONDS)
        with self._changed:
            self.hanging -= 1
            self.ended.append(delivery.key.event_id)
            self._changed.notify_all()
        return AttemptResult(attempt=an_attempt("timeout"))

    def let_go(self, attempts: int) -> None:
        self._let_go.release(attempts)

    def wait_until(self, *, hanging: int, ended: int = 0) -> None:
        """Return once so many hang and so many have ended."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: (self.hanging, len(self.ended)) == (hanging, ended), PATIENCE_SECONDS
            )


@dataclass(frozen=True, kw_only=True)
class TellingDeliveries(DeliveryStore):
    """Tells when a success is recorded."""

    delivered: threading.Event = field(default_factory=threading.Event)

    def mark_delivered(self, delivery: Delivery, attempt: Attempt) -> bool:
        recorded = super().mark_delivered(delivery, attempt)
        self.delivered.set()
        return recorded


class Forgetful(Queue):
    """A queue that ignores visibility."""

    def __init__(self) -> None:
        pass

    def set_visibility(self, receipt_handle: str, seconds: int) -> None:
        pass


class SentMessages:
    """An SQS client that records sent messages and hands out none."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.messages.append(message)

    def receive_message(self, **request: Any) -> dict[str, Any]:
        return {}

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        return {}


def settler(
    aws: Aws,
    receivers: HangingFor,
    *,
    deliveries: DeliveryStore | None = None,
    concurrency: int = MAX_BATCH_SIZE,
) -> BatchSettler:
    return BatchSettler(
        deliveries=deliveries or aws.deliveries,
        tenants=aws.tenant_store,
        queue=Forgetful(),
        make_attempt=receivers,
        schedule=RetrySchedule(delays_seconds=(60, 120, 240, 480, 960), jitter=lambda: 0.0),
        threads=ThreadPoolExecutor(concurrency),
        hold_seconds=60,
    )


def stored(aws: Aws, tenant_id: str, count: int = 1) -> list[Delivery]:
    if aws.tenants.show(tenant_id) is None:
        aws.tenants.create(tenant_id=tenant_id, target_url=TARGET_URL, now=NOON)
    events = [a_delivery(tenant_id=tenant_id) for _ in range(count)]
    for delivery in events:
        aws.events.put(delivery)
    return events


@contextmanager
def settling(
    settler: BatchSettler, batch: list[Delivery], receivers: HangingFor
) -> Generator[Callable[[], Any]]:
    """While a batch is settled. Yields a function that ends all attempts and returns the undone messages."""
    with ThreadPoolExecutor(1) as pool:
        undone = pool.submit(settler.settle, [a_message(delivery) for delivery in batch])

        def finish() -> Any:
            receivers.let_go(len(batch))
            return undone.result(PATIENCE_SECONDS)

        try:
            yield finish
        finally:
            receivers.let_go(len(batch))


@pytest.mark.parametrize("place", [0, 9])
def test_an_event_is_delivered_and_recorded_while_all_others_of_its_batch_hang(aws: Aws, place: int) -> None:
    noisy, (quiet,) = stored(aws, "noisy", MAX_BATCH_SIZE - 1), stored(aws, "quiet")
    receivers, deliveries = HangingFor("noisy"), TellingDeliveries(table=aws.table, clock=aws.clock)
    batch = [*noisy[:place], quiet, *noisy[place:]]

    with settling(settler(aws, receivers, deliveries=deliveries), batch, receivers) as finish:
        receivers.wait_until(hanging=9)
        assert deliveries.delivered.wait(PATIENCE_SECONDS)
        status, hanging = aws.item(quiet)["status"], receivers.hanging
        undone = finish()

    assert (status, hanging) == ("DELIVERED", 9)
    assert undone == [a_message(delivery).message_id for delivery in noisy]


def test_a_worker_never_makes_more_attempts_at_once_than_it_may_and_makes_all_of_them(aws: Aws) -> None:
    """Given ten hanging events and room for four, then each attempt that ends makes room for one more."""
    batch = stored(aws, "noisy", 10)
    receivers = HangingFor("noisy")

    with settling(settler(aws, receivers, concurrency=4), batch, receivers) as finish:
        for ended in range(7):
            receivers.wait_until(hanging=4, ended=ended)
            receivers.let_go(1)
        undone = finish()

    assert receivers.most_at_once == 4
    assert sorted(receivers.ended) == sorted(delivery.key.event_id for delivery in batch)
    assert len(undone) == 10


def from_ingest(aws: Aws, queue: Queue) -> None:
    acceptance = Acceptance(events=aws.events, idempotency=aws.idempotency, queue=queue, clock=aws.clock)
    for tenant_id in TENANTS:
        holder = ApiKeyHolder(tenant_id=tenant_id, target_url=TARGET_URL, state=KeyState.ACTIVE)
        acceptance.accept(holder, Submission(type="order.created", data=b"{}"))


def from_requeue(aws: Aws, queue: Queue) -> None:
    for tenant_id in TENANTS:
        (delivery,) = stored(aws, tenant_id)
        aws.failed(delivery)
    requeuer = Requeuer(
        deliveries=aws.deliveries,
        index=aws.index,
        tenants=aws.tenant_store,
        queue=queue,
        dlq=queue,
        dlq_visibility_seconds=960,
    )
    requeuer.run(RequeueRequest(), ends_at=NEVER)


def from_the_reconciler(aws: Aws, queue: Queue) -> None:
    for tenant_id in TENANTS:
        stored(aws, tenant_id)
    aws.clock.advance(minutes=91)
    reconciler = Reconciler(
        events=aws.stalled,
        index=aws.index,
        queue=queue,
        stalled_after=timedelta(minutes=90),
        limit=1000,
        clock=aws.clock,
    )
    reconciler.run(ends_at=NEVER)


@pytest.mark.parametrize("send", [from_ingest, from_requeue, from_the_reconciler])
def test_whoever_sends_a_message_the_tenant_is_its_group(
    aws: Aws, send: Callable[[Aws, Queue], None]
) -> None:
    """Without a group, SQS treats each message as a tenant of its own, so no tenant counts as noisy."""
    sqs: Any = SentMessages()

    send(aws, Queue(sqs, aws.queue_url))

    assert sorted(message["MessageGroupId"] for message in sqs.messages) == TENANTS
    assert all(
        json.loads(message["MessageBody"])["tenantId"] == message["MessageGroupId"]
        for message in sqs.messages
    )
