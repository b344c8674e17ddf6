"""The records of idempotency keys, in the table `Events`."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from handlers.model.event import EventKey
from handlers.model.idempotency import IdempotencyRecord
from handlers.model.timestamps import from_iso, to_iso
from handlers.store import schema
from handlers.store.items import key_of
from handlers.store.table import Table

_KEY_PREFIX = "idempotency#"


@dataclass(frozen=True, kw_only=True)
class IdempotencyStore:
    """Reads and writes records. Every method raises botocore's ClientError or BotoCoreError on failure.

    Attributes:
        table: `Events`.
        lifetime: how long a key is remembered.
    """

    table: Table
    lifetime: timedelta

    def first(self, record: IdempotencyRecord) -> IdempotencyRecord:
        """The record of the first request under this key: the one given if there is none yet.

        DynamoDB deletes expired items within days, not at once: an expired record counts as none.
        """
        now = int(record.created_at.timestamp())
        is_free = Attr(schema.EVENT_ID).not_exists() | Attr(schema.EXPIRES_AT).lte(now)
        while not self._put(record, is_free):
            if (found := self.read(record)) is not None:
                return found
        return record

    def mark_queued(self, record: IdempotencyRecord) -> None:
        """From now on, a repeated request has nothing left to do."""
        # Not over a later request's record, should this one have expired.
        is_same = Attr(schema.FIRST_EVENT_ID).eq(record.event_id)
        self._put(replace(record, queued=True), is_same)

    def read(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """The record of the same key as it is now, or None."""
        row = self.table.get(_key(record), schema.IDEMPOTENCY_RECORD)
        if row is None:
            return None
        return replace(
            record,
            body_hash=row[schema.BODY_HASH],
            event_id=row[schema.FIRST_EVENT_ID],
            created_at=from_iso(row[schema.CREATED_AT]),
            queued=row[schema.QUEUED],
        )

    def _put(self, record: IdempotencyRecord, only_if: ConditionBase) -> bool:
        item: dict[str, Any] = {
            **_key(record),
            schema.BODY_HASH: record.body_hash,
            schema.FIRST_EVENT_ID: record.event_id,
            schema.CREATED_AT: to_iso(record.created_at),
            schema.QUEUED: record.queued,
            schema.EXPIRES_AT: int((record.created_at + self.lifetime).timestamp()),
        }
        return self.table.put(item, only_if=only_if)


def _key(record: IdempotencyRecord) -> dict[str, str]:
    return key_of(EventKey(tenant_id=record.tenant_id, event_id=_KEY_PREFIX + record.key_hash))
