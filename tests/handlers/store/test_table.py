"""DynamoDB's grammar, against moto: what callers say in plain values is what DynamoDB does."""

from datetime import timedelta
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from handlers.store.table import ConflictError
from tests.support.factories import NOON
from tests.support.moto_aws import Aws, FailingClient, events_table

KEY = {"tenantId": "acme", "eventId": "evt_1"}
IS_THERE, IS_NOT_THERE = Attr("eventId").exists(), Attr("eventId").not_exists()


def cancelled(*codes: str) -> ClientError:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return ClientError(response, "TransactWriteItems")


def test_an_item_is_written_once_where_the_condition_says_so(aws: Aws) -> None:
    assert aws.table.put(KEY | {"type": "first"}, only_if=IS_NOT_THERE)
    assert not aws.table.put(KEY | {"type": "second"}, only_if=IS_NOT_THERE)

    assert aws.table.get(KEY, ("type",)) == {"type": "first"}


def test_a_change_sets_and_removes_attributes_and_leaves_the_others(aws: Aws) -> None:
    aws.table.put(KEY | {"type": "a", "status": "PENDING", "attempts": 1})

    assert aws.table.update(KEY, {"attempts": 2, "type": None}, only_if=IS_THERE)

    assert aws.table.get(KEY, ("type", "status", "attempts")) == {"status": "PENDING", "attempts": 2}


def test_a_change_may_only_remove(aws: Aws) -> None:
    aws.table.put(KEY | {"type": "a", "status": "PENDING"})

    assert aws.table.update(KEY, {"type": None, "status": None}, only_if=IS_THERE)

    assert aws.table.get(KEY, ("type", "status", "eventId")) == {"eventId": "evt_1"}


def test_a_change_of_an_item_that_is_not_as_asked_for_changes_nothing(aws: Aws) -> None:
    assert not aws.table.update(KEY, {"attempts": 2}, only_if=IS_THERE)

    assert aws.items() == []


def test_an_item_that_is_not_there_is_none(aws: Aws) -> None:
    assert aws.table.get(KEY, ("type",)) is None


def test_a_query_gives_every_page_and_the_newest_are_given_backwards(aws: Aws) -> None:
    ids = [f"evt_{number:03}" for number in range(40)]
    for event_id in ids:
        aws.table.put({"tenantId": "acme", "eventId": event_id, "payload": "x" * 60_000})
    of_acme = (Key("tenantId").eq("acme"), Key("eventId").begins_with("evt_"))

    every = [item["eventId"] for item in aws.table.query(*of_acme)]
    newest = [item["eventId"] for item in aws.table.query(*of_acme, attributes=("eventId",), newest=3)]

    assert every == ids
    assert newest == ids[:-4:-1]


def test_a_scan_gives_only_what_meets_its_condition(aws: Aws) -> None:
    aws.table.put(KEY | {"type": "a"})
    aws.table.put(KEY | {"eventId": "evt_2", "type": "b"})

    assert [item["eventId"] for item in aws.table.scan(only_if=Attr("type").eq("b"))] == ["evt_2"]
    assert len(list(aws.table.scan(attributes=("eventId",)))) == 2


def test_writes_are_made_together_or_not_at_all(aws: Aws) -> None:
    aws.table.put(KEY | {"attempts": 1})
    other = KEY | {"eventId": "evt_2"}

    with pytest.raises(ConflictError):
        aws.table.write_together(
            [
                aws.table.updating(KEY, {"attempts": 2}, only_if=IS_THERE),
                aws.table.updating(other, {"attempts": 2}, only_if=IS_THERE),
            ]
        )

    assert aws.table.get(KEY, ("attempts",)) == {"attempts": 1}
    aws.table.write_together(
        [aws.table.updating(KEY, {"attempts": 2}, only_if=IS_THERE), aws.table.putting(other)]
    )
    assert len(aws.items()) == 2


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        (("None", "TransactionConflict"), ConflictError),
        (("ConditionalCheckFailed", "None"), ConflictError),
        (("ThrottlingError", "None"), ClientError),
    ],
)
def test_throttling_is_not_taken_for_somebody_elses_write(
    aws: Aws, codes: tuple[str, ...], error: type[Exception]
) -> None:
    table = events_table(FailingClient(aws.dynamodb, transact_write_items=cancelled(*codes)))

    with pytest.raises(error):
        table.write_together([table.putting(KEY)])


def test_any_other_refusal_of_a_write_is_passed_on(aws: Aws) -> None:
    throttled = ClientError({"Error": {"Code": "ThrottlingException"}}, "operation")
    table = events_table(FailingClient(aws.dynamodb, put_item=throttled, update_item=throttled))

    with pytest.raises(ClientError):
        table.put(KEY, only_if=IS_NOT_THERE)
    with pytest.raises(ClientError):
        table.update(KEY, {"attempts": 1}, only_if=IS_THERE)


def test_old_events_are_listed_by_the_index_before_a_moment_alone(aws: Aws) -> None:
    for event_id, created_at in (
        ("evt_1", "2026-11-23T11:00:00.000Z"),
        ("evt_2", "2026-11-23T13:00:00.000Z"),
    ):
        aws.table.put(KEY | {"eventId": event_id, "status": "PENDING", "shard": 0, "createdAt": created_at})

    (found,) = aws.index.in_status("PENDING", created_before=NOON)

    assert found[0].event_id == "evt_1"
    assert NOON - found[1] == timedelta(hours=1)
