"""Idempotency keys: a request that a producer repeats under the same key makes no second event.

The key's item lies in the tenant's own partition, so that tenants never share one. It is written before the
event, under which id the event is to be stored, and marked once the event's message was sent: whoever
repeats the request knows by it what is left to do.
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handlers.intake import problems
from handlers.model.event import Event, EventKey
from handlers.model.timestamps import from_iso, to_iso
from handlers.store import schema
from handlers.store.aws import is_condition_failure
from handlers.store.items import key_of, plain, typed

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_HEADER = re.compile(r"[!-~]{1,255}")  # visible ASCII
_RECORD_KEY_PREFIX = "idempotency#"
# Between looks at a request that is being served at the same time: 1.5 s in all, far more than it takes.
_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True, kw_only=True)
class IdempotentRequest:
    """A request that carries a key.

    Attributes:
        key_hash: hex SHA-256 of the key; the key itself is the producer's and may be telling.
        body_hash: hex SHA-256 of the body's bytes as sent.
    """

    key_hash: str
    body_hash: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is remembered of the first request under a key.

    Attributes:
        event_id: of the event that it makes.
        created_at: the event's.
        queued: whether the event is known to be stored and its message to be sent.
    """

    body_hash: str
    event_id: str
    created_at: datetime
    queued: bool


def idempotent_request(header: str | None, body: bytes) -> IdempotentRequest | None:
    """Read the header `Idempotency-Key`; None when there is none.

    Raises:
        Problem: 400 when it is not 1 to 255 visible ASCII characters.
    """
    if header is None:
        return None
    if not _HEADER.fullmatch(header):
        raise problems.invalid_idempotency_key()
    return IdempotentRequest(key_hash=_sha256(header.encode()), body_hash=_sha256(body))


class IdempotencyStore:
    """The items of idempotency keys in the table `Events`.

    Every method raises botocore's ClientError or BotoCoreError on failure.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table_name: str,
        *,
        lifetime: timedelta,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open the table.

        Args:
            client: a DynamoDB client.
            table_name: the name of the table `Events`.
            lifetime: how long a key is remembered.
            pause: waits so many seconds between two looks at a request that is being served.
        """
        self._client = client
        self._table_name = table_name
        self._lifetime = lifetime
        self._pause = pause

    def first(self, request: IdempotentRequest, event: Event) -> Record:
        """The record of the first request under this key: of this one, for `event`, if there was none.

        DynamoDB deletes what has expired within days, not at once: an expired record counts as none.
        """
        key = _record_key(event.key.tenant_id, request)
        record = Record(
            body_hash=request.body_hash,
            event_id=event.key.event_id,
            created_at=event.created_at,
            queued=False,
        )
        now = int(event.created_at.timestamp())
        while not self._put(
            key, record, f"attribute_not_exists(#id) OR #{schema.EXPIRES_AT} <= :now", {":now": now}
        ):
            if (found := self._read(key)) is not None:
                return found
        return record

    def wait_until_queued(self, request: IdempotentRequest, tenant_id: str, record: Record) -> bool:
        """Whether the first request is known to have done all it had to, after a moment of waiting for it."""
        key, seen = _record_key(tenant_id, request), record
        for seconds in _WAITS_SECONDS:
            if seen.queued:
                break
            self._pause(seconds)
            seen = self._read(key) or seen
        return seen.queued

    def mark_queued(self, request: IdempotentRequest, tenant_id: str, record: Record) -> None:
        """From now on, a repeated request has nothing left to do."""
        self._put(
            _record_key(tenant_id, request),
            replace(record, queued=True),
            # Not over that of a later request, should this one have expired.
            f"#{schema.FIRST_EVENT_ID} = :first",
            {":first": record.event_id},
        )

    def _put(self, key: dict[str, str], record: Record, condition: str, values: dict[str, Any]) -> bool:
        item = key | {
            schema.BODY_HASH: record.body_hash,
            schema.FIRST_EVENT_ID: record.event_id,
            schema.CREATED_AT: to_iso(record.created_at),
            schema.QUEUED: record.queued,
            schema.EXPIRES_AT: int((record.created_at + self._lifetime).timestamp()),
        }
        names = {
            "#id": schema.EVENT_ID,
            f"#{schema.EXPIRES_AT}": schema.EXPIRES_AT,
            f"#{schema.FIRST_EVENT_ID}": schema.FIRST_EVENT_ID,
        }
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=typed(item),
                ConditionExpression=condition,
                ExpressionAttributeNames={name: names[name] for name in names if name in condition},
                ExpressionAttributeValues=typed(values),
            )
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True

    def _read(self, key: dict[str, str]) -> Record | None:
        answer = self._client.get_item(
            TableName=self._table_name,
            Key=typed(key),
            ConsistentRead=True,
            ProjectionExpression=", ".join(f"#{name}" for name in _RECORD_ATTRIBUTES),
            ExpressionAttributeNames={f"#{name}": name for name in _RECORD_ATTRIBUTES},
        )
        if (item := answer.get("Item")) is None:
            return None
        row = plain(item)
        return Record(
            body_hash=row[schema.BODY_HASH],
            event_id=row[schema.FIRST_EVENT_ID],
            created_at=from_iso(row[schema.CREATED_AT]),
            queued=row[schema.QUEUED],
        )


_RECORD_ATTRIBUTES = (schema.BODY_HASH, schema.FIRST_EVENT_ID, schema.CREATED_AT, schema.QUEUED)


def _record_key(tenant_id: str, request: IdempotentRequest) -> dict[str, str]:
    return key_of(EventKey(tenant_id=tenant_id, event_id=_RECORD_KEY_PREFIX + request.key_hash))


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
