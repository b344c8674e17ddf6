"""Deliveries: what is read back, which claims hold, and which writes are refused."""

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from handlers.model.delivery import Delivery, Status
from handlers.model.event import EventKey
from handlers.store.deliveries import DeliveryStore
from handlers.store.events import shard_of
from handlers.store.items import MAX_ATTEMPT_HISTORY
from tests.support.factories import NOON, TARGET_URL, a_delivery, an_attempt, incompressible, without_body
from tests.support.moto_aws import EVENTS_TABLE, SHARDS, Aws, FailingClient, events_table


def stored(aws: Aws, **changes) -> Delivery:
    delivery = a_delivery(**changes)
    aws.events.put(delivery)
    return delivery


def read_one(aws: Aws, delivery: Delivery) -> Delivery:
    return aws.deliveries.read([delivery.key]).deliveries[delivery.key]


@pytest.mark.parametrize("size", [1, 500, 5_000, 120_000])
def test_what_was_stored_is_read_back_to_the_byte(aws: Aws, size: int) -> None:
    delivery = stored(aws, data={"blob": incompressible(size)})

    assert read_one(aws, delivery) == delivery


def test_an_event_is_read_without_its_body_wherever_that_lies(aws: Aws) -> None:
    small, large = stored(aws), stored(aws, data={"blob": incompressible(9000)})

    found = aws.deliveries.read([small.key, large.key], bodies=False).deliveries

    assert found == {delivery.key: without_body(delivery) for delivery in (small, large)}


@pytest.mark.parametrize("bodies", [True, False])
def test_the_item_beside_an_event_is_no_event(aws: Aws, bodies: bool) -> None:
    large = stored(aws, data={"blob": incompressible(9000)})
    beside = [
        EventKey(tenant_id=item["tenantId"]["S"], event_id=item["eventId"]["S"])
        for item in aws.items(EVENTS_TABLE)
        if item["eventId"]["S"] != large.key.event_id
    ]

    found = aws.deliveries.read([*beside, large.key], bodies=bodies)

    assert len(beside) == 1
    assert set(found.deliveries) == {large.key}
    assert found.unread == set()


def test_an_attempt_that_somebody_edited_by_hand_stops_nobody_and_is_kept(aws: Aws) -> None:
    delivery = stored(aws)
    odd = {"M": {"outcome": {"S": "by hand"}}}
    aws.dynamodb.update_item(
        TableName=EVENTS_TABLE,
        Key={"tenantId": {"S": delivery.key.tenant_id}, "eventId": {"S": delivery.key.event_id}},
        UpdateExpression="SET attemptHistory = :odd",
        ExpressionAttributeValues={":odd": {"L": [odd]}},
    )

    assert aws.attempted(delivery, "http_200")

    first, second = aws.item(delivery)["attemptHistory"]
    assert (first, second["outcome"]) == ({"outcome": "by hand"}, "http_200")


def test_reading_many_finds_those_that_are_there(aws: Aws) -> None:
    here, gone = stored(aws), EventKey(tenant_id="acme", event_id="evt_gone")

    found = aws.deliveries.read([here.key, gone, here.key])

    assert set(found.deliveries) == {here.key}
    assert found.unread == frozenset()


def test_an_expired_event_counts_as_gone_before_dynamodb_removes_it(aws: Aws) -> None:
    delivery = stored(aws)
    aws.clock.advance(days=30, seconds=1)

    assert aws.deliveries.read([delivery.key]).deliveries == {}


class Throttled:
    """A DynamoDB client that answers only one key of each batch read, for a number of rounds."""

    def __init__(self, client, rounds: int) -> None:
        self._client, self._rounds = client, rounds

    def batch_get_item(self, RequestItems):  # noqa: N803 - boto3's
        keys = RequestItems[EVENTS_TABLE]["Keys"]
        if self._rounds == 0:
            return self._client.batch_get_item(RequestItems=RequestItems)
        self._rounds -= 1
        first = {EVENTS_TABLE: {**RequestItems[EVENTS_TABLE], "Keys": keys[:1]}}
        rest = {EVENTS_TABLE: {"Keys": keys[1:]}} if keys[1:] else {}
        return self._client.batch_get_item(RequestItems=first) | {"UnprocessedKeys": rest}


def test_keys_that_dynamodb_left_out_are_asked_for_again_with_growing_pauses(aws: Aws) -> None:
    events = [stored(aws) for _ in range(4)]
    pauses: list[float] = []
    table = events_table(Throttled(aws.dynamodb, 3), pauses.append)
    store = DeliveryStore(table=table, clock=aws.clock)

    found = store.read([delivery.key for delivery in events])

    assert len(found.deliveries) == 4
    assert pauses == sorted(pauses)
    assert len(pauses) == 3


def test_keys_that_stay_unread_are_told_apart_from_events_that_are_gone(aws: Aws) -> None:
    events = [stored(aws) for _ in range(8)]
    store = DeliveryStore(table=events_table(Throttled(aws.dynamodb, 99)), clock=aws.clock)

    found = store.read([delivery.key for delivery in events])

    assert len(found.deliveries) + len(found.unread) == 8
    assert found.unread


def test_a_delivered_event_leaves_the_status_index_with_its_attempt_recorded(aws: Aws) -> None:
    delivery = stored(aws)
    aws.attempted(delivery, "timeout", 1)

    assert aws.attempted(delivery, "http_200", 2, answer="ok")

    item = aws.item(delivery)
    assert item["status"] == "DELIVERED"
    assert item["attempts"] == 2
    assert item["deliveredAt"] == item["lastAttemptAt"] == "2026-11-23T12:00:00.000Z"
    assert not item.keys() & {"shard", "heldUntil"}
    assert "lastError" not in item
    assert item["attemptHistory"] == [
        {"at": "2026-11-23T12:00:00.000Z", "outcome": "timeout", "durationMs": 12},
        {"at": "2026-11-23T12:00:00.000Z", "outcome": "http_200", "durationMs": 12, "answer": "ok"},
    ]


def test_a_failed_attempt_leaves_the_event_pending_with_its_error(aws: Aws) -> None:
    delivery = stored(aws)

    assert aws.attempted(delivery, "http_503")

    item = aws.item(delivery)
    assert "heldUntil" not in item
    assert (item["status"], item["attempts"], item["lastError"]) == ("PENDING", 1, "http_503")


def test_no_outcome_is_written_over_an_event_that_is_delivered(aws: Aws) -> None:
    delivery = stored(aws)
    aws.attempted(delivery, "http_200")
    before = aws.item(delivery)

    assert aws.deliveries.mark_delivered(delivery, an_attempt("http_200")) is False
    assert aws.deliveries.mark_retry(delivery, an_attempt("timeout"), 1) is False
    assert aws.deliveries.mark_failed(delivery, an_attempt("timeout"), 1) is False

    assert aws.item(delivery) == before


def test_a_failure_is_only_recorded_under_the_claim_that_it_came_of(aws: Aws) -> None:
    delivery = stored(aws)
    aws.deliveries.claim(delivery, number=1, hold_seconds=60)
    aws.deliveries.reset(delivery.key, from_statuses=[Status.PENDING], target_url=TARGET_URL)
    before = aws.item(delivery)

    assert aws.deliveries.mark_retry(delivery, an_attempt("timeout"), 1) is False
    assert aws.deliveries.mark_failed(delivery, an_attempt("timeout"), 1) is False

    assert aws.item(delivery) == before


def test_a_success_that_is_recorded_late_counts_even_after_another_worker_gave_up(aws: Aws) -> None:
    delivery = stored(aws)
    aws.failed(delivery)

    assert aws.deliveries.mark_delivered(delivery, an_attempt("http_200"))

    assert aws.item(delivery)["status"] == "DELIVERED"


def test_an_outcome_does_not_bring_an_expired_event_back(aws: Aws) -> None:
    assert aws.deliveries.mark_delivered(a_delivery(), an_attempt("http_200")) is False

    assert aws.items() == []


def test_a_reset_event_starts_over_for_the_new_target(aws: Aws) -> None:
    delivery = stored(aws)
    aws.failed(delivery)

    assert aws.deliveries.reset(
        delivery.key, from_statuses=[Status.FAILED], target_url="https://new.example/"
    )

    item = aws.item(delivery)
    assert (item["status"], item["attempts"], item["targetUrl"]) == ("PENDING", 0, "https://new.example/")
    assert item["shard"] == shard_of(delivery.key.event_id, SHARDS)
    assert item["queuedAt"] == "2026-11-23T12:00:00.000Z"


HOLD = 60


def claimed(aws: Aws, delivery: Delivery, number: int = 1) -> bool:
    return aws.deliveries.claim(delivery, number=number, hold_seconds=HOLD)


def test_a_claim_counts_the_attempt_before_it_is_made(aws: Aws) -> None:
    delivery = stored(aws)

    assert claimed(aws, delivery)

    item = aws.item(delivery)
    assert (item["status"], item["attempts"]) == ("PENDING", 1)
    assert item["lastAttemptAt"] == "2026-11-23T12:00:00.000Z"
    assert item["heldUntil"] == NOON.timestamp() + HOLD


def test_an_event_is_held_by_one_worker_at_a_time(aws: Aws) -> None:
    delivery = stored(aws)
    assert claimed(aws, delivery)

    for seconds in (0, HOLD - 1):
        aws.clock.now = NOON + timedelta(seconds=seconds)
        assert not claimed(aws, delivery)
        assert not claimed(aws, read_one(aws, delivery), 2)


def test_whoever_holds_an_event_for_too_long_has_died(aws: Aws) -> None:
    delivery = stored(aws)
    claimed(aws, delivery)
    aws.clock.advance(seconds=HOLD, milliseconds=1)

    assert not claimed(aws, delivery)  # as it was read before the first claim
    assert claimed(aws, read_one(aws, delivery), 2)


def test_a_hold_from_before_the_clock_was_put_back_holds_nobody_off(aws: Aws) -> None:
    delivery = stored(aws)
    claimed(aws, delivery)
    aws.clock.advance(hours=-1)

    assert claimed(aws, read_one(aws, delivery), 2)


def test_clocks_that_differ_by_less_than_a_hold_change_nothing(aws: Aws) -> None:
    delivery = stored(aws)
    claimed(aws, delivery)
    aws.clock.advance(seconds=-HOLD)

    assert not claimed(aws, read_one(aws, delivery), 2)


def test_an_event_that_is_held_can_be_reset_and_stays_held(aws: Aws) -> None:
    delivery = stored(aws)
    claimed(aws, delivery)

    assert aws.deliveries.reset(delivery.key, from_statuses=[Status.PENDING], target_url=TARGET_URL)

    assert not claimed(aws, read_one(aws, delivery))


@pytest.mark.parametrize("outcome", ["http_200", "timeout"])
def test_an_event_that_is_not_pending_cannot_be_claimed_or_given_up(aws: Aws, outcome: str) -> None:
    delivery = stored(aws)
    aws.attempted(delivery, "http_200") if outcome == "http_200" else aws.failed(delivery)
    seen = read_one(aws, delivery)

    assert not claimed(aws, seen, 7)
    assert not aws.deliveries.give_up(seen, "attempts_used_up", hold_seconds=HOLD)


def test_an_event_is_given_up_only_when_nobody_holds_it(aws: Aws) -> None:
    delivery = stored(aws)
    claimed(aws, delivery, 6)
    seen = read_one(aws, delivery)

    assert not aws.deliveries.give_up(seen, "attempts_used_up", hold_seconds=HOLD)
    aws.clock.advance(seconds=HOLD + 1)
    assert aws.deliveries.give_up(seen, "attempts_used_up", hold_seconds=HOLD)

    item = aws.item(delivery)
    assert (item["status"], item["lastError"], item["attempts"]) == ("FAILED", "attempts_used_up", 6)
    assert "heldUntil" not in item


def test_a_delivered_event_is_never_reset(aws: Aws) -> None:
    delivery = stored(aws)
    aws.attempted(delivery, "http_200")

    statuses = [Status.FAILED, Status.PENDING]

    assert aws.deliveries.reset(delivery.key, from_statuses=statuses, target_url=TARGET_URL) is False
    assert aws.item(delivery)["status"] == "DELIVERED"


def test_the_attempt_history_is_bounded(aws: Aws) -> None:
    delivery = stored(aws)
    for number in range(1, MAX_ATTEMPT_HISTORY + 4):
        aws.attempted(delivery, f"http_{500 + number}", number)

    history = aws.item(delivery)["attemptHistory"]

    assert len(history) == MAX_ATTEMPT_HISTORY
    assert history[-1]["outcome"] == f"http_{500 + MAX_ATTEMPT_HISTORY + 3}"


def test_other_errors_of_dynamodb_are_passed_on(aws: Aws) -> None:
    refused = ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "operation")
    table = events_table(FailingClient(aws.dynamodb, put_item=refused, update_item=refused))
    delivery = a_delivery()

    with pytest.raises(ClientError):
        replace(aws.events, table=table).put(delivery)
    with pytest.raises(ClientError):
        replace(aws.deliveries, table=table).mark_delivered(delivery, an_attempt("http_200"))
