"""Events and messages by the thousand."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from handlers.intake.new_event import new_event
from handlers.model.delivery import Status
from handlers.model.event import Event
from handlers.model.timestamps import to_iso
from handlers.store import schema
from handlers.store.items import encode_body, key_of, typed
from tests.faults.scenarios import TYPE
from tests.faults.world import BUDGET, World


def _an_event(world: World, created_at: datetime) -> Event:
    return new_event(
        tenant_id=world.tenant.tenant_id,
        target_url=world.receiver.url,
        type_=TYPE,
        data=b"{}",
        now=created_at,
    )


def store_many(world: World, count: int, status: str, *, age: timedelta = timedelta(hours=1)) -> list[Event]:
    """Events of the tenant as the worker would have left them: thousands, in a few calls."""
    created_at = datetime.fromtimestamp(world.stack.clock.now(), UTC) - age
    events = [_an_event(world, created_at) for _ in range(count)]
    table = world.stack.outputs["events_table_name"]
    for batch in _batches(events, 25):
        puts = [{"PutRequest": {"Item": _item(event, status)}} for event in batch]
        world.stack.aws.dynamodb.batch_write_item(RequestItems={table: puts})
    return events


def _item(event: Event, status: str) -> dict[str, Any]:
    encoding, payload = encode_body(event.body or b"")
    return typed(
        key_of(event.key)
        | {
            schema.TYPE: event.type,
            schema.STATUS: status,
            schema.ATTEMPTS: 0 if event.status == status else BUDGET,
            schema.TARGET_URL: event.target_url,
            schema.CREATED_AT: to_iso(event.created_at),
            schema.EXPIRES_AT: int((event.created_at + timedelta(days=30)).timestamp()),
            schema.PAYLOAD: payload,
            schema.PAYLOAD_ENCODING: encoding,
        }
        | ({schema.SHARD: 0} if status != Status.DELIVERED else {})
    )


def send_many(world: World, events: Sequence[Event], queue: str) -> None:
    """A message for each event to the queue of that stack output."""
    for batch in _batches(events, 10):
        world.stack.aws.sqs.send_message_batch(
            QueueUrl=world.stack.outputs[queue],
            Entries=[
                {
                    "Id": str(number),
                    "MessageBody": (
                        f'{{"tenantId": "{event.key.tenant_id}", "eventId": "{event.key.event_id}"}}'
                    ),
                    "MessageGroupId": event.key.tenant_id,
                }
                for number, event in enumerate(batch)
            ],
        )


def _batches(events: Sequence[Event], size: int) -> Iterator[list[Event]]:
    left = iter(events)
    while batch := list(islice(left, size)):
        yield batch
