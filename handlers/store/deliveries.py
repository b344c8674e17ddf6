"""Deliveries: read, claimed for an attempt, and moved from one status to the next.

Every write that changes a status is conditional on the status it comes from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from handlers.model.attempt import Attempt
from handlers.model.delivery import Delivery, Status
from handlers.model.event import EVENT_ID_PREFIX, EventKey
from handlers.model.timestamps import Clock, to_iso, utc_now
from handlers.store import schema
from handlers.store.items import delivery_of, epoch, event_key, history_with, key_of, payload_key_of
from handlers.store.table import Table


@dataclass(frozen=True, kw_only=True)
class FoundDeliveries:
    """What a batch read gave: the deliveries that are there, and the keys that DynamoDB did not get to."""

    deliveries: Mapping[EventKey, Delivery]
    unread: frozenset[EventKey]


@dataclass(frozen=True, kw_only=True)
class DeliveryStore:
    """Reads and changes deliveries. Every method raises botocore's ClientError or BotoCoreError on failure.

    Attributes:
        table: `Events`.
        clock: tells when an event has expired and when a claim ends.
    """

    table: Table
    clock: Clock = utc_now

    def read(self, keys: Iterable[EventKey], *, bodies: bool = True) -> FoundDeliveries:
        """Read up to 100 deliveries, with or without their events' bodies; expired ones count as gone."""
        attributes = () if bodies else schema.WITHOUT_PAYLOAD
        # The table holds items that are no events, under other keys; the AWS console shows those, too.
        named = {key for key in keys if key.event_id.startswith(EVENT_ID_PREFIX)}
        items, left = self.table.batch_get([key_of(key) for key in named], attributes)
        now = self.clock().timestamp()
        alive = [item for item in items if item[schema.EXPIRES_AT] > now]
        beside = [payload_key_of(event_key(item)) for item in alive if bodies and schema.PAYLOAD not in item]
        payload_items, payloads_left = self.table.batch_get(beside)
        payloads = {event_key(item): item for item in payload_items}
        unread = frozenset(map(event_key, [*left, *payloads_left]))
        found = [delivery_of(item, payloads.get(event_key(item), item)) for item in alive]
        return FoundDeliveries(
            deliveries={delivery.key: delivery for delivery in found if delivery.key not in unread},
            unread=unread,
        )

    def claim(self, delivery: Delivery, *, number: int, hold_seconds: float) -> bool:
        """Take a PENDING delivery for one attempt, before that is made; nobody else attempts it meanwhile.

        The attempt counts from here on: a worker that dies in the middle of it has used it up.

        Args:
            delivery: as it was read.
            number: the attempt's, from 1.
            hold_seconds: longer than an attempt can last. A worker that still holds it then has died.

        Returns:
            False when another worker holds the delivery, or something happened to it since it was read.
        """
        now = self.clock()
        changes = {
            schema.ATTEMPTS: number,
            schema.LAST_ATTEMPT_AT: to_iso(now),
            schema.HELD_UNTIL: epoch(now + timedelta(seconds=hold_seconds)),
        }
        return self._change(delivery.key, changes, only_if=_is_unheld(delivery, now, hold_seconds))

    def give_up(self, delivery: Delivery, error: str, *, hold_seconds: float) -> bool:
        """PENDING becomes FAILED without an attempt, none being left. Arguments and result as in `claim`."""
        now = self.clock()
        changes = {schema.STATUS: Status.FAILED, schema.LAST_ERROR: error, schema.HELD_UNTIL: None}
        return self._change(delivery.key, changes, only_if=_is_unheld(delivery, now, hold_seconds))

    def mark_delivered(self, delivery: Delivery, attempt: Attempt) -> bool:
        """PENDING becomes DELIVERED, and leaves the status index.

        So does FAILED: a success that is recorded late, after another worker gave up, is still one.

        Returns:
            False when it was DELIVERED already or is gone: nothing is written then.
        """
        changes = {
            schema.STATUS: Status.DELIVERED,
            schema.DELIVERED_AT: to_iso(attempt.at),
            schema.SHARD: None,
            schema.LAST_ERROR: None,
        }
        not_yet = _status_is(Status.PENDING, Status.FAILED)
        return self._end_attempt(delivery, attempt, changes, only_if=not_yet)

    def mark_retry(self, delivery: Delivery, attempt: Attempt, number: int) -> bool:
        """PENDING stays PENDING, to be attempted again.

        Args:
            delivery: as it was read.
            attempt: what came of the attempt.
            number: of the attempt, as it was claimed.

        Returns:
            False when the delivery is not PENDING under this claim any more: nothing is written then.
        """
        changes = {schema.LAST_ERROR: attempt.outcome}
        return self._end_attempt(delivery, attempt, changes, only_if=_is_claimed(number))

    def mark_failed(self, delivery: Delivery, attempt: Attempt, number: int) -> bool:
        """PENDING becomes FAILED, after the last attempt. Arguments and result as in `mark_retry`."""
        changes = {schema.STATUS: Status.FAILED, schema.LAST_ERROR: attempt.outcome}
        return self._end_attempt(delivery, attempt, changes, only_if=_is_claimed(number))

    def reset(self, key: EventKey, *, from_statuses: Sequence[Status], target_url: str) -> bool:
        """A delivery becomes PENDING again with no attempts, to the tenant's current target.

        A worker that holds it goes on holding it, so that no attempt overlaps another.

        Returns:
            False when the delivery is gone or in none of these statuses: nothing is written then.
        """
        changes = {
            schema.STATUS: Status.PENDING,
            schema.ATTEMPTS: 0,
            schema.TARGET_URL: target_url,
            schema.QUEUED_AT: to_iso(self.clock()),
        }
        return self._change(key, changes, only_if=_status_is(*from_statuses))

    def _end_attempt(
        self, delivery: Delivery, attempt: Attempt, changes: Mapping[str, Any], *, only_if: ConditionBase
    ) -> bool:
        made = {
            schema.LAST_ATTEMPT_AT: to_iso(attempt.at),
            schema.ATTEMPT_HISTORY: history_with(delivery, attempt),
            schema.HELD_UNTIL: None,
        }
        return self._change(delivery.key, {**changes, **made}, only_if=only_if)

    def _change(self, key: EventKey, changes: Mapping[str, Any], *, only_if: ConditionBase) -> bool:
        return self.table.update(key_of(key), changes, only_if=only_if)


def _status_is(*statuses: Status) -> ConditionBase:
    return Attr(schema.STATUS).is_in(list(statuses))


def _is_claimed(number: int) -> ConditionBase:
    return _status_is(Status.PENDING) & Attr(schema.ATTEMPTS).eq(number)


def _is_unheld(delivery: Delivery, now: datetime, hold_seconds: float) -> ConditionBase:
    """PENDING, as it was read, and held by no worker that may still be alive.

    A hold that ends later than any that can have begun by now was set before the clock was put back.
    """
    latest = now + timedelta(seconds=2 * hold_seconds)
    held_until = Attr(schema.HELD_UNTIL)
    return (
        _status_is(Status.PENDING)
        & Attr(schema.ATTEMPTS).eq(delivery.attempts)
        & (held_until.not_exists() | ~held_until.between(epoch(now), epoch(latest)))
    )
