"""Sending failed events again, from the dead-letter queue and from the table.

The order for each event is: reset in the table, message to the delivery queue, then the old message away. If
the run is killed in between, the event is PENDING and its old message is still there: the next run sends it
again. If it had no old message, the reconciler does.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import structlog

from handlers.model.delivery import Status
from handlers.model.event import EventKey
from handlers.model.tenant import API_KEY_PREFIX, WEBHOOK_SECRET_PREFIX
from handlers.recovery.dead_letters import DeadLetter, DeadLetters
from handlers.recovery.requeue_report import Reason, RequeueReport
from handlers.recovery.requeue_request import RequeueInputError, RequeueRequest
from handlers.store.deliveries import DeliveryStore, FoundDeliveries
from handlers.store.queue import Queue
from handlers.store.status_index import StatusIndex
from handlers.store.tenants import TenantStore

_READ_BATCH = 100  # what `DeliveryStore.read` takes at once

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Requeuer:
    """Sends failed events again.

    Attributes:
        dlq_visibility_seconds: as `hidden_seconds` of `DeadLetters`.
        monotonic, pause: the time, in seconds, and how to let it pass.
    """

    deliveries: DeliveryStore
    index: StatusIndex
    tenants: TenantStore
    queue: Queue
    dlq: Queue
    dlq_visibility_seconds: int
    monotonic: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def run(self, request: RequeueRequest, *, ends_at: float) -> RequeueReport:
        """Requeue what the request asks for.

        Args:
            request: what to send again.
            ends_at: when to stop taking on more, on the `monotonic` clock, in seconds.

        Raises:
            RequeueInputError: there is no such tenant; nothing was sent.
            botocore.exceptions.ClientError, BotoCoreError: AWS did not answer. What was done is done; run
                it again for the rest.
        """
        run = _Run(
            request,
            deliveries=self.deliveries,
            queue=self.queue,
            target_url_of=cache(self.tenants.target_url_of),
            time_is_up=lambda: self.monotonic() >= ends_at,
            pace=_Pace(request.rate_per_second, self.monotonic, self.pause),
        )
        run.check_tenant()
        with DeadLetters(self.dlq, self.deliveries, hidden_seconds=self.dlq_visibility_seconds) as letters:
            for letter in letters.until(run.is_full):
                if run.is_settled(letter) and not request.dry_run:
                    letters.discard(letter)
        if (named := request.keys) is not None:
            run.requeue_named(named)
        else:
            run.requeue_listed(self.index)
        run.report.log()
        return run.report


class _Pace:
    """Lets at most so many events a second pass; all at once when there is no rate."""

    def __init__(
        self, per_second: float | None, monotonic: Callable[[], float], pause: Callable[[float], None]
    ) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._monotonic, self._pause = monotonic, pause
        self._next_at = monotonic()

    def keep(self) -> None:
        """Wait until the next event may pass."""
        if not self._interval:
            return
        wait = self._next_at - self._monotonic()
        if wait > 0:
            self._pause(wait)
        self._next_at = max(self._next_at, self._monotonic()) + self._interval


class _Run:
    """One run: its limits, and what it has done."""

    def __init__(
        self,
        request: RequeueRequest,
        *,
        deliveries: DeliveryStore,
        queue: Queue,
        target_url_of: Callable[[str], str | None],
        time_is_up: Callable[[], bool],
        pace: _Pace,
    ) -> None:
        self.report = RequeueReport(dry_run=request.dry_run)
        self._request = request
        self._deliveries = deliveries
        self._queue = queue
        self._target_url_of = target_url_of
        self._time_is_up = time_is_up
        self._pace = pace
        self._seen: set[EventKey] = set()

    def check_tenant(self) -> None:
        """Raise RequeueInputError when the request names a tenant that is not there."""
        tenant_id = self._request.tenant_id
        if tenant_id is not None and self._target_url_of(tenant_id) is None:
            raise RequeueInputError(_no_tenant(tenant_id))

    def is_full(self) -> bool:
        """Whether the limit or the time has run out."""
        limit = self._request.limit
        return (limit is not None and self.report.requeued >= limit) or self._time_is_up()

    def is_settled(self, letter: DeadLetter) -> bool:
        """Requeue what a dead letter names if it is asked for; returns whether the message may be deleted."""
        key, delivery = letter.key, letter.delivery
        if key is None:
            self.report.skipped += 1
            return False
        if delivery is None or delivery.status == Status.DELIVERED:
            self._skip(key, Reason.UNKNOWN if delivery is None else Reason.DELIVERED)
            return True
        if key in self._seen:
            return True
        return (
            self._is_asked_for(key, delivery.event.created_at)
            and not self.is_full()
            # PENDING here means that an earlier run, or the worker, died between its writes.
            and self._requeue(key, from_statuses=(Status.FAILED, Status.PENDING))
        )

    def requeue_named(self, keys: Sequence[EventKey]) -> None:
        """Requeue those of these events that failed, and tell what became of the others.

        They are read from the table itself, which is never behind as the index can be.
        """
        unseen = [key for key in dict.fromkeys(keys) if key not in self._seen]
        for begin in range(0, len(unseen), _READ_BATCH):
            batch = unseen[begin : begin + _READ_BATCH]
            found = self._deliveries.read(batch, bodies=False)
            for key in batch:
                delivery = found.deliveries.get(key)
                if delivery is None or delivery.status != Status.FAILED:
                    self._leave(key, _reason(key, found))
                elif self._is_asked_for(key, delivery.event.created_at):
                    self._requeue_failed(key)

    def requeue_listed(self, index: StatusIndex) -> None:
        """Requeue what the index lists as failed; a named event that it does not list has not failed."""
        for key, created_at in index.in_status(Status.FAILED):
            if key not in self._seen and self._is_asked_for(key, created_at):
                self._requeue_failed(key)
        seen = {key.event_id for key in self._seen}
        for event_id in self._request.event_ids or ():
            if event_id not in seen:
                self.report.left.setdefault(event_id, Reason.NOT_FAILED)

    def _is_asked_for(self, key: EventKey, created_at: datetime) -> bool:
        if self._request.matches(key, created_at):
            return True
        self._leave(key, Reason.OUT_OF_RANGE)
        return False

    def _requeue_failed(self, key: EventKey) -> None:
        if self.is_full():
            self.report.remaining += 1
            self._leave(key, Reason.NOT_REACHED)
        else:
            self._requeue(key, from_statuses=(Status.FAILED,))

    def _requeue(self, key: EventKey, *, from_statuses: tuple[Status, ...]) -> bool:
        self._seen.add(key)
        target_url = self._target_url_of(key.tenant_id)
        if target_url is None:
            _log.warning("tenant not found", tenant_id=key.tenant_id, event_id=key.event_id)
            self._skip(key, Reason.TENANT_NOT_FOUND)
            return False
        if not self._request.dry_run:
            self._pace.keep()
            if not self._deliveries.reset(key, from_statuses=from_statuses, target_url=target_url):
                self._skip(key, _reason(key, self._deliveries.read([key], bodies=False)))
                return False
            self._queue.send(key)
        self.report.count(key)
        return True

    def _skip(self, key: EventKey, reason: Reason) -> None:
        """Count an event that was looked at and left, and tell why if it was named."""
        self.report.skipped += 1
        self._leave(key, reason)

    def _leave(self, key: EventKey, reason: Reason) -> None:
        """Tell why an event is left, if it was named; the first reason stands."""
        if self._request.event_ids is not None and self._request.names(key):
            self.report.left.setdefault(key.event_id, reason)


def _reason(key: EventKey, found: FoundDeliveries) -> Reason:
    """Why a delivery could not be reset, by what a read found of it."""
    delivery = found.deliveries.get(key)
    if delivery is None:
        return Reason.NOT_REACHED if key in found.unread else Reason.UNKNOWN
    if delivery.status == Status.DELIVERED:
        return Reason.DELIVERED
    # One that has failed since is for the next run.
    return Reason.WAITING if delivery.status == Status.PENDING else Reason.NOT_REACHED


def _no_tenant(tenant_id: str) -> str:
    # This is logged.
    looks_secret = tenant_id.startswith((API_KEY_PREFIX, WEBHOOK_SECRET_PREFIX))
    name = "of that id, which looks like a key and is not repeated" if looks_secret else repr(tenant_id)
    return f"tenantId: there is no tenant {name}: `tenants list` shows all tenants"
