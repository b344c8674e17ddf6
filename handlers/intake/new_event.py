"""The event that a submission becomes, and the body that receivers get."""

import json
from datetime import datetime

from ulid import ULID

from handlers.model.delivery import Status
from handlers.model.event import EVENT_ID_PREFIX, Event, EventKey
from handlers.model.timestamps import from_iso, to_iso


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
        status=Status.PENDING,
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
