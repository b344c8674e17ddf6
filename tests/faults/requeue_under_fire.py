"""Thousands of failed events sent again at a stated rate, by a run that is killed half-way and run again."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handlers.model.delivery import Status
from handlers.model.event import Event
from handlers.store import schema
from local.receiver import accepts
from tests.faults.crowds import send_many, store_many
from tests.faults.invocation import Crash
from tests.faults.scenarios import TYPE
from tests.faults.world import World

_DELIVERED_PER_FAILED = 20  # of 21 messages in the DLQ, one is that of a delivered event
_CALLS_PER_EVENT = 3  # reset, message, old message away
_SECONDS_LEFT = 900.0


@dataclass(frozen=True, kw_only=True)
class UnderFire:
    """What came of it.

    Attributes:
        failed: events that were to be sent again.
        delivered: events that were not, though the dead-letter queue had a message of each.
        before_the_kill: events that the first run sent before it was killed.
        rate: events per second that were asked for.
        measured_rate: events per second that the second run sent.
        faults: what does not hold, in words.
    """

    failed: int
    delivered: int
    before_the_kill: int
    rate: float
    measured_rate: float
    faults: Sequence[str]


def requeue_under_fire(world: World, *, events: int, rate: float) -> UnderFire:
    """Requeue so many failed events at so many a second; kill the run half-way and run it again."""
    world.begin_anew()
    world.receiver.answer(TYPE, accepts)
    failed = store_many(world, events, Status.FAILED)
    delivered = store_many(world, events // _DELIVERED_PER_FAILED, Status.DELIVERED)
    send_many(world, [*failed, *delivered], "dlq_url")

    half_way = Crash(call=_CALLS_PER_EVENT * events // 2, after=True)
    first = world.requeue(half_way, seconds=_SECONDS_LEFT, ratePerSecond=rate)
    sent_before = len(world.stack.queued())
    world.let_requeue_see_the_dlq()
    began = time.monotonic()
    second = world.requeue(seconds=_SECONDS_LEFT, ratePerSecond=rate)
    took = time.monotonic() - began
    report = second.answer or {}
    world.drain(rounds=events)

    measured_rate = report.get("requeued", 0) / took
    return UnderFire(
        failed=events,
        delivered=len(delivered),
        before_the_kill=sent_before,
        rate=rate,
        measured_rate=measured_rate,
        faults=[
            *([] if first.killed else ["the first run was not killed"]),
            *([] if second.answer else [f"the second run failed: {second.error}"]),
            *([] if 0 < sent_before < events else [f"the first run sent {sent_before}, which is not half"]),
            # It takes so long to send them, however fast the machine is; the first one waits for nothing.
            *([] if measured_rate <= rate * 1.1 else [f"{measured_rate:.0f} a second, {rate:.0f} asked for"]),
            *_faults(world, failed, delivered),
        ],
    )


def _faults(world: World, failed: Sequence[Event], delivered: Sequence[Event]) -> Iterator[str]:
    received = Counter(delivery.event_id for delivery in world.receiver.deliveries())
    statuses = {item[schema.EVENT_ID]: item[schema.STATUS] for item in world.events()}
    for event in failed:
        event_id = event.key.event_id
        if received[event_id] != 1:
            yield f"{event_id} was delivered {received[event_id]} times"
        if statuses.get(event_id) != Status.DELIVERED:
            yield f"{event_id} is {statuses.get(event_id)}"
    for event in delivered:
        if received[event.key.event_id]:
            yield f"{event.key.event_id} was delivered before and was sent again"
    if left := world.stack.dead_letters():
        yield f"{len(left)} messages are left in the DLQ"
