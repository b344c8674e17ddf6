"""Events by the thousand: copies of one that the system itself brought into its state."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.store import schema
from handlers.store.table import typed
from local.receiver import Answer
from tests.faults.testbed import TYPE, Testbed

_WRITE_BATCH = 25  # DynamoDB's limit for one BatchWriteItem


def posted(testbed: Testbed) -> dict[str, Any]:
    """The item of an event that waits for its first attempt."""
    testbed.start_over()
    testbed.post()
    return testbed.events()[0]


def settled(testbed: Testbed, answer: Answer) -> dict[str, Any]:
    """The item of an event that the worker is done with, after a receiver that answers like this."""
    testbed.receiver.answer(TYPE, answer)
    testbed.start_over()
    testbed.post()
    testbed.drain()
    return testbed.events()[0]


def store_copies(
    testbed: Testbed, item: dict[str, Any], count: int, *, age: timedelta = timedelta(hours=1)
) -> Sequence[str]:
    """Store so many copies of an event's item as the tenant's, in a few calls.

    Returns:
        Their ids.
    """
    created_at = datetime.fromtimestamp(testbed.stack.clock.now(), UTC) - age
    created = {
        schema.TENANT_ID: testbed.tenant.tenant_id,
        schema.CREATED_AT: created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    ids = [f"{item[schema.EVENT_ID][:-6]}{number:06}" for number in range(count)]
    puts = [{"PutRequest": {"Item": typed(item | created | {schema.EVENT_ID: id_})}} for id_ in ids]
    for begin in range(0, count, _WRITE_BATCH):
        batch = {testbed.events_table: puts[begin : begin + _WRITE_BATCH]}
        testbed.stack.aws.dynamodb.batch_write_item(RequestItems=batch)
    return ids
