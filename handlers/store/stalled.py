"""Events that nothing happens to: what the reconciler reads and writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from boto3.dynamodb.conditions import Attr, Key

from handlers.model.delivery import Status
from handlers.model.event import EVENT_ID_PREFIX, EventKey
from handlers.model.timestamps import Clock, from_iso, to_iso, utc_now
from handlers.store import schema
from handlers.store.items import event_key, key_of
from handlers.store.table import Table

_NEWEST_EVENTS = 25


@dataclass(frozen=True, kw_only=True)
class StalledEvents:
    """Finds and marks stalled events. Every method raises botocore's ClientError or BotoCoreError on failure.

    Attributes:
        table: `Events`.
        clock: tells which events have expired.
    """

    table: Table
    clock: Clock = utc_now

    def untouched(self, keys: Iterable[EventKey], *, since: datetime) -> set[EventKey]:
        """Those of up to 100 events that are PENDING and that nothing happened to since that moment.

        They were neither created, nor attempted, nor queued again. Expired events are not among them, nor
        those that DynamoDB did not get to.
        """
        items, _ = self.table.batch_get([key_of(key) for key in set(keys)], schema.LIFE_SIGNS)
        now, moment = self.clock().timestamp(), to_iso(since)
        signs = (schema.CREATED_AT, schema.LAST_ATTEMPT_AT, schema.QUEUED_AT)
        return {
            event_key(item)
            for item in items
            if item[schema.STATUS] == Status.PENDING
            and item[schema.EXPIRES_AT] > now
            and max(item.get(sign, "") for sign in signs) < moment
        }

    def newest_attempted(self, tenant_id: str) -> datetime | None:
        """Creation time of the tenant's newest attempted event.

        None when none of its latest events was attempted: their messages wait, or it has no events.
        """
        newest = self.table.query(
            Key(schema.TENANT_ID).eq(tenant_id),
            Key(schema.EVENT_ID).begins_with(EVENT_ID_PREFIX),
            attributes=schema.PROGRESS,
            newest=_NEWEST_EVENTS,
        )
        attempted = (item for item in newest if item[schema.ATTEMPTS] > 0)
        item = next(attempted, None)
        return from_iso(item[schema.CREATED_AT]) if item else None

    def mark_queued_again(self, key: EventKey, *, untouched_since: datetime) -> bool:
        """A PENDING event is about to be queued again, since nothing has happened to it since that moment.

        Returns:
            False when something has: nothing is written then.
        """
        moment = to_iso(untouched_since)
        attempted, queued = Attr(schema.LAST_ATTEMPT_AT), Attr(schema.QUEUED_AT)
        is_untouched = (
            Attr(schema.STATUS).eq(Status.PENDING)
            & (attempted.not_exists() | attempted.lt(moment))
            & (queued.not_exists() | queued.lt(moment))
        )
        return self.table.update(key_of(key), {schema.QUEUED_AT: to_iso(self.clock())}, only_if=is_untouched)
