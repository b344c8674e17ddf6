"""Sending failed events again, from the dead-letter queue and from the table.

For each event the order is: reset in the table, message to the delivery queue, then the old message away.
Killed in between, the event is PENDING with its old message still there, and the next run sends it again. If
it had none, the reconciler does.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import structlog

from handlers.model.delivery import Status
from handlers.model.event import EVENT_ID_PREFIX, Event, EventKey
from handlers.model.tenant import API_KEY_PREFIX
from handlers.recovery.requeue_request import RequeueInputError, RequeueRequest
from handlers.store.events import EventStore, FoundEvents
from handlers.store.queue import MalformedMessageError, Message, Queue
from handlers.store.tenants import TenantStore

MAX_EVENT_IDS_SHOWN = 100
_READ_BATCH = 100  # what `EventStore.read` takes at once
_SECRET_PREFIXES = (API_KEY_PREFIX, "whsec_")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Reason(StrEnum):
    """Why an event that was asked for was not sent again."""

    UNKNOWN = "unknown"
    """There is no such event of that tenant, or it has expired."""
    DELIVERED = "delivered"
    WAITING = "waiting"
    """It is PENDING: it waits for an attempt already."""
    NOT_FAILED = "not_failed"
    """DELIVERED, PENDING or unknown. Which of them, only the table tells, and its key needs the tenant."""
    OUT_OF_RANGE = "out_of_range"
    """It was not created between `since` and `until`."""
    NOT_REACHED = "not_reached"
    """The limit or the time ran out, it failed again meanwhile, or DynamoDB did not answer for it."""
    TENANT_NOT_FOUND = "tenant_not_found"
    """Its tenant is gone: nobody says where to send it."""


@dataclass(kw_only=True)
class RequeueReport:
    """What a run did, and what it did not.

    Attributes:
        requeued: events sent again, or that would be in a dry run.
        skipped: failed events and messages of the dead-letter queue that were looked at and left: delivered,
            gone, malformed, or their tenant is gone.
        remaining: failed events that were asked for and not reached, by the limit or the time.
        event_ids: the first of those that were requeued.
        left: why events that were named in the request were not requeued, by their ids.
    """

    dry_run: bool
    requeued: int = 0
    skipped: int = 0
    remaining: int = 0
    event_ids: list[str] = field(default_factory=list[str])
    left: dict[str, Reason] = field(default_factory=dict[str, Reason])

    def count(self, key: EventKey) -> None:
        """One more event was requeued."""
        self.requeued += 1
        if len(self.event_ids) < MAX_EVENT_IDS_SHOWN:
            self.event_ids.append(key.event_id)

    def document(self) -> dict[str, Any]:
        """The output of the requeue function; `left` is there only if there is something to tell."""
        left = [{"eventId": event_id, "reason": reason.value} for event_id, reason in self.left.items()]
        return {
            "requeued": self.requeued,
            "skipped": self.skipped,
            "remaining": self.remaining,
            "dryRun": self.dry_run,
            "eventIds": self.event_ids,
        } | ({"left": left} if left else {})

    def log(self) -> None:
        """Log the document, with the first of what was left.

        An id that is none of ours is not logged: somebody named it, and it may be anything, perhaps a key.
        """
        document = self.document()
        if self.left:
            document["left"] = [
                entry if entry["eventId"].startswith(EVENT_ID_PREFIX) else entry | {"eventId": "no event id"}
                for entry in document["left"][:MAX_EVENT_IDS_SHOWN]
            ]
        _log.info("requeue", **document)


@dataclass(frozen=True, kw_only=True)
class Requeuer:
    """Sends failed events again.

    Attributes:
        shards: over how many shards the status index is spread.
        dlq_visibility_seconds: how long a message of the dead-letter queue stays hidden while a run looks at
            it; longer than a run can last, so that no run meets a message twice.
        monotonic, pause: the time, in seconds, and how to let it pass.
    """

    events: EventStore
    tenants: TenantStore
    queue: Queue
    dlq: Queue
    shards: int
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
        return _Run(self, request, ends_at).report()


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
    """One run: its limits and what it has done."""

    def __init__(self, requeuer: Requeuer, request: RequeueRequest, ends_at: float) -> None:
        self._events, self._queue, self._dlq = requeuer.events, requeuer.queue, requeuer.dlq
        self._shards, self._hidden_seconds = requeuer.shards, requeuer.dlq_visibility_seconds
        self._target_url_of = cache(requeuer.tenants.target_url_of)
        self._request = request
        self._time_is_up = lambda: requeuer.monotonic() >= ends_at
        self._pace = _Pace(request.rate_per_second, requeuer.monotonic, requeuer.pause)
        self._report = RequeueReport(dry_run=request.dry_run)
        self._seen: set[EventKey] = set()
        self._held: dict[str, Message] = {}

    def report(self) -> RequeueReport:
        tenant_id, event_ids = self._request.tenant_id, self._request.event_ids
        if tenant_id is not None and self._target_url_of(tenant_id) is None:
            raise RequeueInputError(_no_tenant(tenant_id))
        try:
            for message, key, event in self._dead_letters():
                self._requeue_dead_letter(message, key, event)
        finally:
            # What stays in the dead-letter queue is visible again at once, not after the hiding time.
            for message in self._held.values():
                self._dlq.set_visibility(message.receipt_handle, 0)
        if tenant_id is not None and event_ids is not None:
            self._requeue_named([EventKey(tenant_id=tenant_id, event_id=named) for named in event_ids])
        else:
            self._requeue_listed()
        self._report.log()
        return self._report

    def _dead_letters(self) -> Iterator[tuple[Message, EventKey, Event | None]]:
        """The messages of the dead-letter queue that name an event, with it; every message is held."""
        while not self._full() and (messages := self._dlq.receive(visibility_timeout=self._hidden_seconds)):
            self._held |= {message.message_id: message for message in messages}
            keys = {message.message_id: key for message in messages if (key := self._key_of(message))}
            found = self._events.read(keys.values(), bodies=False)
            for message in messages:
                key = keys.get(message.message_id)
                if key is not None and key not in found.unread:
                    yield message, key, found.events.get(key)

    def _key_of(self, message: Message) -> EventKey | None:
        try:
            return message.event_key()
        except MalformedMessageError as error:
            _log.warning("malformed message", message_id=message.message_id, error=str(error))
            self._report.skipped += 1
            return None

    def _requeue_dead_letter(self, message: Message, key: EventKey, event: Event | None) -> None:
        if event is None or event.status == Status.DELIVERED:
            self._skip(key, Reason.UNKNOWN if event is None else Reason.DELIVERED)
            self._discard(message)
        elif key in self._seen or (
            self._is_asked_for(key, event.created_at)
            and not self._full()
            # PENDING here means that an earlier run, or the worker, died between its writes.
            and self._requeue(key, from_statuses=(Status.FAILED, Status.PENDING))
        ):
            self._discard(message)

    def _requeue_named(self, keys: Sequence[EventKey]) -> None:
        """Requeue those of these events that failed, and tell what became of the others.

        They are read from the table itself, which is never behind as the index can be.
        """
        unseen = [key for key in dict.fromkeys(keys) if key not in self._seen]
        for begin in range(0, len(unseen), _READ_BATCH):
            batch = unseen[begin : begin + _READ_BATCH]
            found = self._events.read(batch, bodies=False)
            for key in batch:
                event = found.events.get(key)
                if event is None or event.status != Status.FAILED:
                    self._leave(key, _reason(key, found))
                elif self._is_asked_for(key, event.created_at):
                    self._requeue_failed(key)

    def _requeue_listed(self) -> None:
        """Requeue what the index says has failed; of those that are named, the others have not."""
        for key, created_at in self._events.in_status(Status.FAILED, shards=self._shards):
            if key not in self._seen and self._is_asked_for(key, created_at):
                self._requeue_failed(key)
        seen = {key.event_id for key in self._seen}
        for event_id in self._request.event_ids or ():
            if event_id not in seen:
                self._report.left.setdefault(event_id, Reason.NOT_FAILED)

    def _is_asked_for(self, key: EventKey, created_at: datetime) -> bool:
        if self._request.matches(key, created_at):
            return True
        self._leave(key, Reason.OUT_OF_RANGE)
        return False

    def _requeue_failed(self, key: EventKey) -> None:
        if self._full():
            self._report.remaining += 1
            self._leave(key, Reason.NOT_REACHED)
        else:
            self._requeue(key, from_statuses=(Status.FAILED,))

    def _requeue(self, key: EventKey, *, from_statuses: tuple[str, ...]) -> bool:
        self._seen.add(key)
        target_url = self._target_url_of(key.tenant_id)
        if target_url is None:
            _log.warning("tenant not found", tenant_id=key.tenant_id, event_id=key.event_id)
            self._skip(key, Reason.TENANT_NOT_FOUND)
            return False
        if not self._request.dry_run:
            self._pace.keep()
            if not self._events.reset(key, from_statuses=from_statuses, target_url=target_url):
                self._skip(key, _reason(key, self._events.read([key], bodies=False)))
                return False
            self._queue.send(key)
        self._report.count(key)
        return True

    def _skip(self, key: EventKey, reason: Reason) -> None:
        """Count an event that was looked at and left, and tell why if it was named."""
        self._report.skipped += 1
        self._leave(key, reason)

    def _leave(self, key: EventKey, reason: Reason) -> None:
        """Tell why an event is left, if it was named; the first reason stands."""
        if self._request.event_ids is not None and self._request.names(key):
            self._report.left.setdefault(key.event_id, reason)

    def _discard(self, message: Message) -> None:
        if not self._request.dry_run:
            self._dlq.delete(message.receipt_handle)
            del self._held[message.message_id]

    def _full(self) -> bool:
        limit = self._request.limit
        return (limit is not None and self._report.requeued >= limit) or self._time_is_up()


def _reason(key: EventKey, found: FoundEvents) -> Reason:
    """Why an event could not be reset, by what a read found of it."""
    event = found.events.get(key)
    if event is None:
        return Reason.NOT_REACHED if key in found.unread else Reason.UNKNOWN
    if event.status == Status.DELIVERED:
        return Reason.DELIVERED
    # One that has failed since is for the next run.
    return Reason.WAITING if event.status == Status.PENDING else Reason.NOT_REACHED


def _no_tenant(tenant_id: str) -> str:
    # This is logged.
    looks_secret = tenant_id.startswith(_SECRET_PREFIXES)
    name = "of that id, which looks like a key and is not repeated" if looks_secret else repr(tenant_id)
    return f"tenantId: there is no tenant {name}: `tenants list` shows those there are"
