"""The event that a submission becomes, and the body that receivers get."""

import json
from datetime import datetime

from ulid import ULID

from handlers.intake.submission import Submission
from handlers.model.delivery import Delivery, Status
from handlers.model.event import EVENT_ID_PREFIX, Event, EventKey
from handlers.model.tenant import ApiKeyHolder
from handlers.model.timestamps import from_iso, to_iso


def new_event_id(now: datetime) -> str:
    """An id that nobody else has, and that sorts by time."""
    return f"{EVENT_ID_PREFIX}{ULID.from_datetime(now)}".lower()


def new_delivery(holder: ApiKeyHolder, submission: Submission, *, event_id: str, at: datetime) -> Delivery:
    """The event of a submission, owed to the tenant's endpoint; the same arguments make the same bytes.

    Args:
        holder: whose event it is, and where it goes.
        submission: what happened.
        event_id: the event's.
        at: when it is created.
    """
    event = Event(
        key=EventKey(tenant_id=holder.tenant_id, event_id=event_id),
        type=submission.type,
        # What is answered, stored and delivered must be the same moment: milliseconds are kept, no more.
        created_at=from_iso(to_iso(at)),
        body=_delivered_body(event_id, submission, at),
    )
    return Delivery(event=event, status=Status.PENDING, attempts=0, target_url=holder.target_url)


def _delivered_body(event_id: str, submission: Submission, at: datetime) -> bytes:
    """The body that receivers get; stripe-python's `construct_event` asks for `object`."""
    envelope = {"id": event_id, "object": "event", "type": submission.type, "created": int(at.timestamp())}
    head = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
    return b'%b,"data":%b}' % (head.removesuffix(b"}"), submission.data)
