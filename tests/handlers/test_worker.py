"""A batch of messages: each event attempted once, recorded, and its message settled."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers import worker
from handlers.delivery.attempt import AttemptResult
from handlers.delivery.batch import BatchSettler
from handlers.delivery.retry import RetrySchedule
from handlers.model.delivery import Delivery
from handlers.model.tenant import Tenant
from handlers.store.deliveries import DeliveryStore
from handlers.store.queue import MalformedMessageError, Message, Queue
from handlers.store.tenants import TenantStore
from tests.support.factories import (
    NOON,
    TARGET_URL,
    LambdaContext,
    a_delivery,
    a_message,
    an_attempt,
    incompressible,
)
from tests.support.moto_aws import EVENTS_TABLE, TENANT_TABLE, Aws, FailingClient, events_table, tenant_table
from tests.support.raw_receiver import answers, receiver, response

HOLD = 60
UNREACHABLE = ClientError({"Error": {"Code": "InternalServerError"}}, "operation")


class Receivers:
    """Stands in for HTTP: answers each event as set, `http_200` by default."""

    def __init__(self) -> None:
        self.outcomes: dict[str, AttemptResult] = {}
        self.attempts: list[tuple[str, str | None]] = []

    def answer(self, delivery: Delivery, outcome: str, **result: Any) -> None:
        self.outcomes[delivery.key.event_id] = AttemptResult(attempt=an_attempt(outcome), **result)

    def __call__(self, delivery: Delivery, tenant: Tenant | None) -> AttemptResult:
        self.attempts.append((delivery.key.event_id, None if tenant is None else tenant.tenant_id))
        return self.outcomes.get(delivery.key.event_id, AttemptResult(attempt=an_attempt("http_200")))

    def attempted(self) -> list[str]:
        return sorted(event_id for event_id, _ in self.attempts)


class VisibilityRecorder(Queue):
    """Records the visibility that is set, by message."""

    def __init__(self) -> None:
        self.visibility: dict[str, int] = {}

    def set_visibility(self, receipt_handle: str, seconds: int) -> None:
        self.visibility[receipt_handle.removeprefix("handle-")] = seconds


@pytest.fixture
def receivers() -> Receivers:
    return Receivers()


@pytest.fixture
def queue() -> VisibilityRecorder:
    return VisibilityRecorder()


def settler(aws: Aws, receivers: Any, queue: Queue, *, dynamodb: Any = None) -> BatchSettler:
    dynamodb = dynamodb or aws.dynamodb
    return BatchSettler(
        deliveries=DeliveryStore(table=events_table(dynamodb), clock=aws.clock),
        tenants=TenantStore(tenant_table(dynamodb)),
        queue=queue,
        make_attempt=receivers,
        schedule=RetrySchedule(delays_seconds=(60, 120, 240, 480, 960), jitter=lambda: 0.0),
        threads=ThreadPoolExecutor(4),
        hold_seconds=HOLD,
    )


def stored(aws: Aws, tenant_id: str = "acme", **changes: Any) -> Delivery:
    if aws.tenants.show(tenant_id) is None:
        aws.tenants.create(tenant_id=tenant_id, target_url=TARGET_URL, now=NOON)
    delivery = a_delivery(tenant_id=tenant_id, **changes)
    aws.events.put(delivery)
    return delivery


def test_a_delivered_event_is_recorded_and_its_message_is_done_with(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)

    undone = settler(aws, receivers, queue).settle([a_message(delivery)])

    assert undone == []
    assert aws.item(delivery)["status"] == "DELIVERED"
    assert receivers.attempts == [(delivery.key.event_id, "acme")]


@pytest.mark.parametrize(("receive_count", "delay"), [(1, 60), (2, 120), (3, 240), (4, 480), (5, 960)])
def test_each_failed_attempt_hides_the_message_for_the_next_wait(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder, receive_count: int, delay: int
) -> None:
    delivery = stored(aws)
    receivers.answer(delivery, "http_500")
    message = a_message(delivery, receive_count=receive_count)

    undone = settler(aws, receivers, queue).settle([message])

    assert undone == [message.message_id]
    assert queue.visibility == {message.message_id: delay}
    item = aws.item(delivery)
    assert (item["status"], item["attempts"], item["lastError"]) == ("PENDING", receive_count, "http_500")


def test_after_the_fifth_retry_the_event_failed_and_its_message_goes_to_the_dlq(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    receivers.answer(delivery, "timeout")
    message = a_message(delivery, receive_count=6)

    undone = settler(aws, receivers, queue).settle([message])

    assert undone == [message.message_id]
    assert queue.visibility == {message.message_id: 0}
    assert (aws.item(delivery)["status"], aws.item(delivery)["lastError"]) == ("FAILED", "timeout")


def test_the_budget_counts_attempts_of_the_event_when_its_message_was_sent_anew(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    aws.attempted(delivery, "http_500", 5)
    receivers.answer(delivery, "http_500")

    settler(aws, receivers, queue).settle([a_message(delivery, receive_count=1)])

    assert aws.item(delivery)["status"] == "FAILED"


def test_the_attempt_counts_before_it_is_made(aws: Aws, queue: VisibilityRecorder) -> None:
    delivery, seen = stored(aws), []

    def look(attempted: Delivery, tenant: Tenant | None) -> AttemptResult:
        seen.append(aws.item(attempted))
        return AttemptResult(attempt=an_attempt("http_200"))

    settler(aws, look, queue).settle([a_message(delivery)])

    assert seen[0]["attempts"] == 1
    assert seen[0]["heldUntil"] == NOON.timestamp() + HOLD


def test_an_event_that_another_worker_holds_is_left_to_it_until_it_is_done_or_dead(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    aws.deliveries.claim(delivery, number=1, hold_seconds=HOLD)
    twin = a_message(delivery, message_id="twin")

    undone = settler(aws, receivers, queue).settle([twin])

    assert undone == ["twin"]
    assert receivers.attempts == []
    assert queue.visibility == {"twin": HOLD}


def test_two_workers_with_a_message_each_for_one_event_make_one_attempt(
    aws: Aws, queue: VisibilityRecorder
) -> None:
    """Given both have read the event as PENDING, then only one of them attempts it."""
    delivery, attempts = stored(aws), []

    def deliver(attempted: Delivery, tenant: Tenant | None) -> AttemptResult:
        attempts.append(attempted.key.event_id)
        assert settler(aws, deliver, queue).settle([a_message(delivery, message_id="b")]) == ["b"]
        return AttemptResult(attempt=an_attempt("http_200"))

    assert settler(aws, deliver, queue).settle([a_message(delivery, message_id="a")]) == []
    assert len(attempts) == 1
    assert aws.item(delivery)["status"] == "DELIVERED"
    assert settler(aws, deliver, queue).settle([a_message(delivery, message_id="b")]) == []


def test_an_event_is_not_attempted_beyond_its_budget_whatever_its_messages_receives_are(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    """Given the worker died in the middle of the last attempt, then the event failed without another."""
    delivery = stored(aws)
    aws.deliveries.claim(delivery, number=6, hold_seconds=HOLD)
    aws.clock.advance(seconds=HOLD + 1)
    message = a_message(delivery, receive_count=1)

    assert settler(aws, receivers, queue).settle([message]) == [message.message_id]
    assert receivers.attempts == []
    assert queue.visibility == {message.message_id: 0}
    assert (aws.item(delivery)["status"], aws.item(delivery)["lastError"]) == ("FAILED", "attempts_used_up")


def test_the_last_attempt_that_is_still_being_made_is_not_given_up(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    aws.deliveries.claim(delivery, number=6, hold_seconds=HOLD)

    settler(aws, receivers, queue).settle([a_message(delivery)])

    assert aws.item(delivery)["status"] == "PENDING"
    assert list(queue.visibility.values()) == [HOLD]


def test_an_event_that_cannot_be_claimed_for_now_is_not_attempted(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    client = _with_paginator(FailingClient(aws.dynamodb, update_item=UNREACHABLE), aws)
    message = a_message(delivery)

    assert settler(aws, receivers, queue, dynamodb=client).settle([message]) == [message.message_id]
    assert receivers.attempts == []
    assert queue.visibility == {}


def test_a_permanent_failure_is_not_tried_again(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    receivers.answer(delivery, "http_410", permanent=True)

    settler(aws, receivers, queue).settle([a_message(delivery)])

    assert aws.item(delivery)["status"] == "FAILED"
    assert list(queue.visibility.values()) == [0]


def test_retry_after_lengthens_the_wait(aws: Aws, receivers: Receivers, queue: VisibilityRecorder) -> None:
    delivery = stored(aws)
    receivers.answer(delivery, "http_429", retry_after_seconds=600)

    settler(aws, receivers, queue).settle([a_message(delivery)])

    assert list(queue.visibility.values()) == [600]


def test_an_event_that_was_delivered_already_is_not_sent_again(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    aws.attempted(delivery, "http_200")

    assert settler(aws, receivers, queue).settle([a_message(delivery, receive_count=2)]) == []
    assert receivers.attempts == []


def test_an_event_that_failed_is_not_sent_again_and_moves_on_to_the_dlq(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    aws.failed(delivery, "http_410", 1)
    message = a_message(delivery, receive_count=2)

    assert settler(aws, receivers, queue).settle([message]) == [message.message_id]
    assert receivers.attempts == []
    assert queue.visibility == {message.message_id: 0}


def test_an_event_that_is_gone_is_acknowledged(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    assert settler(aws, receivers, queue).settle([a_message(a_delivery())]) == []
    assert receivers.attempts == []


def test_a_message_that_names_the_item_beside_an_event_holds_no_other_up(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws, data={"blob": incompressible(9000)})
    beside = a_delivery(event_id=f"payload#{delivery.key.event_id}")

    assert settler(aws, receivers, queue).settle([a_message(beside), a_message(delivery)]) == []
    assert [event_id for event_id, _ in receivers.attempts] == [delivery.key.event_id]
    assert aws.item(delivery)["status"] == "DELIVERED"


def test_a_tenant_without_a_row_reaches_the_attempt_as_none(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = a_delivery(tenant_id="nobody")
    aws.events.put(delivery)

    settler(aws, receivers, queue).settle([a_message(delivery)])

    assert receivers.attempts == [(delivery.key.event_id, None)]


MALFORMED = [
    "not JSON",
    "",
    "null",
    "[]",
    "{}",
    '{"tenantId": "acme"}',
    '{"tenantId": "acme", "eventId": 7}',
    '{"tenantId": "", "eventId": "evt_1"}',
    '{"tenantId": "acme", "eventId": "evt_1", "url": "https://elsewhere.example"}',
    json.dumps({"tenantId": "acme", "eventId": "e" * 1025}),
    json.dumps({"tenantId": "t" * 2049, "eventId": "evt_1"}),
]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_message_is_left_untouched_beside_those_that_are_delivered(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder, body: str
) -> None:
    delivery = stored(aws)
    malformed = Message(message_id="odd", receipt_handle="handle-odd", body=body, receive_count=1)

    undone = settler(aws, receivers, queue).settle([malformed, a_message(delivery)])

    assert undone == ["odd"]
    assert queue.visibility == {}
    assert aws.item(delivery)["status"] == "DELIVERED"


def test_a_batch_of_malformed_messages_alone_reads_nothing(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    client = FailingClient(aws.dynamodb)
    malformed = Message(message_id="odd", receipt_handle="handle-odd", body="not JSON", receive_count=1)

    assert settler(aws, receivers, queue, dynamodb=client).settle([malformed]) == ["odd"]
    assert client.calls == []


def test_a_malformed_message_says_what_is_wrong_with_it() -> None:
    message = Message(message_id="odd", receipt_handle="h", body='{"tenantId": 7}', receive_count=1)

    with pytest.raises(MalformedMessageError, match=r"tenantId: .*; eventId: "):
        message.event_key()


def test_two_messages_for_one_event_in_a_batch_make_one_attempt(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    receivers.answer(delivery, "http_500")
    twins = [a_message(delivery, message_id="a"), a_message(delivery, message_id="b", receive_count=3)]

    undone = settler(aws, receivers, queue).settle(twins)

    assert undone == ["a", "b"]
    assert len(receivers.attempts) == 1
    assert queue.visibility == {"a": 240, "b": 240}


def test_a_batch_is_delivered_concurrently(aws: Aws, queue: VisibilityRecorder) -> None:
    together = threading.Barrier(4, timeout=10)

    def meet(delivery: Delivery, tenant: Tenant | None) -> AttemptResult:
        together.wait()  # passes only if four attempts run at once
        return AttemptResult(attempt=an_attempt("http_200"))

    events = [stored(aws) for _ in range(4)]

    assert settler(aws, meet, queue).settle([a_message(delivery) for delivery in events]) == []


def test_the_events_of_a_batch_are_read_in_one_call(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    events = [stored(aws) for _ in range(5)]
    client = FailingClient(aws.dynamodb)

    settler(aws, receivers, queue, dynamodb=_with_paginator(client, aws)).settle(
        [a_message(delivery) for delivery in events]
    )

    assert client.calls.count("batch_get_item") == 1


def test_when_the_table_does_not_answer_nothing_is_attempted_and_nothing_is_lost(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    delivery = stored(aws)
    client = FailingClient(aws.dynamodb, batch_get_item=UNREACHABLE)
    message = a_message(delivery)

    assert settler(aws, receivers, queue, dynamodb=client).settle([message]) == [message.message_id]
    assert receivers.attempts == []


@pytest.mark.parametrize("outcome", ["http_200", "http_500"])
def test_an_attempt_that_cannot_be_recorded_is_never_acknowledged(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder, outcome: str
) -> None:
    class FailsAfterTheClaim(FailingClient):
        def __getattr__(self, name: str) -> Any:
            if self.calls.count("update_item") == 1:
                self._failures = {"update_item": UNREACHABLE}
            return super().__getattr__(name)

    delivery = stored(aws)
    receivers.answer(delivery, outcome)
    client = _with_paginator(FailsAfterTheClaim(aws.dynamodb), aws)
    message = a_message(delivery)

    assert settler(aws, receivers, queue, dynamodb=client).settle([message]) == [message.message_id]
    assert len(receivers.attempts) == 1
    assert (aws.item(delivery)["status"], aws.item(delivery)["attempts"]) == ("PENDING", 1)


def test_a_tenant_that_cannot_be_read_leaves_its_message_for_later_and_the_others_go_on(
    aws: Aws, receivers: Receivers, queue: VisibilityRecorder
) -> None:
    class NoAcme(TenantStore):
        def find(self, tenant_id: str) -> Tenant | None:
            if tenant_id == "acme":
                raise UNREACHABLE
            return super().find(tenant_id)

    acme, shop = stored(aws), stored(aws, "shop")
    with_faults = replace(settler(aws, receivers, queue), tenants=NoAcme(tenant_table(aws.dynamodb)))
    messages = [a_message(acme), a_message(shop)]

    assert with_faults.settle(messages) == [messages[0].message_id]
    assert aws.item(shop)["status"] == "DELIVERED"


def test_a_visibility_that_cannot_be_set_still_reports_the_message_as_failed(
    aws: Aws, receivers: Receivers
) -> None:
    delivery = stored(aws)
    receivers.answer(delivery, "http_500")
    sqs = FailingClient(aws.sqs, change_message_visibility=UNREACHABLE)
    message = a_message(delivery)

    assert settler(aws, receivers, Queue(sqs, aws.queue_url)).settle([message]) == [message.message_id]


def test_an_outcome_that_comes_too_late_changes_nothing(aws: Aws, queue: VisibilityRecorder) -> None:
    delivery = stored(aws)

    def overtaken(attempted: Delivery, tenant: Tenant | None) -> AttemptResult:
        assert aws.deliveries.mark_delivered(attempted, an_attempt("http_200"))
        return AttemptResult(attempt=an_attempt("http_500"))

    settler(aws, overtaken, queue).settle([a_message(delivery)])

    assert aws.item(delivery)["status"] == "DELIVERED"


def test_the_handler_delivers_a_batch_over_http_and_names_what_failed(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiver(answers(response())) as good, receiver(answers(response("500 Oops"))) as bad:
        delivered = _stored_for(aws, "good", good.url)
        failed = _stored_for(aws, "bad", bad.url)
        for name, value in {
            "TENANT_TABLE_NAME": TENANT_TABLE,
            "EVENTS_TABLE_NAME": EVENTS_TABLE,
            "QUEUE_URL": aws.queue_url,
            "WEBHOOK_TIMEOUT_SECONDS": "5",
            "RETRY_DELAYS_SECONDS": "[60, 120, 240, 480, 960]",
            "ALLOW_PRIVATE_TARGETS": "true",
        }.items():
            monkeypatch.setenv(name, value)
        worker.wired_settler.cache_clear()
        answer = worker.handler(
            {"Records": [_record(delivered), _record(failed)]}, LambdaContext("request-9")
        )

    # The exact shape: a null or empty identifier would fail the whole batch on AWS.
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"message-of-{failed.key.event_id}"}]}
    assert aws.item(delivered)["status"] == "DELIVERED"
    assert aws.item(failed)["status"] == "PENDING"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["request_id"] for line in lines} == {"request-9"}
    assert "whsec_" not in json.dumps(lines)


def _stored_for(aws: Aws, tenant_id: str, url: str) -> Delivery:
    aws.tenants.create(tenant_id=tenant_id, target_url=url, now=NOON)
    delivery = a_delivery(tenant_id=tenant_id, target_url=url)
    # The handler reads the real clock: the event must not have expired by it.
    replace(aws.events, retention=timedelta(days=36500)).put(delivery)
    return delivery


def _record(delivery: Delivery) -> dict[str, Any]:
    message = a_message(delivery)
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def _with_paginator(client: FailingClient, aws: Aws) -> FailingClient:
    """Paginators are made by the client but are no calls to AWS."""
    client.get_paginator = aws.dynamodb.get_paginator
    return client
