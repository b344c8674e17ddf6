"""Requeue: failed events are sent again, once; delivered ones never are."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers import requeue
from handlers.model.delivery import Delivery
from handlers.model.event import EventKey
from handlers.model.tenant import new_api_key, new_webhook_secret
from handlers.recovery.requeue import Requeuer
from handlers.recovery.requeue_report import MAX_EVENT_IDS_SHOWN, Reason
from handlers.recovery.requeue_request import RequeueInputError, RequeueRequest
from handlers.store.deliveries import DeliveryStore
from handlers.store.queue import Queue
from handlers.store.status_index import StatusIndex
from tests.support.factories import NOON, TARGET_URL, Clock, LambdaContext, a_delivery, incompressible
from tests.support.moto_aws import EVENTS_TABLE, SHARDS, TENANT_TABLE, Aws, FailingClient, events_table

NEVER = float("inf")
UNREACHABLE = ClientError({"Error": {"Code": "InternalServerError"}}, "operation")


def requeuer(aws: Aws, clock: Clock | None = None, *, queue: Queue | None = None) -> Requeuer:
    clock = clock or Clock()
    return Requeuer(
        deliveries=aws.deliveries,
        index=aws.index,
        tenants=aws.tenant_store,
        queue=queue or aws.queue,
        dlq=aws.dlq,
        dlq_visibility_seconds=960,
        monotonic=clock.seconds,
        pause=lambda seconds: clock.advance(seconds=seconds),
    )


def run(aws: Aws, **request: Any) -> dict[str, Any]:
    return requeuer(aws).run(RequeueRequest.parse(request), ends_at=NEVER).document()


def a_failed_event(aws: Aws, *, in_dlq: bool = True, **changes: Any) -> Delivery:
    delivery = a_delivery(**changes)
    if aws.tenants.show(delivery.key.tenant_id) is None:
        aws.tenants.create(tenant_id=delivery.key.tenant_id, target_url=TARGET_URL, now=NOON)
    aws.events.put(delivery)
    aws.failed(delivery)
    if in_dlq:
        aws.dlq.send(delivery.key)
    return delivery


def a_delivered_event(aws: Aws, *, in_dlq: bool = False, **changes: Any) -> Delivery:
    delivery = a_pending_event(aws, **changes)
    aws.attempted(delivery, "http_200")
    if in_dlq:
        aws.dlq.send(delivery.key)
    return delivery


def a_pending_event(aws: Aws, **changes: Any) -> Delivery:
    delivery = a_delivery(**changes)
    aws.events.put(delivery)
    return delivery


def the_tenant_goes(aws: Aws, tenant_id: str) -> None:
    for row in aws.items(TENANT_TABLE):
        if row["tenantId"]["S"] == tenant_id:
            aws.dynamodb.delete_item(TableName=TENANT_TABLE, Key={"apiKey": row["apiKey"]})


def left(report: dict[str, Any]) -> dict[str, str]:
    """Why each event was left, by its id; no event is reported twice."""
    reasons = {entry["eventId"]: entry["reason"] for entry in report.get("left", ())}
    assert report.get("left", []) == [{"eventId": name, "reason": why} for name, why in reasons.items()]
    return reasons


def queued(aws: Aws) -> list[str]:
    return sorted(json.loads(body)["eventId"] for body in aws.bodies(aws.queue_url))


def ids(*events: Delivery) -> list[str]:
    return sorted(delivery.key.event_id for delivery in events)


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
    assert {aws.item(delivery)["status"] for delivery in events} == {"PENDING"}
    assert {aws.item(delivery)["attempts"] for delivery in events} == {0}


def test_an_event_goes_to_the_tenants_current_target(aws: Aws) -> None:
    delivery = a_failed_event(aws)
    row = aws.items(TENANT_TABLE)[0] | {"targetUrl": {"S": "https://moved.example/"}}
    aws.dynamodb.put_item(TableName=TENANT_TABLE, Item=row)

    run(aws)

    assert aws.item(delivery)["targetUrl"] == "https://moved.example/"


def test_a_failed_event_without_a_message_in_the_dlq_is_sent_too(aws: Aws) -> None:
    delivery = a_failed_event(aws, in_dlq=False)

    assert run(aws)["requeued"] == 1
    assert queued(aws) == ids(delivery)


def test_a_delivered_event_is_never_sent_and_its_old_message_goes(aws: Aws) -> None:
    delivery = a_delivered_event(aws, in_dlq=True)

    report = run(aws, eventIds=ids(delivery))

    assert report == {
        "requeued": 0,
        "skipped": 1,
        "remaining": 0,
        "dryRun": False,
        "eventIds": [],
        "left": [{"eventId": delivery.key.event_id, "reason": "delivered"}],
    }
    assert queued(aws) == []
    assert aws.bodies(aws.dlq_url) == []


def test_a_message_whose_event_is_gone_goes(aws: Aws) -> None:
    aws.dlq.send(EventKey(tenant_id="acme", event_id="evt_gone"))

    report = run(aws, eventIds=["evt_gone"])

    assert report["skipped"] == 1
    assert left(report) == {"evt_gone": "unknown"}
    assert aws.bodies(aws.dlq_url) == []


def test_an_event_that_is_pending_with_a_message_in_the_dlq_is_sent_again(aws: Aws) -> None:
    delivery = a_failed_event(aws)
    aws.deliveries.reset(delivery.key, from_statuses=["FAILED"], target_url=TARGET_URL)

    assert run(aws)["requeued"] == 1
    assert queued(aws) == ids(delivery)


def test_an_event_that_the_index_still_calls_failed_is_not_sent_once_it_was_delivered(aws: Aws) -> None:
    class Stale(StatusIndex):
        def in_status(self, status: str, **bounds: Any) -> Iterator[tuple[EventKey, datetime]]:
            found = list(super().in_status(status, **bounds))
            for key, _ in found:
                aws.deliveries.reset(key, from_statuses=["FAILED"], target_url=TARGET_URL)
            aws.attempted(delivery, "http_200")
            yield from found

    delivery = a_failed_event(aws, in_dlq=False)
    behind = replace(requeuer(aws), index=Stale(table=aws.table, shards=SHARDS))

    report = behind.run(RequeueRequest.parse({"eventIds": ids(delivery)}), ends_at=NEVER).document()

    assert (report["requeued"], report["skipped"]) == (0, 1)
    assert left(report) == {delivery.key.event_id: "delivered"}
    assert queued(aws) == []
    assert aws.item(delivery)["status"] == "DELIVERED"


def test_two_messages_of_one_event_send_it_once(aws: Aws) -> None:
    delivery = a_failed_event(aws)
    aws.dlq.send(delivery.key)

    assert run(aws)["requeued"] == 1
    assert queued(aws) == ids(delivery)
    assert aws.bodies(aws.dlq_url) == []


def test_a_malformed_message_stays_where_it_can_be_looked_at(aws: Aws) -> None:
    aws.sqs.send_message(QueueUrl=aws.dlq_url, MessageBody="not JSON")

    report = run(aws)

    assert report["skipped"] == 1
    assert "left" not in report
    assert aws.bodies(aws.dlq_url) == ["not JSON"]


def test_an_event_of_a_tenant_that_is_gone_stays_failed(aws: Aws) -> None:
    delivery = a_failed_event(aws)
    the_tenant_goes(aws, "acme")

    report = run(aws, eventIds=ids(delivery))

    assert (report["requeued"], report["skipped"]) == (0, 1)
    assert left(report) == {delivery.key.event_id: "tenant_not_found"}
    assert aws.item(delivery)["status"] == "FAILED"
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
    assert {aws.item(delivery)["status"] for delivery in events} == {"FAILED"}
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


def test_each_event_that_was_named_and_not_sent_is_told_with_the_reason(aws: Aws) -> None:
    failed, in_dlq = a_failed_event(aws, in_dlq=False), a_failed_event(aws)
    delivered, cleared = a_delivered_event(aws), a_delivered_event(aws, in_dlq=True)
    pending = a_pending_event(aws)
    expired = a_failed_event(aws, now=NOON - timedelta(days=31))
    late = a_failed_event(aws, in_dlq=False, now=NOON + timedelta(hours=2))
    late_in_dlq = a_failed_event(aws, now=NOON + timedelta(hours=2))
    other = a_failed_event(aws, in_dlq=False, tenant_id="shop")
    large = a_failed_event(aws, in_dlq=False, data={"blob": incompressible(9000)})
    expected = {
        f"payload#{large.key.event_id}": "unknown",
        delivered.key.event_id: "delivered",
        cleared.key.event_id: "delivered",
        pending.key.event_id: "waiting",
        expired.key.event_id: "unknown",
        late.key.event_id: "out_of_range",
        late_in_dlq.key.event_id: "out_of_range",
        other.key.event_id: "unknown",
        "evt_never": "unknown",
        "not the id of an event": "unknown",
    }
    request = {
        "tenantId": "acme",
        # The event is named twice and reported once.
        "eventIds": [*ids(failed, in_dlq), *expected, *expected],
        "until": "2026-11-23T13:00:00Z",
    }

    dry = run(aws, dryRun=True, **request)
    report = run(aws, **request)

    assert left(dry) == left(report) == expected
    assert sorted(dry["eventIds"]) == sorted(report["eventIds"]) == queued(aws) == ids(failed, in_dlq)
    assert (report["requeued"], report["remaining"]) == (2, 0)


def test_without_a_tenant_only_what_failed_can_be_told_apart(aws: Aws) -> None:
    failed = a_failed_event(aws, in_dlq=False)
    late = a_failed_event(aws, in_dlq=False, now=NOON + timedelta(hours=2))
    orphan = a_failed_event(aws, in_dlq=False, tenant_id="shop")
    the_tenant_goes(aws, "shop")
    delivered, cleared = a_delivered_event(aws), a_delivered_event(aws, in_dlq=True)
    pending = a_pending_event(aws)
    expected = {
        late.key.event_id: "out_of_range",
        orphan.key.event_id: "tenant_not_found",
        delivered.key.event_id: "not_failed",
        cleared.key.event_id: "delivered",
        pending.key.event_id: "not_failed",
        "evt_never": "not_failed",
        "not the id of an event": "not_failed",
    }

    report = run(aws, eventIds=[failed.key.event_id, *expected], until="2026-11-23T13:00:00Z")

    assert left(report) == expected
    assert report["eventIds"] == queued(aws) == ids(failed)


@pytest.mark.parametrize("tenant", [{}, {"tenantId": "acme"}])
def test_what_was_named_and_not_reached_is_told(aws: Aws, tenant: dict[str, str]) -> None:
    events = [a_failed_event(aws, in_dlq=n == 0) for n in range(3)]

    by_limit = run(aws, eventIds=ids(*events), limit=2, dryRun=True, **tenant)
    request = RequeueRequest.parse({"eventIds": ids(*events), **tenant})
    by_time = requeuer(aws).run(request, ends_at=0.0).document()

    assert (by_limit["requeued"], by_limit["remaining"]) == (2, 1)
    assert left(by_limit) == dict.fromkeys(set(ids(*events)) - set(by_limit["eventIds"]), "not_reached")
    assert (by_time["requeued"], by_time["remaining"]) == (0, 3)
    assert left(by_time) == dict.fromkeys(ids(*events), "not_reached")


def test_what_remains_of_everything_is_counted_and_not_told_one_by_one(aws: Aws) -> None:
    for _ in range(3):
        a_failed_event(aws)

    report = run(aws, limit=1, until="2026-11-24T00:00:00Z")

    assert report["remaining"] == 2
    assert "left" not in report


def test_what_was_skipped_of_other_tenants_than_the_one_asked_for_is_not_told(aws: Aws) -> None:
    a_failed_event(aws)
    a_delivered_event(aws, in_dlq=True, tenant_id="shop")

    report = run(aws, tenantId="acme")

    assert (report["requeued"], report["skipped"]) == (1, 1)
    assert "left" not in report


def test_where_none_were_named_those_that_were_skipped_are_counted(aws: Aws) -> None:
    a_delivered_event(aws, in_dlq=True)
    a_failed_event(aws, in_dlq=False)
    the_tenant_goes(aws, "acme")

    assert run(aws) == {"requeued": 0, "skipped": 2, "remaining": 0, "dryRun": False, "eventIds": []}


def test_more_than_a_hundred_that_were_named_are_told_one_by_one(aws: Aws) -> None:
    delivery = a_failed_event(aws, in_dlq=False)
    never = [f"evt_never{n}" for n in range(2 * MAX_EVENT_IDS_SHOWN)]

    report = run(aws, tenantId="acme", eventIds=[*never, delivery.key.event_id])

    assert report["eventIds"] == ids(delivery)
    assert left(report) == dict.fromkeys(never, "unknown")


def test_an_event_that_is_named_is_sent_though_the_index_does_not_list_it_yet(aws: Aws) -> None:
    class Behind(StatusIndex):
        def in_status(self, status: str, **bounds: Any) -> Iterator[tuple[EventKey, datetime]]:
            return iter(())

    delivery = a_failed_event(aws, in_dlq=False)
    behind = replace(requeuer(aws), index=Behind(table=aws.table, shards=SHARDS))
    request = RequeueRequest.parse({"tenantId": "acme", "eventIds": ids(delivery)})

    assert behind.run(request, ends_at=NEVER).document()["requeued"] == 1
    assert queued(aws) == ids(delivery)


@pytest.mark.parametrize("tenant", [{}, {"tenantId": "acme"}])
def test_an_event_that_another_run_sends_meanwhile_is_told_to_wait(aws: Aws, tenant: dict[str, str]) -> None:
    class Overtaken(DeliveryStore):
        def reset(self, key: EventKey, **change: Any) -> bool:
            super().reset(key, **change)
            return super().reset(key, **change)

    delivery = a_failed_event(aws, in_dlq=False)
    overtaken = replace(requeuer(aws), deliveries=Overtaken(table=aws.table, clock=aws.clock))
    request = RequeueRequest.parse({"eventIds": ids(delivery), **tenant})

    report = overtaken.run(request, ends_at=NEVER).document()

    assert (report["requeued"], report["skipped"]) == (0, 1)
    assert left(report) == {delivery.key.event_id: "waiting"}


def test_an_event_that_failed_again_meanwhile_is_left_for_the_next_run(aws: Aws) -> None:
    class Overtaken(DeliveryStore):
        def reset(self, key: EventKey, **change: Any) -> bool:
            return False

    delivery = a_failed_event(aws, in_dlq=False)
    overtaken = replace(requeuer(aws), deliveries=Overtaken(table=aws.table, clock=aws.clock))

    report = overtaken.run(RequeueRequest.parse({"eventIds": ids(delivery)}), ends_at=NEVER).document()

    assert left(report) == {delivery.key.event_id: "not_reached"}


def test_an_event_that_dynamodb_does_not_get_to_is_not_called_unknown(aws: Aws) -> None:
    class Throttled(FailingClient):
        def batch_get_item(self, **request: Any) -> dict[str, Any]:
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    delivery = a_failed_event(aws, in_dlq=False)
    client: Any = Throttled(aws.dynamodb)
    deliveries = DeliveryStore(table=events_table(client), clock=aws.clock)
    throttled = replace(requeuer(aws), deliveries=deliveries)
    request = RequeueRequest.parse({"tenantId": "acme", "eventIds": [*ids(delivery), "no id"]})

    report = throttled.run(request, ends_at=NEVER).document()

    assert left(report) == {delivery.key.event_id: "not_reached", "no id": "unknown"}


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_tenant_that_is_not_there_is_refused_and_nothing_is_sent(aws: Aws, dry_run: bool) -> None:
    a_failed_event(aws)
    the_tenant_goes(aws, "acme")
    a_delivered_event(aws, in_dlq=True)

    with pytest.raises(
        RequeueInputError, match=r"nothing was sent: tenantId: there is no tenant 'acme': `ten"
    ):
        run(aws, tenantId="acme", dryRun=dry_run)

    assert queued(aws) == []
    assert len(aws.bodies(aws.dlq_url)) == 2


@pytest.mark.parametrize("secret", [new_api_key(), new_webhook_secret()], ids=["a key", "a secret"])
def test_a_key_that_was_given_for_an_id_is_neither_logged_nor_repeated_in_an_error(
    aws: Aws, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    with pytest.raises(RequeueInputError, match="there is no tenant of that id") as refused:
        run(aws, tenantId=secret)
    report = run(aws, eventIds=[secret, "evt_never"])

    assert secret not in str(refused.value)
    # The caller learns what became of it; the log, which others read, does not show it.
    assert left(report) == {secret: "not_failed", "evt_never": "not_failed"}
    logged = capsys.readouterr().out
    assert secret not in logged
    assert "evt_never" in logged


def test_the_log_tells_the_report_and_what_was_left(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    a_failed_event(aws, in_dlq=False)
    never = [f"evt_never{n}" for n in range(2 * MAX_EVENT_IDS_SHOWN)]

    report = run(aws, tenantId="acme", eventIds=never)

    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["event"] == "requeue"
    assert {name: line[name] for name in report} == report | {"left": report["left"][:MAX_EVENT_IDS_SHOWN]}


def test_operators_are_told_what_each_reason_means() -> None:
    guide = (Path(__file__).parents[3] / "docs/operating.md").read_text()

    assert [reason for reason in Reason if f"| `{reason}` |" not in guide] == []


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
