"""Events: what a producer sends, what the system keeps of it, and what a receiver gets."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ulid import ULID

from handlers import schema
from handlers.domain.timestamps import from_iso, to_iso

EVENT_ID_PREFIX = "evt_"
MAX_ID_CHARACTERS = 64  # a tenant's id may have as many, an event's has 30
MAX_ATTEMPT_HISTORY = 12  # two full schedules; the item must stay small
MAX_ANSWER_BYTES = 256


@dataclass(frozen=True, kw_only=True)
class EventKey:
    """What names one event."""

    tenant_id: str
    event_id: str


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to deliver an event, as it is recorded.

    Attributes:
        at: when it began.
        outcome: `http_<status>` or the class of the error, for example `timeout`.
        status_code: the HTTP status, or None when there was no answer.
        answer: the first 256 bytes of the answer's body, as text.
    """

    at: datetime
    outcome: str
    status_code: int | None
    duration_ms: int
    answer: str = ""

    @property
    def succeeded(self) -> bool:
        """Success is a 2xx answer and nothing else."""
        return self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004 - RFC 9110

    def to_item(self) -> dict[str, Any]:
        """The attempt as an entry of the item's history."""
        entry = {"at": to_iso(self.at), "outcome": self.outcome, "durationMs": self.duration_ms}
        return entry | ({"answer": self.answer} if self.answer else {})


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event as it is stored.

    Attributes:
        attempts: attempts made so far, of this round if it was requeued.
        body: the exact bytes that every attempt sends; None where they were not read.
        attempt_history: the latest attempts as `Attempt.to_item` made them, oldest first.
    """

    key: EventKey
    type: str
    status: str
    attempts: int
    target_url: str
    created_at: datetime
    body: bytes | None = None
    attempt_history: tuple[dict[str, Any], ...] = ()

    def history_with(self, attempt: Attempt) -> list[dict[str, Any]]:
        """The attempt history with one more entry, the oldest dropped beyond the bound."""
        return [*self.attempt_history, attempt.to_item()][-MAX_ATTEMPT_HISTORY:]


def new_event_id(now: datetime) -> str:
    """An id that nobody else has, and that sorts by time."""
    return f"{EVENT_ID_PREFIX}{ULID.from_datetime(now)}".lower()


def new_event(
    *,
    tenant_id: str,
    target_url: str,
    type_: str,
    data: bytes,
    now: datetime,
    event_id: str | None = None,
) -> Event:
    """A PENDING event; the same arguments, `event_id` among them, make the same event to the byte.

    Args:
        tenant_id: whose it is.
        target_url: where it goes.
        type_: as the producer calls it.
        data: what it tells: a JSON object in UTF-8, which every attempt sends as it is.
        now: when it is created.
        event_id: a new one unless given.
    """
    event_id = event_id or new_event_id(now)
    return Event(
        key=EventKey(tenant_id=tenant_id, event_id=event_id),
        type=type_,
        status=schema.PENDING,
        attempts=0,
        target_url=target_url,
        # What is answered, stored and delivered must be the same moment: milliseconds are kept, no more.
        created_at=from_iso(to_iso(now)),
        body=_delivered_body(event_id, type_, data, now),
    )


def _delivered_body(event_id: str, type_: str, data: bytes, now: datetime) -> bytes:
    """The body that receivers get; `object` is what stripe-python's `construct_event` asks for."""
    envelope = {"id": event_id, "object": "event", "type": type_, "created": int(now.timestamp())}
    head = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
    return b'%b,"data":%b}' % (head.removesuffix(b"}"), data)
