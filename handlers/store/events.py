"""The table `Events`: every write that changes a status is conditional on the status it comes from."""

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handlers.model.attempt import Attempt
from handlers.model.delivery import Status
from handlers.model.event import EVENT_ID_PREFIX, Event, EventKey
from handlers.model.timestamps import Clock, from_iso, to_iso, utc_now
from handlers.store import schema
from handlers.store.aws import is_condition_failure
from handlers.store.items import encode_body, epoch, event_key, event_of, key_of, payload_key_of, plain, typed

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

# A status update costs by the item's whole size. A payload above this many bytes lies in an item of its own,
# written once and never updated: it is paid for once, for the price of one more write and one more read.
INLINE_PAYLOAD_BYTES = 2048
_BATCH_GET_ROUNDS = 5
_LATEST_EVENTS = 25


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
        encoding, payload = encode_body(event.body)
        expires_at = int((event.created_at + retention).timestamp())
        content = {schema.PAYLOAD: payload, schema.PAYLOAD_ENCODING: encoding, schema.EXPIRES_AT: expires_at}
        if len(payload) > INLINE_PAYLOAD_BYTES:
            self._put_new(payload_key_of(event.key) | content)
            content = {schema.EXPIRES_AT: expires_at}
        self._put_new(
            key_of(event.key)
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
        attributes = () if bodies else schema.WITHOUT_PAYLOAD
        # The table holds items that are no events, under other keys; the AWS console shows those, too.
        named = {key for key in keys if key.event_id.startswith(EVENT_ID_PREFIX)}
        items, unread = self._batch_get([key_of(key) for key in named], attributes=attributes)
        now = self._clock().timestamp()
        alive = [item for item in items if item[schema.EXPIRES_AT] > now]
        beside = [payload_key_of(event_key(item)) for item in alive if bodies and schema.PAYLOAD not in item]
        payload_items, payloads_unread = self._batch_get(beside)
        payloads = {event_key(item): item for item in payload_items}
        events = [event_of(item, payloads.get(event_key(item), item)) for item in alive]
        unread |= payloads_unread
        return FoundEvents(
            events={event.key: event for event in events if event.key not in unread}, unread=unread
        )

    def claim(self, event: Event, *, number: int, hold_seconds: float) -> bool:
        """Take a PENDING event for one attempt, before that is made; nobody else attempts it meanwhile.

        The attempt counts from here on: whoever dies in the middle of it has used it up.

        Args:
            event: as it was read.
            number: the attempt's, from 1.
            hold_seconds: longer than an attempt can last. Whoever holds the event until then has died.

        Returns:
            False when another worker holds the event, or something happened to it since it was read.
        """
        now = self._clock()
        sets = {
            schema.ATTEMPTS: number,
            schema.LAST_ATTEMPT_AT: to_iso(now),
            schema.HELD_UNTIL: epoch(now + timedelta(seconds=hold_seconds)),
        }
        return self._update(event.key, sets, self._is_unheld(event, now, hold_seconds))

    def give_up(self, event: Event, error: str, *, hold_seconds: float) -> bool:
        """PENDING becomes FAILED without an attempt, none being left. Arguments and result as in `claim`."""
        sets = {schema.STATUS: Status.FAILED, schema.LAST_ERROR: error}
        unheld = self._is_unheld(event, self._clock(), hold_seconds)
        return self._update(event.key, sets, unheld, remove=(schema.HELD_UNTIL,))

    def mark_delivered(self, event: Event, attempt: Attempt) -> bool:
        """PENDING becomes DELIVERED; the event leaves the status index.

        So does FAILED: a success that is recorded late, after another worker gave up, is still one.

        Returns:
            False when the event was delivered already or is gone: nothing is written then.
        """
        sets = {schema.STATUS: Status.DELIVERED, schema.DELIVERED_AT: to_iso(attempt.at)}
        return self._update(
            event.key,
            sets | _tried(event, attempt),
            _status_is(Status.PENDING, Status.FAILED),
            remove=(schema.SHARD, schema.LAST_ERROR, schema.HELD_UNTIL),
        )

    def mark_retry(self, event: Event, attempt: Attempt, number: int) -> bool:
        """PENDING stays PENDING, to be attempted again.

        Args:
            event: as it was read.
            attempt: what came of the attempt.
            number: under which the event was claimed for it.

        Returns:
            False when the event is not PENDING under this claim any more: nothing is written then.
        """
        sets = {schema.LAST_ERROR: attempt.outcome}
        return self._update(
            event.key, sets | _tried(event, attempt), _is_claimed(number), remove=(schema.HELD_UNTIL,)
        )

    def mark_failed(self, event: Event, attempt: Attempt, number: int) -> bool:
        """PENDING becomes FAILED, after the last attempt. Arguments and result as in `mark_retry`."""
        sets = {schema.STATUS: Status.FAILED, schema.LAST_ERROR: attempt.outcome}
        return self._update(
            event.key, sets | _tried(event, attempt), _is_claimed(number), remove=(schema.HELD_UNTIL,)
        )

    def reset(self, key: EventKey, *, from_statuses: Sequence[str], target_url: str) -> bool:
        """An event becomes PENDING again with no attempts, for the tenant's current target.

        A worker that holds it goes on holding it, so that no attempt overlaps another.

        Returns:
            False when the event is gone or in none of these statuses: nothing is written then.
        """
        sets = {
            schema.STATUS: Status.PENDING,
            schema.ATTEMPTS: 0,
            schema.TARGET_URL: target_url,
            schema.QUEUED_AT: to_iso(self._clock()),
        }
        return self._update(key, sets, _status_is(*from_statuses))

    def mark_queued_again(self, key: EventKey, *, silent_since: datetime) -> bool:
        """A PENDING event is about to be queued again, nothing having happened to it since that moment.

        Returns:
            False when something has: nothing is written then.
        """
        unless_since = _Condition(
            f"#{schema.STATUS} = :pending AND "
            f"(attribute_not_exists(#{schema.LAST_ATTEMPT_AT}) OR #{schema.LAST_ATTEMPT_AT} < :since) AND "
            f"(attribute_not_exists(#{schema.QUEUED_AT}) OR #{schema.QUEUED_AT} < :since)",
            names=(schema.LAST_ATTEMPT_AT, schema.QUEUED_AT),
            values={":pending": Status.PENDING, ":since": to_iso(silent_since)},
        )
        return self._update(key, {schema.QUEUED_AT: to_iso(self._clock())}, unless_since)

    def in_status(
        self, status: str, *, shards: int, created_before: datetime | None = None
    ) -> Iterator[tuple[EventKey, datetime]]:
        """Every PENDING or FAILED event of the status index with its creation time.

        Oldest first within each shard; the index is eventually consistent.
        """
        until = " AND #created < :before" if created_before else ""
        names = {"#status": schema.STATUS, "#shard": schema.SHARD}
        values: dict[str, Any] = {":status": status}
        if created_before:
            names["#created"] = schema.CREATED_AT
            values[":before"] = to_iso(created_before)
        for shard in range(shards):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table_name,
                IndexName=schema.STATUS_INDEX,
                KeyConditionExpression=f"#status = :status AND #shard = :shard{until}",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=typed(values | {":shard": shard}),
            )
            for page in pages:
                for item in map(plain, page["Items"]):
                    yield event_key(item), from_iso(item[schema.CREATED_AT])

    def silent(self, keys: Iterable[EventKey], *, since: datetime) -> set[EventKey]:
        """Those of up to 100 events that are PENDING and that nothing happened to since that moment.

        Neither were they created, nor attempted, nor queued again. What has expired is not among them, nor
        what DynamoDB did not get to.
        """
        items, _ = self._batch_get([key_of(key) for key in set(keys)], attributes=schema.LIFE_SIGNS)
        now, moment = self._clock().timestamp(), to_iso(since)
        signs = (schema.CREATED_AT, schema.LAST_ATTEMPT_AT, schema.QUEUED_AT)
        return {
            event_key(item)
            for item in items
            if item[schema.STATUS] == Status.PENDING
            and item[schema.EXPIRES_AT] > now
            and max(item.get(sign, "") for sign in signs) < moment
        }

    def reached(self, tenant_id: str) -> datetime | None:
        """When the youngest event of a tenant was created that an attempt was made at.

        None when there was none at its latest ones: its messages wait, or it has none.
        """
        answer = self._client.query(
            TableName=self._table_name,
            KeyConditionExpression="#tenant = :tenant AND begins_with(#id, :event)",
            ProjectionExpression="#tenant, #id, #attempts, #created",
            Select="SPECIFIC_ATTRIBUTES",  # the role's condition is about it
            ExpressionAttributeNames={
                "#tenant": schema.TENANT_ID,
                "#id": schema.EVENT_ID,
                "#attempts": schema.ATTEMPTS,
                "#created": schema.CREATED_AT,
            },
            ExpressionAttributeValues=typed({":tenant": tenant_id, ":event": EVENT_ID_PREFIX}),
            ScanIndexForward=False,
            Limit=_LATEST_EVENTS,
        )
        attempted = [item for item in map(plain, answer["Items"]) if item[schema.ATTEMPTS] > 0]
        return from_iso(attempted[0][schema.CREATED_AT]) if attempted else None

    def _put_new(self, item: dict[str, Any]) -> None:
        """Put an item that is not there yet; one that is there is the same write, tried again by the SDK."""
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=typed(item),
                ConditionExpression="attribute_not_exists(#id)",
                ExpressionAttributeNames={"#id": schema.EVENT_ID},
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise

    @staticmethod
    def _is_unheld(event: Event, now: datetime, hold_seconds: float) -> "_Condition":
        """PENDING, as it was read, and held by nobody who may still be alive.

        A hold that ends later than any that can have begun by now was set before the clock was put back.
        """
        latest = now + timedelta(seconds=2 * hold_seconds)
        return _Condition(
            f"#{schema.STATUS} = :pending AND #{schema.ATTEMPTS} = :seen AND "
            f"(attribute_not_exists(#{schema.HELD_UNTIL}) "
            f"OR NOT #{schema.HELD_UNTIL} BETWEEN :now AND :latest)",
            names=(schema.ATTEMPTS, schema.HELD_UNTIL),
            values={
                ":pending": Status.PENDING,
                ":seen": event.attempts,
                ":now": epoch(now),
                ":latest": epoch(latest),
            },
        )

    def _update(
        self, key: EventKey, sets: dict[str, Any], only_if: "_Condition", *, remove: Sequence[str] = ()
    ) -> bool:
        names = (*sets, *remove, *only_if.names, schema.STATUS)
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        try:
            self._client.update_item(
                TableName=self._table_name,
                Key=typed(key_of(key)),
                UpdateExpression=expression,
                ConditionExpression=only_if.expression,
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues=typed(
                    {f":{name}": value for name, value in sets.items()} | dict(only_if.values)
                ),
            )
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True

    def _batch_get(
        self, keys: Sequence[dict[str, str]], *, attributes: Sequence[str] = ()
    ) -> tuple[list[dict[str, Any]], frozenset[EventKey]]:
        """Read items, asking again for those that DynamoDB left out for its own load.

        Only these attributes of them, unless none is named.
        """
        projection = (
            {
                "ProjectionExpression": ", ".join(f"#{name}" for name in attributes),
                "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
            }
            if attributes
            else {}
        )
        left: list[Any] = [typed(key) for key in keys]
        items: list[dict[str, Any]] = []
        for round_ in range(_BATCH_GET_ROUNDS):
            if not left:
                break
            if round_:
                self._pause(0.05 * 2**round_)
            answer = self._client.batch_get_item(
                RequestItems={self._table_name: {"Keys": left, "ConsistentRead": True, **projection}}  # pyright: ignore[reportArgumentType] - keywords that must be absent, not empty
            )
            items += map(plain, answer["Responses"].get(self._table_name, []))
            unprocessed: dict[str, Any] = dict(answer.get("UnprocessedKeys", {}))
            left = unprocessed.get(self._table_name, {}).get("Keys", [])
        return items, frozenset(event_key(plain(key)) for key in left)


def shard_of(event_id: str, shards: int) -> int:
    """The shard of the status index that holds an event."""
    return zlib.crc32(event_id.encode()) % shards


@dataclass(frozen=True)
class _Condition:
    """What must be so for an update to be made.

    Attributes:
        names: the attributes that it speaks of, besides the status.
    """

    expression: str
    names: Sequence[str]
    values: Mapping[str, Any]


def _status_is(*statuses: str) -> _Condition:
    values = {f":from{n}": status for n, status in enumerate(statuses)}
    return _Condition(f"#{schema.STATUS} IN ({', '.join(values)})", names=(), values=values)


def _is_claimed(number: int) -> _Condition:
    return _Condition(
        f"#{schema.STATUS} = :pending AND #{schema.ATTEMPTS} = :claimed",
        names=(schema.ATTEMPTS,),
        values={":pending": Status.PENDING, ":claimed": number},
    )


def _tried(event: Event, attempt: Attempt) -> dict[str, Any]:
    return {
        schema.LAST_ATTEMPT_AT: to_iso(attempt.at),
        schema.ATTEMPT_HISTORY: event.history_with(attempt),
    }
