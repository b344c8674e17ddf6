"""What must hold once the system has run on, whatever was killed or failed on the way."""

from collections.abc import Iterator
from typing import Any

from handlers.delivery.outcomes import Outcome
from handlers.model.delivery import Status
from handlers.store import schema
from local.receiver import Delivery
from tests.faults.world import BUDGET, World


def faults_right_after(world: World, function: str) -> Iterator[str]:
    """What does not hold already when an invocation has ended, before anything mends it, in words."""
    statuses = {item[schema.EVENT_ID]: item[schema.STATUS] for item in world.events()}
    named = {message.event_id for message in world.stack.queued()} | world.dead_letters()
    for event_id in named - statuses.keys():
        # A worker that gets it now throws it away.
        yield f"{event_id} has a message, but is not in the table"
    if function == "worker":
        for event_id in statuses.keys() - named:
            if statuses[event_id] != Status.DELIVERED:
                yield f"{event_id} is {statuses[event_id]}, and its message was acknowledged"


def faults_of(world: World, *, repeats: int) -> list[str]:
    """What does not hold, in words; nothing when everything does.

    Args:
        world: after it has run on.
        repeats: how many deliveries that a receiver took already may have been made again.
    """
    events = {item[schema.EVENT_ID]: item for item in world.events()}
    gone = [event_id for event_id in world.accepted if event_id not in events]
    lost = [f"LOST: {event_id} was accepted and is gone" for event_id in gone]
    dead_letters, queued = world.dead_letters(), {message.event_id for message in world.stack.queued()}
    return lost + [
        fault
        for event_id, item in events.items()
        for fault in _faults_of_event(
            item,
            world.receiver.deliveries(event_id),
            budget=BUDGET * (1 + world.requeues[event_id]),
            in_dlq=event_id in dead_letters,
            in_queue=event_id in queued,
            repeats=repeats,
        )
    ]


def _faults_of_event(
    item: dict[str, Any],
    deliveries: list[Delivery],
    *,
    budget: int,
    in_dlq: bool,
    in_queue: bool,
    repeats: int,
) -> Iterator[str]:
    event_id, status = item[schema.EVENT_ID], item[schema.STATUS]
    taken = sum(delivery.succeeded for delivery in deliveries)
    if status == Status.PENDING:
        yield f"LOST: {event_id} is still PENDING and nothing brings it back"
    if status == Status.FAILED and not in_dlq:
        yield f"{event_id} is FAILED, but not in the DLQ"
    if status == Status.DELIVERED and not taken:
        yield f"{event_id} is DELIVERED, but its receiver never took it"
    # What came of an attempt that died unrecorded can only be told by the receiver.
    if status == Status.FAILED and taken and item[schema.LAST_ERROR] != Outcome.ATTEMPTS_USED_UP:
        yield f"{event_id} is FAILED, but its receiver took it"
    if len(deliveries) > budget:
        yield f"{event_id} was attempted {len(deliveries)} times, {budget} are allowed"
    if taken > 1 + repeats:
        yield f"{event_id} was taken {taken} times, at most {1 + repeats} are right here"
    if len({delivery.body for delivery in deliveries}) > 1:
        yield f"{event_id} was sent with different bodies"
    if in_queue:
        yield f"{event_id} is still in the queue"
    if schema.HELD_UNTIL in item:
        yield f"{event_id} is still held"


def told(world: World) -> str:
    """What became of the events, in a few words."""
    events = world.events()
    if not events:
        return "not accepted, nothing stored"
    return "; ".join(sorted({_told(world, item) for item in events}))


def _told(world: World, item: dict[str, Any]) -> str:
    event_id, status = item[schema.EVENT_ID], item[schema.STATUS]
    where = ", in the DLQ" if status == Status.FAILED and event_id in world.dead_letters() else ""
    deliveries = world.receiver.deliveries(event_id)
    attempts = f"{len(deliveries)} attempt{'s' * (len(deliveries) != 1)}"
    owed = "" if event_id in world.accepted else ", never acknowledged"
    return f"{status}{where}, {attempts}{owed}"
