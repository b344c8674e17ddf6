"""Sending failed events again, from the dead-letter queue and from the table.

For each event the order is: reset in the table, message to the delivery queue, then the old message away.
Killed in between, the event is PENDING with its old message still there, and the next run sends it again. If
it had none, the reconciler does.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Annotated, Any

import structlog
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from handlers import schema
from handlers.domain.event_store import EventStore
from handlers.domain.events import Event, EventKey
from handlers.domain.queue import MalformedMessageError, Message, Queue
from handlers.domain.tenants import TenantStore

MAX_EVENT_IDS_SHOWN = 100

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class RequeueInputError(ValueError):
    """An input that is not of the contract's shape; the message names each field."""


def _iso_text(value: object) -> object:
    """Times are text: pydantic would take a bare number for epoch seconds."""
    if not isinstance(value, str):
        example = "2026-11-23T10:00:00Z"
        raise ValueError(f"must be an ISO 8601 time with its zone, for example {example}")  # noqa: TRY004 - pydantic's way
    return value


_Moment = Annotated[AwareDatetime, BeforeValidator(_iso_text)]


class RequeueRequest(BaseModel):
    """Which failed events to send again, and how: everything that failed, unless it is narrowed down."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, strict=True, hide_input_in_errors=True
    )

    tenant_id: str | None = None
    event_ids: list[str] | None = None
    since: _Moment | None = Field(default=None, strict=False)
    until: _Moment | None = Field(default=None, strict=False)
    limit: Annotated[int, Field(ge=1)] | None = None
    rate_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    dry_run: bool = False

    @classmethod
    def parse(cls, payload: Any) -> "RequeueRequest":
        """Read the input of the requeue function.

        Raises:
            RequeueInputError: naming each field that is unknown or wrong, and what would be right.
        """
        try:
            return cls.model_validate(payload)
        except ValidationError as error:
            faults = "; ".join(map(_told, error.errors()))
            raise RequeueInputError(f"the requeue input was refused, nothing was sent: {faults}") from error

    def matches(self, key: EventKey, created_at: datetime) -> bool:
        """Whether an event is among those asked for; `since` is inclusive, `until` exclusive."""
        return (
            (self.tenant_id is None or key.tenant_id == self.tenant_id)
            and (self.event_ids is None or key.event_id in self.event_ids)
            and (self.since is None or created_at >= self.since)
            and (self.until is None or created_at < self.until)
        )


def _told(fault: ErrorDetails) -> str:
    told = f"{'.'.join(map(str, fault['loc'])) or 'input'}: {fault['msg']}"
    # This is logged, and text that was given in the wrong place may be anything: perhaps a key.
    return f"{told} (got {fault['input']!r})" if isinstance(fault["input"], int | float) else told


@dataclass(kw_only=True)
class RequeueReport:
    """What a run did.

    Attributes:
        requeued: events sent again, or that would be in a dry run.
        skipped: events and messages that were looked at and left: delivered, gone, malformed, or their
            tenant is gone.
        remaining: failed events that were asked for and not reached, by the limit or the time.
    """

    dry_run: bool
    requeued: int = 0
    skipped: int = 0
    remaining: int = 0
    event_ids: list[str] = field(default_factory=list[str])

    def count(self, key: EventKey) -> None:
        """One more event was requeued."""
        self.requeued += 1
        if len(self.event_ids) < MAX_EVENT_IDS_SHOWN:
            self.event_ids.append(key.event_id)

    def document(self) -> dict[str, Any]:
        """The output of the requeue function."""
        return {
            "requeued": self.requeued,
            "skipped": self.skipped,
            "remaining": self.remaining,
            "dryRun": self.dry_run,
            "eventIds": self.event_ids,
        }


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
            botocore.exceptions.ClientError, BotoCoreError: AWS did not answer. What was done is done; run
                it again for the rest.
        """
        return _Run(self, request, ends_at).report()


class _Run:
    """One run: its pace, its limits and what it has done."""

    def __init__(self, requeuer: Requeuer, request: RequeueRequest, ends_at: float) -> None:
        self._with = requeuer
        self._request = request
        self._ends_at = ends_at
        self._report = RequeueReport(dry_run=request.dry_run)
        self._seen: set[EventKey] = set()
        self._held: dict[str, Message] = {}
        self._next_send_at = requeuer.monotonic()
        self._target_url_of = cache(requeuer.tenants.target_url_of)

    def report(self) -> RequeueReport:
        try:
            for message, event in self._dead_letters():
                self._requeue_dead_letter(message, event)
        finally:
            # What stays in the dead-letter queue is visible again at once, not after the hiding time.
            for message in self._held.values():
                self._with.dlq.set_visibility(message.receipt_handle, 0)
        for key, created_at in self._with.events.in_status(schema.FAILED, shards=self._with.shards):
            if key not in self._seen and self._request.matches(key, created_at):
                self._requeue_failed(key)
        _log.info("requeue", **self._report.document())
        return self._report

    def _dead_letters(self) -> Iterator[tuple[Message, Event | None]]:
        """The messages of the dead-letter queue that name an event, with it; every message is held."""
        while not self._full() and (
            messages := self._with.dlq.receive(visibility_timeout=self._with.dlq_visibility_seconds)
        ):
            self._held |= {message.message_id: message for message in messages}
            keys = {message.message_id: key for message in messages if (key := self._key_of(message))}
            found = self._with.events.read(keys.values(), bodies=False)
            for message in messages:
                key = keys.get(message.message_id)
                if key is not None and key not in found.unread:
                    yield message, found.events.get(key)

    def _key_of(self, message: Message) -> EventKey | None:
        try:
            return message.event_key()
        except MalformedMessageError as error:
            _log.warning("malformed message", message_id=message.message_id, error=str(error))
            self._report.skipped += 1
            return None

    def _requeue_dead_letter(self, message: Message, event: Event | None) -> None:
        if event is None or event.status == schema.DELIVERED:
            self._report.skipped += 1
            self._discard(message)
        elif event.key in self._seen or (
            self._request.matches(event.key, event.created_at)
            and not self._full()
            # PENDING here means that an earlier run, or the worker, died between its writes.
            and self._requeue(event.key, from_statuses=(schema.FAILED, schema.PENDING))
        ):
            self._discard(message)

    def _requeue_failed(self, key: EventKey) -> None:
        if self._full():
            self._report.remaining += 1
        else:
            self._requeue(key, from_statuses=(schema.FAILED,))

    def _requeue(self, key: EventKey, *, from_statuses: tuple[str, ...]) -> bool:
        self._seen.add(key)
        target_url = self._target_url_of(key.tenant_id)
        if target_url is None:
            _log.warning("tenant not found", tenant_id=key.tenant_id, event_id=key.event_id)
            self._report.skipped += 1
            return False
        if not self._request.dry_run:
            self._keep_pace()
            if not self._with.events.reset(key, from_statuses=from_statuses, target_url=target_url):
                self._report.skipped += 1
                return False
            self._with.queue.send(key)
        self._report.count(key)
        return True

    def _discard(self, message: Message) -> None:
        if not self._request.dry_run:
            self._with.dlq.delete(message.receipt_handle)
            del self._held[message.message_id]

    def _full(self) -> bool:
        limit = self._request.limit
        return (limit is not None and self._report.requeued >= limit) or (
            self._with.monotonic() >= self._ends_at
        )

    def _keep_pace(self) -> None:
        rate = self._request.rate_per_second
        if rate is None:
            return
        wait = self._next_send_at - self._with.monotonic()
        if wait > 0:
            self._with.pause(wait)
        self._next_send_at = max(self._next_send_at, self._with.monotonic()) + 1 / rate
