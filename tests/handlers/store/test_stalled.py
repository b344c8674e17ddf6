"""Events that nothing happens to: found, and marked once."""

from datetime import timedelta

from handlers.model.delivery import Delivery, Status
from tests.support.factories import NOON, TARGET_URL, a_delivery
from tests.support.moto_aws import Aws


def stored(aws: Aws, **changes) -> Delivery:
    delivery = a_delivery(**changes)
    aws.events.put(delivery)
    return delivery


def test_a_failed_event_is_found_in_its_shard(aws: Aws) -> None:
    events = [stored(aws) for _ in range(6)]
    for delivery in events[:4]:
        assert aws.failed(delivery)

    failed = dict(aws.index.in_status(Status.FAILED))

    assert failed == {delivery.key: NOON for delivery in events[:4]}


HOLD = 60


def claimed(aws: Aws, delivery: Delivery, number: int = 1) -> bool:
    return aws.deliveries.claim(delivery, number=number, hold_seconds=HOLD)


def test_untouched_are_the_pending_events_that_nothing_happened_to(aws: Aws) -> None:
    untouched, tried, requeued, given_up, delivered = (stored(aws) for _ in range(5))
    aws.clock.advance(hours=2)
    late = aws.clock.now
    aws.attempted(tried, "timeout", at=late)
    aws.failed(requeued)
    aws.deliveries.reset(requeued.key, from_statuses=[Status.FAILED], target_url=TARGET_URL)
    aws.failed(given_up)
    aws.attempted(delivered, "http_200")
    keys = [delivery.key for delivery in (untouched, tried, requeued, given_up, delivered)]

    assert aws.stalled.untouched(keys, since=NOON) == set()
    assert aws.stalled.untouched(keys, since=late) == {untouched.key}
    assert aws.stalled.untouched(keys, since=late + timedelta(seconds=1)) == {
        untouched.key,
        tried.key,
        requeued.key,
    }
    aws.clock.advance(days=30)
    assert aws.stalled.untouched(keys, since=aws.clock.now) == set()


def test_an_event_is_marked_as_queued_again_once(aws: Aws) -> None:
    delivery = stored(aws)
    aws.clock.advance(hours=2)
    since = aws.clock.now

    assert aws.stalled.mark_queued_again(delivery.key, untouched_since=since)
    assert not aws.stalled.mark_queued_again(delivery.key, untouched_since=since)

    assert aws.item(delivery)["queuedAt"] == "2026-11-23T14:00:00.000Z"


def test_an_event_that_was_attempted_meanwhile_is_not_marked(aws: Aws) -> None:
    delivery = stored(aws)
    aws.clock.advance(hours=2)
    since = aws.clock.now
    claimed(aws, delivery)

    assert not aws.stalled.mark_queued_again(delivery.key, untouched_since=since)


def test_the_index_can_be_asked_for_what_is_old(aws: Aws) -> None:
    old = [stored(aws) for _ in range(6)]
    stored(aws, now=NOON + timedelta(hours=1))

    found = aws.index.in_status(Status.PENDING, created_before=NOON + timedelta(milliseconds=1))

    assert dict(found) == {delivery.key: NOON for delivery in old}
