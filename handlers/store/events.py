"""New events: stored once, never over anything that is there."""

import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr

from handlers.model.delivery import Delivery
from handlers.model.timestamps import to_iso
from handlers.store import schema
from handlers.store.items import encode_body, key_of, payload_key_of
from handlers.store.table import Table

# A status update costs by the item's whole size. A payload above this many bytes lies in an item of its own,
# written once and never updated: it is paid for once, for the price of one more write and one more read.
INLINE_PAYLOAD_BYTES = 2048


@dataclass(frozen=True, kw_only=True)
class EventStore:
    """Stores new events, each with its delivery in the same item.

    Attributes:
        table: `Events`.
        shards: over how many partitions the status index spreads what is owed.
        retention: how long after its creation an event expires.
    """

    table: Table
    shards: int
    retention: timedelta

    def put(self, delivery: Delivery) -> None:
        """Store a new event: a large payload first, so that an event that is there can always be delivered.

        Raises:
            ValueError: the event has no body.
            botocore.exceptions.ClientError, BotoCoreError: DynamoDB did not store it.
        """
        event = delivery.event
        if event.body is None:
            raise ValueError(f"event {event.key.event_id} has no body to store")
        encoding, payload = encode_body(event.body)
        expires = {schema.EXPIRES_AT: int((event.created_at + self.retention).timestamp())}
        content = expires | {schema.PAYLOAD: payload, schema.PAYLOAD_ENCODING: encoding}
        if len(payload) > INLINE_PAYLOAD_BYTES:
            self._put_new(payload_key_of(event.key) | content)
            content = expires
        self._put_new(
            key_of(event.key)
            | content
            | {
                schema.TYPE: event.type,
                schema.STATUS: delivery.status,
                schema.SHARD: shard_of(event.key.event_id, self.shards),
                schema.CREATED_AT: to_iso(event.created_at),
                schema.ATTEMPTS: delivery.attempts,
                schema.TARGET_URL: delivery.target_url,
            }
        )

    def _put_new(self, item: dict[str, Any]) -> None:
        """Put an item that is not there yet; one that is there is the same write, repeated by the SDK."""
        self.table.put(item, only_if=Attr(schema.EVENT_ID).not_exists())


def shard_of(event_id: str, shards: int) -> int:
    """The shard of the status index that holds an event."""
    return zlib.crc32(event_id.encode()) % shards
