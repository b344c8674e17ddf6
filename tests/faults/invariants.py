"""What must hold once the system has run on, whatever was killed or failed on the way."""

from collections.abc import Iterator
from typing import Any

from handlers.delivery.outcomes import Outcome
from handlers.model.delivery import Status
from handlers.store import schema
from tests.faults import BUDGET
from tests.faults.testbed import Testbed


def faults_right_after(testbed: Testbed, function: str) -> Iterator[str]:
    """What is broken as soon as an invocation has ended, before anything can mend it, in words."""
    statuses = {item[schema.EVENT_ID]: item[schema.STATUS] for item in testbed.events()}
    named = testbed.queued() | testbed.dead_letters()
    for event_id in named - statuses.keys():
        # A worker that received it now would throw it away.
        yield f"{event_id} has a message, but is not in the table"
    if function == "worker":
        for event_id in statuses.keys() - named:
            if statuses[event_id] != Status.DELIVERED:
                yield f"{event_id} is {statuses[event_id]}, and its message was acknowledged"


def faults_of(testbed: Testbed, *, repeats: int) -> list[str]:
    """What is broken once the system has run on, in words; empty if all holds.

    Args:
        testbed: after it has run on.
        repeats: how many deliveries may be made again although a receiver has taken the event.
    """
    events = {item[schema.EVENT_ID]: item for item in testbed.events()}
    gone = [event_id for event_id in testbed.accepted if event_id not in events]
    lost = [f"LOST: {event_id} was accepted and is gone" for event_id in gone]
    queued, dead_letters = testbed.queued(), testbed.dead_letters()
    return lost + [
        fault
        for event_id, item in events.items()
        for fault in _faults_of_event(
            testbed, item, in_queue=event_id in queued, in_dlq=event_id in dead_letters, repeats=repeats
        )
    ]


def _faults_of_event(
    testbed: Testbed, item: dict[str, Any], *, in_queue: bool, in_dlq: bool, repeats: int
) -> Iterator[str]:
    event_id, status = item[schema.EVENT_ID], item[schema.STATUS]
    budget = BUDGET * (1 + testbed.requeues[event_id])
    deliveries = testbed.receiver.deliveries(event_id)
    taken = sum(delivery.succeeded for delivery in deliveries)
    if status == Status.PENDING:
        yield f"LOST: {event_id} is still PENDING and nothing brings it back"
    if status == Status.FAILED and not in_dlq:
        yield f"{event_id} is FAILED, but not in the DLQ"
    if status == Status.DELIVERED and not taken:
        yield f"{event_id} is DELIVERED, but its receiver never took it"
    # Only the receiver knows the outcome of an attempt that died unrecorded.
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


def summary(testbed: Testbed) -> str:
    """What became of the events, in a few words."""
    dead_letters = testbed.dead_letters()
    summaries = {_summary(testbed, item, dead_letters) for item in testbed.events()}
    return "; ".join(sorted(summaries)) or "not accepted, nothing stored"


def _summary(testbed: Testbed, item: dict[str, Any], dead_letters: set[str]) -> str:
    event_id, status = item[schema.EVENT_ID], item[schema.STATUS]
    where = ", in the DLQ" if status == Status.FAILED and event_id in dead_letters else ""
    attempts = len(testbed.receiver.deliveries(event_id))
    owed = "" if event_id in testbed.accepted else ", never acknowledged"
    return f"{status}{where}, {attempts} attempt{'s' * (attempts != 1)}{owed}"
