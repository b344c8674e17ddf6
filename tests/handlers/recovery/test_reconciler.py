"""The reconciler: lost events come back, and events that merely wait are left alone."""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers import reconciler as handler_module
from handlers.model.delivery import Delivery
from handlers.recovery.reconciler import Reconciler
from handlers.store.queue import Queue
from handlers.store.stalled import StalledEvents
from tests.support.factories import TARGET_URL, LambdaContext, a_delivery
from tests.support.moto_aws import EVENTS_TABLE, SHARDS, Aws, FailingClient

STALLED_AFTER = timedelta(minutes=90)
NEVER = float("inf")
UNREACHABLE = ClientError({"Error": {"Code": "InternalServerError"}}, "operation")


class Waiting(Queue):
    """A queue that tells how many messages wait in it, and records what is sent."""

    def __init__(self, waiting: int = 0) -> None:
        self._waiting = waiting
        self.sent: list[str] = []

    def waiting(self) -> int:
        return self._waiting

    def send(self, key: Any) -> None:
        self.sent.append(key.event_id)


def reconciler(
    aws: Aws, queue: Queue, *, limit: int = 1000, events: StalledEvents | None = None
) -> Reconciler:
    return Reconciler(
        events=events or aws.stalled,
        index=aws.index,
        queue=queue,
        stalled_after=STALLED_AFTER,
        limit=limit,
        clock=aws.clock,
        monotonic=aws.clock.seconds,
    )


def stored(aws: Aws, count: int = 1, **changes: Any) -> list[Delivery]:
    events = [a_delivery(now=aws.clock.now, **changes) for _ in range(count)]
    for delivery in events:
        aws.events.put(delivery)
    return events


def ids(events: list[Delivery]) -> list[str]:
    return sorted(delivery.key.event_id for delivery in events)


def run(aws: Aws, queue: Queue, **options: Any) -> dict[str, Any]:
    return reconciler(aws, queue, **options).run(ends_at=NEVER).document()


def test_what_is_lost_is_queued_again_whatever_its_shard(aws: Aws) -> None:
    events = stored(aws, 20)
    aws.clock.advance(minutes=91)
    queue = Waiting()

    report = run(aws, queue)

    assert report == {"stalled": 20, "waiting": 0, "queued": 20}
    assert sorted(queue.sent) == ids(events)
    assert len({item["shard"]["N"] for item in aws.items()}) == SHARDS


def test_a_run_right_after_it_finds_nothing_and_one_after_the_same_time_does(aws: Aws) -> None:
    events = stored(aws)
    queue = Waiting()
    aws.clock.advance(minutes=91)
    run(aws, queue)

    aws.clock.advance(minutes=89)
    assert run(aws, queue)["queued"] == 0
    aws.clock.advance(minutes=2)
    assert run(aws, queue)["queued"] == 1
    assert queue.sent == ids(events) * 2


def test_what_is_young_attempted_lately_requeued_lately_failed_or_delivered_is_let_be(aws: Aws) -> None:
    tried, requeued, given_up, delivered = stored(aws, 4)
    aws.clock.advance(minutes=89)
    stored(aws)
    aws.attempted(tried, "timeout", at=aws.clock.now)
    aws.failed(requeued)
    aws.deliveries.reset(requeued.key, from_statuses=["FAILED"], target_url=TARGET_URL)
    aws.failed(given_up)
    aws.attempted(delivered, "http_200")
    aws.clock.advance(minutes=2)
    queue = Waiting()

    assert run(aws, queue) == {"stalled": 0, "waiting": 0, "queued": 0}
    assert queue.sent == []


def test_an_event_that_a_dead_worker_claimed_is_brought_back(aws: Aws) -> None:
    (delivery,) = stored(aws)
    aws.deliveries.claim(delivery, number=1, hold_seconds=60)
    aws.clock.advance(minutes=91)
    queue = Waiting()

    run(aws, queue)

    assert queue.sent == [delivery.key.event_id]


@pytest.mark.parametrize("waiting", [30, 31, 10_000])
def test_a_backlog_that_may_be_all_of_them_causes_no_send(aws: Aws, waiting: int) -> None:
    stored(aws, 30)
    aws.clock.advance(hours=5)
    queue = Waiting(waiting)

    assert run(aws, queue) == {"stalled": 30, "waiting": waiting, "queued": 0}
    assert queue.sent == []


def test_only_those_beyond_the_backlog_are_sent_and_the_oldest_of_them(aws: Aws) -> None:
    older = stored(aws, 5)
    aws.clock.advance(seconds=1)
    stored(aws, 7)
    aws.clock.advance(hours=5)
    queue = Waiting(7)

    assert run(aws, queue) == {"stalled": 12, "waiting": 7, "queued": 5}
    assert sorted(queue.sent) == ids(older)


def test_what_a_younger_event_of_its_tenant_has_overtaken_is_lost_however_much_waits(aws: Aws) -> None:
    """Given traffic that always has messages waiting, then lost events come back all the same."""
    lost = stored(aws, 2)
    stored(aws, tenant_id="quiet")
    aws.clock.advance(minutes=91)
    (younger,) = stored(aws)
    aws.attempted(younger, "http_200")
    queue = Waiting(10_000)

    assert run(aws, queue) == {"stalled": 3, "waiting": 10_000, "queued": 2}
    assert sorted(queue.sent) == ids(lost)


def test_an_event_that_is_younger_by_little_proves_nothing(aws: Aws) -> None:
    """Given that queues keep the order only roughly, then fifteen minutes are not overtaking."""
    stored(aws)
    aws.clock.advance(minutes=15)
    (younger,) = stored(aws)
    aws.attempted(younger, "http_200")
    aws.clock.advance(minutes=91)
    queue = Waiting(5)

    assert run(aws, queue) == {"stalled": 1, "waiting": 5, "queued": 0}


def test_those_beyond_the_backlog_may_be_the_wrong_ones_and_get_no_more_than_a_message_each(aws: Aws) -> None:
    """Given older events that wait and younger ones that are lost, then all get their message in the end."""
    waiting = stored(aws, 5)
    aws.clock.advance(seconds=1)
    lost = stored(aws, 3)
    aws.clock.advance(hours=5)

    first = Waiting(5)
    run(aws, first)
    drained = Waiting(0)
    run(aws, drained)

    assert len(first.sent) == 3
    assert set(first.sent) <= set(ids(waiting))
    assert set(ids(lost)) <= set(drained.sent)
    assert not set(first.sent) & set(drained.sent)


def test_a_run_is_bounded_and_the_next_ones_go_on(aws: Aws) -> None:
    events = stored(aws, 25)
    aws.clock.advance(hours=5)
    queue = Waiting()

    sent = [run(aws, queue, limit=10)["queued"] for _ in range(4)]

    assert sent == [10, 10, 5, 0]
    assert sorted(queue.sent) == ids(events)


def test_a_run_stops_in_time(aws: Aws) -> None:
    stored(aws, 3)
    aws.clock.advance(hours=5)
    queue = Waiting()

    report = reconciler(aws, queue).run(ends_at=aws.clock.seconds())

    assert report.queued == 0
    assert queue.sent == []


def test_an_event_that_comes_to_life_while_a_run_looks_is_not_sent(aws: Aws) -> None:
    class Attempted(StalledEvents):
        def untouched(self, keys: Any, **bounds: Any) -> Any:
            found = super().untouched(keys, **bounds)
            aws.deliveries.claim(delivery, number=1, hold_seconds=60)
            return found

    (delivery,) = stored(aws)
    aws.clock.advance(hours=5)
    queue = Waiting()

    report = run(aws, queue, events=Attempted(table=aws.table, clock=aws.clock))

    assert report == {"stalled": 1, "waiting": 0, "queued": 0}
    assert queue.sent == []


def test_a_run_that_dies_between_its_mark_and_its_message_loses_nothing(aws: Aws) -> None:
    events = stored(aws, 2)
    aws.clock.advance(minutes=91)
    broken = Queue(FailingClient(aws.sqs, send_message=UNREACHABLE), aws.queue_url)
    with pytest.raises(ClientError):
        run(aws, broken)
    queue = Waiting()

    assert run(aws, queue)["queued"] == 1
    aws.clock.advance(minutes=91)
    assert run(aws, queue)["queued"] == 2
    assert set(queue.sent) == set(ids(events))


def test_more_events_than_one_read_takes_are_all_looked_at(aws: Aws) -> None:
    events = stored(aws, 230)
    aws.clock.advance(hours=5)
    queue = Waiting()

    assert run(aws, queue)["queued"] == 230
    assert sorted(queue.sent) == ids(events)


def test_the_handler_brings_back_what_a_purge_took_and_tells_a_metric(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given two events two hours old and one message for them, then the other event is sent again."""
    for name, value in {
        "EVENTS_TABLE_NAME": EVENTS_TABLE,
        "QUEUE_URL": aws.queue_url,
        "STATUS_INDEX_SHARDS": str(SHARDS),
        "STALLED_AFTER_SECONDS": "5400",
    }.items():
        monkeypatch.setenv(name, value)
    aws.clock.now = handler_module.utc_now() - timedelta(hours=2)
    (lost,) = stored(aws)
    aws.clock.advance(seconds=1)
    (waits,) = stored(aws)
    aws.queue.send(waits.key)
    handler_module.wired_reconciler.cache_clear()

    report = handler_module.handler({"source": "aws.events"}, LambdaContext())

    assert report == {"stalled": 2, "waiting": 1, "queued": 1}
    assert sorted(json.loads(body)["eventId"] for body in aws.bodies(aws.queue_url)) == ids([lost, waits])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    (directive,) = told["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("WebhookDelivery", [["FunctionName"]])
    assert directive["Metrics"] == [{"Name": "StalledEvents", "Unit": "Count"}]
    assert (told["StalledEvents"], told["FunctionName"]) == (2, "a-function")
