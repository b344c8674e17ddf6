"""A backlog is never made longer, and what a purge took of it comes back, a bounded number at a time."""

from datetime import timedelta

from handlers.model.delivery import Status
from handlers.reconciler import MAX_EVENTS_PER_RUN
from tests.faults.crowds import send_many, store_many
from tests.faults.world import open_world

EVENTS = 10_000
SECONDS = 900.0


def test_ten_thousand_events_that_merely_wait_cause_no_send_and_once_purged_they_come_back() -> None:
    with open_world() as world:
        events = store_many(world, EVENTS, Status.PENDING, age=timedelta(days=1))
        send_many(world, events, "queue_url")

        waiting = world.reconcile(seconds=SECONDS)

        assert waiting.answer == {"stalled": EVENTS, "waiting": EVENTS, "queued": 0}
        assert waiting.calls.count("SendMessage queue") == 0

        world.stack.aws.sqs.purge_queue(QueueUrl=world.stack.outputs["queue_url"])
        lost = world.run("reconciler", {}, seconds=SECONDS)
        sent = [message.event_id for message in world.stack.queued()]

        assert lost.answer["queued"] == MAX_EVENTS_PER_RUN
        assert len(sent) == len(set(sent)) == MAX_EVENTS_PER_RUN
