"""A backlog is never made longer, and what a purge took of it comes back, a bounded number at a time."""

from datetime import timedelta

from handlers.reconciler import MAX_EVENTS_PER_RUN
from tests.faults.copies import posted, store_copies
from tests.faults.testbed import open_testbed

EVENTS = 10_000
SECONDS = 900.0


def test_ten_thousand_events_that_merely_wait_cause_no_send_and_once_purged_they_come_back() -> None:
    with open_testbed() as testbed:
        waiting_event = posted(testbed)
        testbed.start_over()
        events = store_copies(testbed, waiting_event, EVENTS, age=timedelta(days=1))
        testbed.enqueue("queue_url", *events)

        waiting = testbed.reconcile(seconds=SECONDS)

        assert waiting.answer == {"stalled": EVENTS, "waiting": EVENTS, "queued": 0}
        assert waiting.calls.count("SendMessage queue") == 0

        testbed.purge("queue_url")
        lost = testbed.run("reconciler", {}, seconds=SECONDS)
        sent = [message.event_id for message in testbed.stack.queued()]

        assert lost.answer["queued"] == MAX_EVENTS_PER_RUN
        assert len(sent) == len(set(sent)) == MAX_EVENTS_PER_RUN
