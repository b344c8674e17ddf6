"""The table `Events`: every write that changes a status is conditional on the status it comes from."""

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from handlers import schema
from handlers.aws import is_condition_failure
from handlers.domain.events import Attempt, Event, EventKey
from handlers.domain.timestamps import Clock, from_iso, to_iso, utc_now

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

# A status update costs by the item's whole size. A payload above this many bytes lies in an item of its own,
# written once and never updated: it is paid for once, for the price of one more write and one more read.
INLINE_PAYLOAD_BYTES = 2048
_PAYLOAD_KEY_PREFIX = "payload#"
_BATCH_GET_ROUNDS = 5

_to_python = TypeDeserializer().deserialize
_to_dynamodb = TypeSerializer().serialize


@dataclass(frozen=True, kw_only=True)
class FoundEvents:
    """What a batch read gave: the events that are there, and the keys DynamoDB did not get to."""

    events: Mapping[EventKey, Event]
    unread: frozenset[EventKey]


class EventStore:
    """Reads and writes events. Every method raises botocore's ClientError or BotoCoreError on failure."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table_name: str,
        *,
        clock: Clock = utc_now,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open the table.

        Args:
            client: a DynamoDB client.
            table_name: the name of the table `Events`.
            clock: tells when an event has expired.
            pause: waits so many seconds between the rounds of a throttled batch read.
        """
        self._client = client
        self._table_name = table_name
        self._clock = clock
        self._pause = pause

    def put(self, event: Event, *, shards: int, retention: timedelta) -> None:
        """Store a new event: a large payload first, so that an event that is there can always be delivered.

        Args:
            event: with its body.
            shards: over how many partitions the status index spreads what is owed.
            retention: how long after its creation the event expires.
        """
        if event.body is None:
            raise ValueError(f"event {event.key.event_id} has no body to store")
        encoding, payload = _encode(event.body)
        expires_at = int((event.created_at + retention).timestamp())
        content = {schema.PAYLOAD: payload, schema.PAYLOAD_ENCODING: encoding, schema.EXPIRES_AT: expires_at}
        if len(payload) > INLINE_PAYLOAD_BYTES:
            self._put_new(_payload_key(event.key) | content)
            content = {schema.EXPIRES_AT: expires_at}
        self._put_new(
            _key(event.key)
            | content
            | {
                schema.TYPE: event.type,
                schema.STATUS: event.status,
                schema.SHARD: shard_of(event.key.event_id, shards),
                schema.CREATED_AT: to_iso(event.created_at),
                schema.ATTEMPTS: event.attempts,
                schema.TARGET_URL: event.target_url,
            }
        )

    def read(self, keys: Iterable[EventKey], *, bodies: bool = True) -> FoundEvents:
        """Read up to 100 events consistently, with their bodies or without; expired ones count as gone."""
        items, unread = self._batch_get([_key(key) for key in set(keys)])
        now = self._clock().timestamp()
        alive = [item for item in items if item[schema.EXPIRES_AT] > now]
        beside = [_payload_key(_event_key(item)) for item in alive if bodies and schema.PAYLOAD not in item]
        payload_items, payloads_unread = self._batch_get(beside)
        payloads = {_event_key(item): item for item in payload_items}
        events = [_event(item, payloads.get(_event_key(item), item)) for item in alive]
        unread |= payloads_unread
        return FoundEvents(
            events={event.key: event for event in events if event.key not in unread}, unread=unread
        )

    def mark_delivered(self, event: Event, attempt: Attempt, number: int) -> bool:
        """PENDING becomes DELIVERED; the event leaves the status index.

        Returns:
            False when the event was not PENDING any more: nothing is written then.
        """
        sets = {schema.STATUS: schema.DELIVERED, schema.DELIVERED_AT: to_iso(attempt.at)}
        return self._update_pending(
            event, sets | _tried(event, attempt, number), remove=(schema.SHARD, schema.LAST_ERROR)
        )

    def mark_retry(self, event: Event, attempt: Attempt, number: int) -> bool:
        """PENDING stays PENDING, with one failed attempt more. Returns as `mark_delivered`."""
        sets = {schema.LAST_ERROR: attempt.outcome}
        return self._update_pending(event, sets | _tried(event, attempt, number))

    def mark_failed(self, event: Event, attempt: Attempt, number: int) -> bool:
        """PENDING becomes FAILED, after the last attempt. Returns as `mark_delivered`."""
        sets = {schema.STATUS: schema.FAILED, schema.LAST_ERROR: attempt.outcome}
        return self._update_pending(event, sets | _tried(event, attempt, number))

    def reset(self, key: EventKey, *, from_statuses: Sequence[str], target_url: str) -> bool:
        """An event becomes PENDING again with no attempts, for the tenant's current target.

        Returns:
            False when the event is gone or in none of these statuses: nothing is written then.
        """
        sets = {schema.STATUS: schema.PENDING, schema.ATTEMPTS: 0, schema.TARGET_URL: target_url}
        return self._update(key, sets, from_statuses=from_statuses)

    def failed(self, *, shards: int) -> Iterator[tuple[EventKey, datetime]]:
        """Every FAILED event of the status index with its creation time; oldest first within each shard."""
        for shard in range(shards):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table_name,
                IndexName=schema.STATUS_INDEX,
                KeyConditionExpression="#status = :failed AND #shard = :shard",
                ExpressionAttributeNames={"#status": schema.STATUS, "#shard": schema.SHARD},
                ExpressionAttributeValues={":failed": {"S": schema.FAILED}, ":shard": {"N": str(shard)}},
            )
            for page in pages:
                for item in map(_plain, page["Items"]):
                    yield _event_key(item), from_iso(item[schema.CREATED_AT])

    def _put_new(self, item: dict[str, Any]) -> None:
        """Put an item that is not there yet; one that is there is the same write, tried again by the SDK."""
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item={name: _to_dynamodb(value) for name, value in item.items()},
                ConditionExpression="attribute_not_exists(#id)",
                ExpressionAttributeNames={"#id": schema.EVENT_ID},
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise

    def _update_pending(self, event: Event, sets: dict[str, Any], *, remove: Sequence[str] = ()) -> bool:
        return self._update(event.key, sets, from_statuses=(schema.PENDING,), remove=remove)

    def _update(
        self,
        key: EventKey,
        sets: dict[str, Any],
        *,
        from_statuses: Sequence[str],
        remove: Sequence[str] = (),
    ) -> bool:
        names = {f"#{name}": name for name in (*sets, *remove, schema.STATUS)}
        values = {f":{name}": value for name, value in sets.items()}
        statuses = {f":from{n}": status for n, status in enumerate(from_statuses)}
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        try:
            self._client.update_item(
                TableName=self._table_name,
                Key={name: _to_dynamodb(value) for name, value in _key(key).items()},
                UpdateExpression=expression,
                ConditionExpression=f"#{schema.STATUS} IN ({', '.join(statuses)})",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={
                    name: _to_dynamodb(value) for name, value in (values | statuses).items()
                },
            )
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True

    def _batch_get(self, keys: Sequence[dict[str, str]]) -> tuple[list[dict[str, Any]], frozenset[EventKey]]:
        """Read items, asking again for those that DynamoDB left out for its own load."""
        left: list[Any] = [{name: _to_dynamodb(value) for name, value in key.items()} for key in keys]
        items: list[dict[str, Any]] = []
        for round_ in range(_BATCH_GET_ROUNDS):
            if not left:
                break
            if round_:
                self._pause(0.05 * 2**round_)
            answer = self._client.batch_get_item(
                RequestItems={self._table_name: {"Keys": left, "ConsistentRead": True}}
            )
            items += map(_plain, answer["Responses"].get(self._table_name, []))
            unprocessed: dict[str, Any] = dict(answer.get("UnprocessedKeys", {}))
            left = unprocessed.get(self._table_name, {}).get("Keys", [])
        return items, frozenset(_event_key(_plain(key)) for key in left)


def shard_of(event_id: str, shards: int) -> int:
    """The shard of the status index that holds an event."""
    return zlib.crc32(event_id.encode()) % shards


def _tried(event: Event, attempt: Attempt, number: int) -> dict[str, Any]:
    return {
        schema.ATTEMPTS: number,
        schema.LAST_ATTEMPT_AT: to_iso(attempt.at),
        schema.ATTEMPT_HISTORY: event.history_with(attempt),
    }


def _key(key: EventKey) -> dict[str, str]:
    return {schema.TENANT_ID: key.tenant_id, schema.EVENT_ID: key.event_id}


def _payload_key(key: EventKey) -> dict[str, str]:
    return _key(replace(key, event_id=_PAYLOAD_KEY_PREFIX + key.event_id))


def _event_key(item: Mapping[str, Any]) -> EventKey:
    event_id = item[schema.EVENT_ID].removeprefix(_PAYLOAD_KEY_PREFIX)
    return EventKey(tenant_id=item[schema.TENANT_ID], event_id=event_id)


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_python(value) for name, value in item.items()}


def _event(item: Mapping[str, Any], payload_item: Mapping[str, Any]) -> Event:
    return Event(
        key=_event_key(item),
        type=item[schema.TYPE],
        status=item[schema.STATUS],
        attempts=int(item[schema.ATTEMPTS]),
        target_url=item[schema.TARGET_URL],
        created_at=from_iso(item[schema.CREATED_AT]),
        body=_decode(payload_item) if schema.PAYLOAD in payload_item else None,
        attempt_history=tuple(item.get(schema.ATTEMPT_HISTORY, ())),
    )


def _encode(body: bytes) -> tuple[str, bytes]:
    """The payload as it is stored: compressed where that is smaller."""
    compressed = zlib.compress(body)
    return ("deflate", compressed) if len(compressed) < len(body) else ("identity", body)


def _decode(item: Mapping[str, Any]) -> bytes:
    raw = bytes(item[schema.PAYLOAD])
    return zlib.decompress(raw) if item[schema.PAYLOAD_ENCODING] == "deflate" else raw
