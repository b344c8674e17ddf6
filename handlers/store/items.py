"""The items of the table `Events`, and the events and deliveries that they hold."""

import zlib
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from handlers.model.attempt import Attempt
from handlers.model.delivery import Delivery
from handlers.model.event import Event, EventKey
from handlers.model.timestamps import from_iso, to_iso
from handlers.store import schema
from handlers.store.table import Item

MAX_ATTEMPT_HISTORY = 12  # two full schedules; the item must stay small

_PAYLOAD_KEY_PREFIX = "payload#"


def key_of(key: EventKey) -> dict[str, str]:
    """The primary key of an event's item."""
    return {schema.TENANT_ID: key.tenant_id, schema.EVENT_ID: key.event_id}


def payload_key_of(key: EventKey) -> dict[str, str]:
    """The primary key of the item beside it that holds a large payload."""
    return key_of(replace(key, event_id=_PAYLOAD_KEY_PREFIX + key.event_id))


def event_key(item: Item) -> EventKey:
    """The event that an item, or the item beside it, belongs to."""
    event_id = item[schema.EVENT_ID].removeprefix(_PAYLOAD_KEY_PREFIX)
    return EventKey(tenant_id=item[schema.TENANT_ID], event_id=event_id)


def delivery_of(item: Item, payload_item: Item) -> Delivery:
    """The delivery that an item holds; the payload lies in the same item or in the one beside it."""
    event = Event(
        key=event_key(item),
        type=item[schema.TYPE],
        created_at=from_iso(item[schema.CREATED_AT]),
        body=decode_body(payload_item) if schema.PAYLOAD in payload_item else None,
    )
    return Delivery(
        event=event,
        status=item[schema.STATUS],
        attempts=int(item[schema.ATTEMPTS]),
        target_url=item[schema.TARGET_URL],
        attempt_history=tuple(item.get(schema.ATTEMPT_HISTORY, ())),
    )


def history_with(delivery: Delivery, attempt: Attempt) -> list[Item]:
    """The attempt history with one more entry; beyond the bound, the oldest is dropped."""
    entry = {"at": to_iso(attempt.at), "outcome": attempt.outcome, "durationMs": attempt.duration_ms}
    entry |= {"answer": attempt.answer} if attempt.answer else {}
    return [*delivery.attempt_history, entry][-MAX_ATTEMPT_HISTORY:]


def encode_body(body: bytes) -> tuple[str, bytes]:
    """The payload's encoding and the payload: compressed where that is smaller."""
    compressed = zlib.compress(body)
    return ("deflate", compressed) if len(compressed) < len(body) else ("identity", body)


def decode_body(item: Item) -> bytes:
    """The body that `encode_body` made the payload from."""
    raw = bytes(item[schema.PAYLOAD])
    return zlib.decompress(raw) if item[schema.PAYLOAD_ENCODING] == "deflate" else raw


def epoch(moment: datetime) -> Decimal:
    """Epoch seconds as DynamoDB's numbers are written, to the millisecond."""
    return Decimal(round(moment.timestamp() * 1000)) / 1000
