"""Thousands of failed events requeued at a stated rate, by a run that is killed half-way and run again."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from handlers.model.delivery import Status
from handlers.store import schema
from local.receiver import accepts, refuses
from tests.faults.copies import settled, store_copies
from tests.faults.fates import KILLED_AFTER, Fate
from tests.faults.report import Row
from tests.faults.testbed import Testbed

_DELIVERED_PER_FAILED = 20  # of 21 messages in the DLQ, one is that of a delivered event
_SECONDS_LEFT = 900.0


def requeue_under_fire(testbed: Testbed, *, events: int, rate: float) -> Row:
    """Requeue so many failed events at so many a second, kill the run half-way, and run it again."""
    a_failed, a_delivered = settled(testbed, refuses), settled(testbed, accepts)
    testbed.start_over()
    failed = store_copies(testbed, a_failed, events)
    delivered = store_copies(testbed, a_delivered, events // _DELIVERED_PER_FAILED)
    testbed.enqueue("dlq_url", *failed, *delivered)

    half_way = Fate(KILLED_AFTER, "SendMessage queue", events // 2)
    first = testbed.requeue(half_way, seconds=_SECONDS_LEFT, ratePerSecond=rate)
    sent_before = len(testbed.stack.queued())
    testbed.wait_until_dlq_is_visible()
    began = time.monotonic()
    second = testbed.requeue(seconds=_SECONDS_LEFT, ratePerSecond=rate)
    took = time.monotonic() - began
    testbed.drain(rounds=events)

    measured = (second.answer or {}).get("requeued", 0) / took
    return Row(
        what=f"requeue: {events} failed events, {len(delivered)} delivered ones beside them",
        point=f"killed after {sent_before}, run again",
        outcome=f"sent at {measured:.0f} a second, {rate:.0f} asked for",
        faults=[
            *([] if first.killed else ["the first run was not killed"]),
            *([] if second.answer else [f"the second run failed: {second.error}"]),
            *([] if sent_before == events // 2 else [f"the first run sent {sent_before}, which is not half"]),
            # Sending takes this long on any machine, since only the first event need not wait.
            *([] if measured <= rate * 1.1 else [f"{measured:.0f} a second, {rate:.0f} asked for"]),
            *_faults(testbed, failed, delivered),
        ],
    )


def _faults(testbed: Testbed, failed: Sequence[str], delivered: Sequence[str]) -> Iterator[str]:
    received = Counter(delivery.event_id for delivery in testbed.receiver.deliveries())
    statuses = {item[schema.EVENT_ID]: item[schema.STATUS] for item in testbed.events()}
    for event_id in failed:
        if received[event_id] != 1:
            yield f"{event_id} was delivered {received[event_id]} times"
        if statuses.get(event_id) != Status.DELIVERED:
            yield f"{event_id} is {statuses.get(event_id)}"
    for event_id in delivered:
        if received[event_id]:
            yield f"{event_id} was delivered before and was sent again"
    if left := testbed.stack.dead_letters():
        yield f"{len(left)} messages are left in the DLQ"
