"""Idempotency keys: requests under one key make one event, however often they are repeated."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers.model.event import EventKey
from tests.handlers.test_ingest import post, refused
from tests.support.factories import NOON, TARGET_URL, a_body, a_request
from tests.support.moto_aws import EVENTS_TABLE, Aws, FailingClient

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "operation")
KEY = "order-42"


@pytest.fixture
def api_key(aws: Aws) -> str:
    return aws.tenants.create(tenant_id="acme", target_url=TARGET_URL, now=NOON).api_key


def keyed(api_key: str, key: str = KEY, **body: Any) -> dict[str, Any]:
    return a_request(a_body(**body), api_key=api_key, headers={"idempotency-key": key})


def events(aws: Aws) -> list[str]:
    ids = [item["eventId"]["S"] for item in aws.items()]
    return [event_id for event_id in ids if event_id.startswith("evt_")]


def queued(aws: Aws) -> list[str]:
    return [json.loads(body)["eventId"] for body in aws.bodies(aws.queue_url)]


class Dies(BaseException):
    """The process is gone: it runs nothing more and cleans nothing up."""


class DyingClient(FailingClient):
    """Dies at one call, counted from 1, either before AWS gets it or after it has taken effect."""

    def __init__(self, client: Any, *, at_call: int, after: bool = False) -> None:
        super().__init__(client)
        self._at_call, self._after = at_call, after

    def __getattr__(self, name: str) -> Callable[..., Any]:
        made = super().__getattr__(name)

        def call(**request: Any) -> Any:
            if len(self.calls) + 1 == self._at_call and not self._after:
                raise Dies
            answer = made(**request)
            if len(self.calls) == self._at_call:
                raise Dies
            return answer

        return call


def test_the_same_key_and_body_answer_with_the_same_event(aws: Aws, api_key: str) -> None:
    first, accepted = post(aws, keyed(api_key))
    aws.clock.advance(minutes=5)
    again, replayed = post(aws, keyed(api_key))

    assert (first["statusCode"], again["statusCode"]) == (202, 202)
    assert replayed == accepted
    assert "Idempotent-Replayed" not in first["headers"]
    assert again["headers"]["Idempotent-Replayed"] == "true"
    assert events(aws) == queued(aws) == [accepted["id"]]


def test_another_body_under_the_same_key_is_refused_and_leaves_nothing(aws: Aws, api_key: str) -> None:
    post(aws, keyed(api_key))
    aws.sqs.purge_queue(QueueUrl=aws.queue_url)

    document = refused(aws, keyed(api_key, data={"orderId": 43}), 409)

    assert document["type"] == "/problems/idempotency-key-reused"
    assert len(events(aws)) == 1


def test_another_key_is_another_event(aws: Aws, api_key: str) -> None:
    post(aws, keyed(api_key))
    post(aws, keyed(api_key, "order-43"))

    assert len(events(aws)) == len(queued(aws)) == 2


def test_two_tenants_never_share_a_key(aws: Aws, api_key: str) -> None:
    other = aws.tenants.create(tenant_id="shop", target_url=TARGET_URL, now=NOON).api_key

    _, mine = post(aws, keyed(api_key))
    answer, theirs = post(aws, keyed(other, data={"orderId": 7}))

    assert answer["statusCode"] == 202
    assert mine["id"] != theirs["id"]


def test_without_a_key_each_request_is_an_event(aws: Aws, api_key: str) -> None:
    for _ in range(2):
        post(aws, a_request(a_body(), api_key=api_key))

    assert len(aws.items()) == len(events(aws)) == 2


@pytest.mark.parametrize("key", [" ", "a b", "ü", "x" * 256, "tab\there", "\x7f"])
def test_a_key_that_is_none_is_refused_and_named(aws: Aws, api_key: str, key: str) -> None:
    document = refused(aws, keyed(api_key, key), 400)

    assert document["type"] == "/problems/invalid-idempotency-key"
    assert "Idempotency-Key" in document["detail"]


def test_an_empty_key_is_refused(aws: Aws, api_key: str) -> None:
    request = keyed(api_key)
    request["headers"]["idempotency-key"] = ""

    assert refused(aws, request, 400)["type"] == "/problems/invalid-idempotency-key"


@pytest.mark.parametrize("key", ["x", "x" * 255, "!~", '"8e03978e-40d5-43e8-bc93-6894a57f9324"'])
def test_every_visible_ascii_character_makes_a_key(aws: Aws, api_key: str, key: str) -> None:
    assert post(aws, keyed(api_key, key))[0]["statusCode"] == 202


def test_an_event_that_is_refused_does_not_use_up_its_key(aws: Aws, api_key: str) -> None:
    refused(aws, keyed(api_key, type="no type!"), 400)

    assert post(aws, keyed(api_key))[0]["statusCode"] == 202


def test_neither_the_key_nor_the_body_is_kept_in_the_record(aws: Aws, api_key: str) -> None:
    post(aws, keyed(api_key, "card-4242"))

    (record,) = (item for item in aws.items() if item["eventId"]["S"].startswith("idempotency#"))
    assert "card-4242" not in json.dumps(record)
    assert "order.created" not in json.dumps(record)


def test_the_record_expires_and_the_key_is_free_before_dynamodb_removes_it(aws: Aws, api_key: str) -> None:
    _, accepted = post(aws, keyed(api_key))
    (record,) = (item for item in aws.items() if item["eventId"]["S"].startswith("idempotency#"))
    assert int(record["expiresAt"]["N"]) == int((NOON + timedelta(hours=24)).timestamp())

    aws.clock.advance(hours=24, seconds=-1)
    assert post(aws, keyed(api_key))[1]["id"] == accepted["id"]
    aws.clock.advance(seconds=1)
    answer, anew = post(aws, keyed(api_key, data={"orderId": 43}))

    assert answer["statusCode"] == 202
    assert anew["id"] != accepted["id"]


def test_a_hundred_concurrent_posts_with_one_key_make_one_event(aws: Aws, api_key: str) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(aws, keyed(api_key)), range(100)))

    assert {answer["statusCode"] for answer, _ in answers} == {202}
    (accepted,) = {document["id"] for _, document in answers}
    assert events(aws) == [accepted]
    assert sum("Idempotent-Replayed" not in answer["headers"] for answer, _ in answers) == 1
    assert set(queued(aws)) == {accepted}


def test_a_repeated_request_waits_for_the_first_one_rather_than_sending_beside_it(
    aws: Aws, api_key: str
) -> None:
    """Given a first request between its writes, then the repeated one relies on its message."""
    pauses: list[float] = []
    first_is_served: list[Any] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:  # the first request goes on
            first_is_served.append(aws.dynamodb.put_item(TableName=EVENTS_TABLE, Item=whole))

    post(aws, keyed(api_key))
    (whole,) = (item for item in aws.items() if item["eventId"]["S"].startswith("idempotency#"))
    aws.dynamodb.put_item(TableName=EVENTS_TABLE, Item=whole | {"queued": {"BOOL": False}})

    answer, _ = post(aws, keyed(api_key), pause=pause)

    assert answer["headers"]["Idempotent-Replayed"] == "true"
    assert len(pauses) == 2
    assert len(queued(aws)) == 1


# The calls to DynamoDB of a request with a key: the API key, the record, the event, the mark.
@pytest.mark.parametrize("call", [2, 3, 4])
@pytest.mark.parametrize("after", [False, True])
def test_whichever_write_the_first_request_died_at_the_repeated_one_is_accepted_as_one_event(
    aws: Aws, api_key: str, call: int, after: bool
) -> None:
    with pytest.raises(Dies):
        post(aws, keyed(api_key), dynamodb=DyingClient(aws.dynamodb, at_call=call, after=after))

    answer, accepted = post(aws, keyed(api_key))

    assert answer["statusCode"] == 202
    assert events(aws) == [accepted["id"]]
    assert set(queued(aws)) == {accepted["id"]}
    (delivery,) = aws.deliveries.read(
        [EventKey(tenant_id="acme", event_id=accepted["id"])]
    ).deliveries.values()
    assert delivery.event.body is not None
    assert json.loads(delivery.event.body)["id"] == accepted["id"]


def test_a_first_request_that_died_before_it_sent_is_sent_by_the_repeated_one(aws: Aws, api_key: str) -> None:
    with pytest.raises(Dies):
        post(aws, keyed(api_key), sqs=DyingClient(aws.sqs, at_call=1))
    assert queued(aws) == []

    answer, accepted = post(aws, keyed(api_key))

    assert answer["headers"]["Idempotent-Replayed"] == "true"
    assert queued(aws) == events(aws) == [accepted["id"]]


@pytest.mark.parametrize("operation", ["put_item", "get_item", "send_message"])
def test_what_was_answered_503_can_be_repeated_under_its_key(aws: Aws, api_key: str, operation: str) -> None:
    dynamodb = FailingClient(aws.dynamodb, **{operation: THROTTLED})
    sqs = FailingClient(aws.sqs, **{operation: THROTTLED})
    assert post(aws, keyed(api_key), dynamodb=dynamodb, sqs=sqs)[0]["statusCode"] == 503

    answer, accepted = post(aws, keyed(api_key))

    assert answer["statusCode"] == 202
    assert queued(aws) == events(aws) == [accepted["id"]]


def test_an_event_whose_record_cannot_be_marked_is_owed_all_the_same(aws: Aws, api_key: str) -> None:
    class FailsToMark(FailingClient):
        def __getattr__(self, name: str) -> Any:
            if self.calls.count("put_item") == 2:
                self._failures = {"put_item": THROTTLED}
            return super().__getattr__(name)

    answer, accepted = post(aws, keyed(api_key), dynamodb=FailsToMark(aws.dynamodb))

    assert answer["statusCode"] == 202
    assert queued(aws) == [accepted["id"]]
    # Nobody knows whether the message was sent. It is sent again, and the event is delivered once.
    assert post(aws, keyed(api_key))[1] == accepted
    assert queued(aws) == [accepted["id"]] * 2


def test_a_record_of_a_later_request_is_not_marked_for_an_earlier_one(aws: Aws, api_key: str) -> None:
    class Overtaken(FailingClient):
        """The first request outlasts its key, and another request comes under the same key."""

        def send_message(self, **message: Any) -> Any:
            if not self.calls:
                self.calls.append("send_message")
                aws.clock.advance(hours=25)
                answers.append(post(aws, keyed(api_key), sqs=FailingClient(aws.sqs, send_message=THROTTLED)))
            return self._client.send_message(**message)

    answers: list[Any] = []
    post(aws, keyed(api_key), sqs=Overtaken(aws.sqs))

    (record,) = (item for item in aws.items() if item["eventId"]["S"].startswith("idempotency#"))
    assert answers[0][0]["statusCode"] == 503
    assert record["queued"] == {"BOOL": False}
