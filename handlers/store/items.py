"""Items of the table `Events` as DynamoDB holds them, and the values that they stand for."""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from handlers.model.event import Event, EventKey
from handlers.model.timestamps import from_iso
from handlers.store import schema

_PAYLOAD_KEY_PREFIX = "payload#"

_to_python = TypeDeserializer().deserialize
_to_dynamodb = TypeSerializer().serialize


def key_of(key: EventKey) -> dict[str, str]:
    """The primary key of an event's item."""
    return {schema.TENANT_ID: key.tenant_id, schema.EVENT_ID: key.event_id}


def payload_key_of(key: EventKey) -> dict[str, str]:
    """The primary key of the item beside it that holds a large payload."""
    return key_of(replace(key, event_id=_PAYLOAD_KEY_PREFIX + key.event_id))


def event_key(item: Mapping[str, Any]) -> EventKey:
    """The event that an item, or the item beside it, belongs to."""
    event_id = item[schema.EVENT_ID].removeprefix(_PAYLOAD_KEY_PREFIX)
    return EventKey(tenant_id=item[schema.TENANT_ID], event_id=event_id)


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values in DynamoDB's own form."""
    return {name: _to_dynamodb(value) for name, value in values.items()}


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item's values as Python's own."""
    return {name: _to_python(value) for name, value in item.items()}


def event_of(item: Mapping[str, Any], payload_item: Mapping[str, Any]) -> Event:
    """The event that an item holds; its payload lies in the same item or in the one beside it."""
    return Event(
        key=event_key(item),
        type=item[schema.TYPE],
        status=item[schema.STATUS],
        attempts=int(item[schema.ATTEMPTS]),
        target_url=item[schema.TARGET_URL],
        created_at=from_iso(item[schema.CREATED_AT]),
        body=decode_body(payload_item) if schema.PAYLOAD in payload_item else None,
        attempt_history=tuple(item.get(schema.ATTEMPT_HISTORY, ())),
    )


def encode_body(body: bytes) -> tuple[str, bytes]:
    """The payload as it is stored: compressed where that is smaller."""
    compressed = zlib.compress(body)
    return ("deflate", compressed) if len(compressed) < len(body) else ("identity", body)


def decode_body(item: Mapping[str, Any]) -> bytes:
    """The body that `encode_body` made the payload from."""
    raw = bytes(item[schema.PAYLOAD])
    return zlib.decompress(raw) if item[schema.PAYLOAD_ENCODING] == "deflate" else raw


def epoch(moment: datetime) -> Decimal:
    """Epoch seconds as DynamoDB's numbers are written, to the millisecond."""
    return Decimal(round(moment.timestamp() * 1000)) / 1000
