"""Requeue: what failed is sent again, once, and what was delivered never is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers import requeue
from handlers.domain.event_store import EventStore
from handlers.domain.events import Event, EventKey
from handlers.domain.queue import Queue
from handlers.domain.requeue import MAX_EVENT_IDS_SHOWN, RequeueInputError, Requeuer, RequeueRequest
from tests.handlers.conftest import EVENTS_TABLE, SHARDS, TENANT_TABLE, Aws, FailingClient
from tests.handlers.factories import NOON, TARGET_URL, Clock, LambdaContext, an_event

NEVER = float("inf")
UNREACHABLE = ClientError({"Error": {"Code": "InternalServerError"}}, "operation")


def requeuer(aws: Aws, clock: Clock | None = None, *, queue: Queue | None = None) -> Requeuer:
    clock = clock or Clock()
    return Requeuer(
        events=aws.events,
        tenants=aws.tenants,
        queue=queue or aws.queue,
        dlq=aws.dlq,
        shards=SHARDS,
        dlq_visibility_seconds=960,
        monotonic=clock.seconds,
        pause=lambda seconds: clock.advance(seconds=seconds),
    )


def run(aws: Aws, **request: Any) -> dict[str, Any]:
    return requeuer(aws).run(RequeueRequest.parse(request), ends_at=NEVER).document()


def a_failed_event(aws: Aws, *, in_dlq: bool = True, **changes: Any) -> Event:
    event = an_event(**changes)
    if aws.tenants.show(event.key.tenant_id) is None:
        aws.tenants.create(tenant_id=event.key.tenant_id, target_url=TARGET_URL, now=NOON)
    aws.events.put(event, shards=SHARDS, retention=timedelta(days=30))
    aws.failed(event)
    if in_dlq:
        aws.dlq.send(event.key)
    return event


def queued(aws: Aws) -> list[str]:
    return sorted(json.loads(body)["eventId"] for body in aws.bodies(aws.queue_url))


def ids(*events: Event) -> list[str]:
    return sorted(event.key.event_id for event in events)


def test_everything_that_failed_is_sent_again_and_leaves_the_dlq(aws: Aws) -> None:
    events = [a_failed_event(aws) for _ in range(12)]

    report = run(aws)

    assert report | {"eventIds": None} == {
        "requeued": 12,
        "skipped": 0,
        "remaining": 0,
        "dryRun": False,
        "eventIds": None,
    }
    assert sorted(report["eventIds"]) == ids(*events)
    assert queued(aws) == ids(*events)
    assert aws.bodies(aws.dlq_url) == []
    assert {aws.item(event)["status"] for event in events} == {"PENDING"}
    assert {aws.item(event)["attempts"] for event in events} == {0}


def test_an_event_goes_to_the_tenants_current_target(aws: Aws) -> None:
    event = a_failed_event(aws)
    row = aws.items(TENANT_TABLE)[0] | {"targetUrl": {"S": "https://moved.example/"}}
    aws.dynamodb.put_item(TableName=TENANT_TABLE, Item=row)

    run(aws)

    assert aws.item(event)["targetUrl"] == "https://moved.example/"


def test_a_failed_event_without_a_message_in_the_dlq_is_sent_too(aws: Aws) -> None:
    event = a_failed_event(aws, in_dlq=False)

    assert run(aws)["requeued"] == 1
    assert queued(aws) == ids(event)


def test_a_delivered_event_is_never_sent_and_its_old_message_goes(aws: Aws) -> None:
    event = an_event()
    aws.events.put(event, shards=SHARDS, retention=timedelta(days=30))
    aws.attempted(event, "http_200")
    aws.dlq.send(event.key)

    assert run(aws) == {"requeued": 0, "skipped": 1, "remaining": 0, "dryRun": False, "eventIds": []}
    assert queued(aws) == []
    assert aws.bodies(aws.dlq_url) == []


def test_a_message_whose_event_is_gone_goes(aws: Aws) -> None:
    aws.dlq.send(EventKey(tenant_id="acme", event_id="evt_gone"))

    assert run(aws)["skipped"] == 1
    assert aws.bodies(aws.dlq_url) == []


def test_an_event_that_is_pending_with_a_message_in_the_dlq_is_sent_again(aws: Aws) -> None:
    event = a_failed_event(aws)
    aws.events.reset(event.key, from_statuses=["FAILED"], target_url=TARGET_URL)

    assert run(aws)["requeued"] == 1
    assert queued(aws) == ids(event)


def test_an_event_that_the_index_still_calls_failed_is_not_sent_once_it_was_delivered(aws: Aws) -> None:
    class Stale(EventStore):
        def in_status(self, status: str, **bounds: Any) -> Iterator[tuple[EventKey, datetime]]:
            found = list(super().in_status(status, **bounds))
            for key, _ in found:
                self.reset(key, from_statuses=["FAILED"], target_url=TARGET_URL)
            aws.attempted(event, "http_200")
            yield from found

    event = a_failed_event(aws, in_dlq=False)
    behind = replace(requeuer(aws), events=Stale(aws.dynamodb, EVENTS_TABLE, clock=aws.clock))

    report = behind.run(RequeueRequest(), ends_at=NEVER).document()

    assert (report["requeued"], report["skipped"]) == (0, 1)
    assert queued(aws) == []
    assert aws.item(event)["status"] == "DELIVERED"


def test_two_messages_of_one_event_send_it_once(aws: Aws) -> None:
    event = a_failed_event(aws)
    aws.dlq.send(event.key)

    assert run(aws)["requeued"] == 1
    assert queued(aws) == ids(event)
    assert aws.bodies(aws.dlq_url) == []


def test_a_malformed_message_stays_where_it_can_be_looked_at(aws: Aws) -> None:
    aws.sqs.send_message(QueueUrl=aws.dlq_url, MessageBody="not JSON")

    assert run(aws)["skipped"] == 1
    assert aws.bodies(aws.dlq_url) == ["not JSON"]


def test_an_event_of_a_tenant_that_is_gone_stays_failed(aws: Aws) -> None:
    event = a_failed_event(aws)
    for row in aws.items(TENANT_TABLE):
        aws.dynamodb.delete_item(TableName=TENANT_TABLE, Key={"apiKey": row["apiKey"]})

    assert run(aws) == {"requeued": 0, "skipped": 1, "remaining": 0, "dryRun": False, "eventIds": []}
    assert aws.item(event)["status"] == "FAILED"
    assert len(aws.bodies(aws.dlq_url)) == 1


@pytest.mark.parametrize("in_dlq", [True, False])
def test_filters_choose_and_leave_the_rest_where_it_is(aws: Aws, in_dlq: bool) -> None:
    late = {"now": NOON + timedelta(hours=2)}
    mine = a_failed_event(aws, in_dlq=in_dlq)
    later = a_failed_event(aws, in_dlq=in_dlq, **late)
    other = a_failed_event(aws, in_dlq=in_dlq, tenant_id="shop")

    def chosen(**request: Any) -> list[str]:
        return sorted(run(aws, dryRun=True, **request)["eventIds"])

    assert chosen() == ids(mine, later, other)
    assert chosen(tenantId="shop") == ids(other)
    assert chosen(eventIds=[mine.key.event_id, "evt_unknown"]) == ids(mine)
    assert chosen(since="2026-11-23T13:00:00Z") == ids(later)
    assert chosen(until="2026-11-23T14:00:00.000+01:00", tenantId="acme") == ids(mine)
    assert run(aws, tenantId="shop")["requeued"] == 1
    assert queued(aws) == ids(other)
    assert len(aws.bodies(aws.dlq_url)) == (2 if in_dlq else 0)


def test_a_dry_run_changes_nothing_and_tells_the_same_numbers(aws: Aws) -> None:
    events = [a_failed_event(aws), a_failed_event(aws, in_dlq=False)]

    dry = run(aws, dryRun=True)

    assert dry["dryRun"] is True
    assert queued(aws) == []
    assert {aws.item(event)["status"] for event in events} == {"FAILED"}
    assert len(aws.bodies(aws.dlq_url)) == 1
    assert run(aws)["requeued"] == dry["requeued"] == 2


def test_the_limit_stops_a_run_and_the_rest_is_told(aws: Aws) -> None:
    events = [a_failed_event(aws) for _ in range(15)]

    first = run(aws, limit=4)
    second = run(aws)

    assert (first["requeued"], first["remaining"]) == (4, 11)
    assert (second["requeued"], second["remaining"]) == (11, 0)
    assert queued(aws) == ids(*events)


def test_a_run_stops_in_time_and_tells_what_remains(aws: Aws) -> None:
    for _ in range(3):
        a_failed_event(aws)

    report = requeuer(aws).run(RequeueRequest(), ends_at=0.0).document()

    assert (report["requeued"], report["remaining"]) == (0, 3)
    assert len(aws.bodies(aws.dlq_url)) == 3


def test_the_rate_is_kept(aws: Aws) -> None:
    for _ in range(11):
        a_failed_event(aws, in_dlq=False)
    clock = Clock()

    requeuer(aws, clock).run(RequeueRequest.parse({"ratePerSecond": 2}), ends_at=NEVER)

    assert clock.now - NOON == timedelta(seconds=5)


def test_at_most_a_hundred_event_ids_are_shown(aws: Aws) -> None:
    for _ in range(MAX_EVENT_IDS_SHOWN + 1):
        a_failed_event(aws, in_dlq=False)

    report = run(aws)

    assert report["requeued"] == MAX_EVENT_IDS_SHOWN + 1
    assert len(report["eventIds"]) == MAX_EVENT_IDS_SHOWN


def test_a_run_that_breaks_down_loses_nothing_and_the_next_one_finishes(aws: Aws) -> None:
    events = [a_failed_event(aws) for _ in range(3)]
    broken = Queue(FailingClient(aws.sqs, send_message=UNREACHABLE), aws.queue_url)

    with pytest.raises(ClientError):
        requeuer(aws, queue=broken).run(RequeueRequest(), ends_at=NEVER)

    assert run(aws)["requeued"] == 3
    assert queued(aws) == ids(*events)


BAD_INPUTS: dict[str, Any] = {
    "tenant": {"tenant": "acme"},
    "tenantId": {"tenantId": 7},
    "eventIds": {"eventIds": "evt_1"},
    "eventIds.0": {"eventIds": [1]},
    "since": {"since": "yesterday"},
    "until": {"until": 1_700_000_000},
    "since.": {"since": "2026-11-23T10:00:00"},
    "limit": {"limit": 0},
    "limit ": {"limit": "5"},
    "ratePerSecond": {"ratePerSecond": -1},
    "ratePerSecond ": {"ratePerSecond": 0},
    "dryRun": {"dryRun": "yes"},
    "input": ["evt_1"],
}


@pytest.mark.parametrize(("field", "payload"), BAD_INPUTS.items())
def test_a_wrong_input_is_refused_by_field_before_anything_is_sent(field: str, payload: Any) -> None:
    with pytest.raises(RequeueInputError, match="nothing was sent") as refused:
        RequeueRequest.parse(payload)

    assert f"{field.rstrip('. ')}: " in str(refused.value)


def test_what_was_given_for_a_field_that_is_unknown_is_not_repeated() -> None:
    with pytest.raises(RequeueInputError, match="apiKey: ") as refused:
        RequeueRequest.parse({"apiKey": "whk_given-by-mistake"})

    assert "whk_" not in str(refused.value)
    assert "whk_" not in str(refused.value.__cause__)


def test_the_handler_wires_itself_and_reports(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TENANT_TABLE_NAME": TENANT_TABLE,
        "EVENTS_TABLE_NAME": EVENTS_TABLE,
        "QUEUE_URL": aws.queue_url,
        "DLQ_URL": aws.dlq_url,
        "STATUS_INDEX_SHARDS": str(SHARDS),
    }.items():
        monkeypatch.setenv(name, value)
    requeue.wired_requeuer.cache_clear()
    a_failed_event(aws, in_dlq=False)

    assert requeue.handler(None, LambdaContext())["requeued"] == 1
    assert requeue.handler({"dryRun": True}, LambdaContext())["requeued"] == 0
