"""The status index: what is owed and what has failed, by creation time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from boto3.dynamodb.conditions import Key

from handlers.model.delivery import Status
from handlers.model.event import EventKey
from handlers.model.timestamps import from_iso, to_iso
from handlers.store import schema
from handlers.store.items import event_key
from handlers.store.table import Table


@dataclass(frozen=True, kw_only=True)
class StatusIndex:
    """The status index of the table `Events`.

    Attributes:
        table: `Events`.
        shards: over how many shards the index is spread.
    """

    table: Table
    shards: int

    def in_status(
        self, status: Status, *, created_before: datetime | None = None
    ) -> Iterator[tuple[EventKey, datetime]]:
        """Every PENDING or FAILED event with its creation time, oldest first within each shard.

        The index is eventually consistent.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: DynamoDB did not answer.
        """
        for shard in range(self.shards):
            older = [Key(schema.CREATED_AT).lt(to_iso(created_before))] if created_before else []
            conditions = (Key(schema.STATUS).eq(status), Key(schema.SHARD).eq(shard), *older)
            for item in self.table.query(*conditions, index=schema.STATUS_INDEX):
                yield event_key(item), from_iso(item[schema.CREATED_AT])
