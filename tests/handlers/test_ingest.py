"""`POST /v1/events`: what is accepted is stored and queued, and everything else gets a clear answer."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from handlers import ingest
from handlers.intake.acceptance import Acceptance
from handlers.intake.authentication import Authenticator
from handlers.intake.routes import ROUTES, Route
from handlers.model.event import EventKey
from handlers.model.tenant import new_api_key
from handlers.store.events import EventStore
from handlers.store.idempotency import IdempotencyStore
from handlers.store.queue import Queue
from handlers.store.tenants import TenantStore
from tests.support.factories import NOON, TARGET_URL, LambdaContext, a_body, a_request
from tests.support.moto_aws import (
    EVENTS_TABLE,
    RETENTION,
    SHARDS,
    TENANT_TABLE,
    Aws,
    FailingClient,
    events_table,
    tenant_table,
)


def a_service(
    aws: Aws, *, dynamodb: Any = None, sqs: Any = None, pause: Callable[[float], None] = lambda _: None
) -> ingest.Service:
    dynamodb, sqs = dynamodb or aws.dynamodb, sqs or aws.sqs
    table = events_table(dynamodb)
    return ingest.Service(
        authenticator=Authenticator(TenantStore(tenant_table(dynamodb)), aws.clock.seconds),
        acceptance=Acceptance(
            events=EventStore(table=table, shards=SHARDS, retention=RETENTION),
            idempotency=IdempotencyStore(table=table, lifetime=timedelta(hours=24)),
            queue=Queue(sqs, aws.queue_url),
            clock=aws.clock,
            pause=pause,
        ),
    )


@pytest.fixture
def api_key(aws: Aws) -> str:
    return aws.tenants.create(tenant_id="acme", target_url=TARGET_URL, now=NOON).api_key


def post(aws: Aws, request: dict[str, Any], **means: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = ingest.respond(request, a_service(aws, **means))
    return answer, json.loads(answer["body"])


def refused(aws: Aws, request: dict[str, Any], status: int, **clients: Any) -> dict[str, Any]:
    """The problem document of a refusal that leaves nothing behind."""
    answer, document = post(aws, request, **clients)
    assert answer["statusCode"] == status
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert document["status"] == status
    assert document["type"]
    assert document["title"]
    assert document["detail"]
    assert aws.bodies(aws.queue_url) == []
    return document


def test_an_event_is_stored_queued_and_accepted(aws: Aws, api_key: str) -> None:
    answer, accepted = post(aws, a_request(a_body(), api_key=api_key))

    assert answer["statusCode"] == 202
    assert answer["headers"] == {"Content-Type": "application/json"}
    assert accepted == {
        "id": accepted["id"],
        "type": "order.created",
        "status": "PENDING",
        "createdAt": "2026-11-23T12:00:00.000Z",
    }
    (item,) = aws.items()
    assert item["eventId"]["S"] == accepted["id"]
    assert [json.loads(body) for body in aws.bodies(aws.queue_url)] == [
        {"tenantId": "acme", "eventId": accepted["id"]}
    ]


def test_the_tenant_is_the_message_group(aws: Aws, api_key: str) -> None:
    sent: list[dict[str, Any]] = []

    class Recording:
        def send_message(self, **message: Any) -> None:
            sent.append(message)

    post(aws, a_request(a_body(), api_key=api_key), sqs=Recording())

    assert sent[0]["MessageGroupId"] == "acme"


def test_the_key_may_come_in_either_header_or_in_both_alike(aws: Aws, api_key: str) -> None:
    for headers in (
        {"x-api-key": api_key},
        {"authorization": f"Bearer {api_key}"},
        {"authorization": f"bearer   {api_key}"},
        {"x-api-key": api_key, "authorization": f"Bearer {api_key}"},
    ):
        assert post(aws, a_request(a_body(), headers=headers))[0]["statusCode"] == 202


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "nonsense"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "whk_without-a-scheme"},
        {"x-api-key": new_api_key()},
        {"authorization": f"Bearer {new_api_key()}"},
        {"x-api-key": "ä" * 43},
        {"x-api-key": "whk_" + "\ud800" * 43},
    ],
)
def test_a_missing_a_malformed_and_an_unknown_key_get_the_same_answer(
    aws: Aws, headers: dict[str, str]
) -> None:
    expected = post(aws, a_request(a_body()))

    got = post(aws, a_request(a_body(), headers=headers))

    assert got == expected
    assert got[0]["statusCode"] == 401
    assert got[0]["headers"]["WWW-Authenticate"] == "Bearer"


def test_two_keys_that_contradict_each_other_are_refused(aws: Aws, api_key: str) -> None:
    request = a_request(a_body(), api_key=api_key, headers={"x-api-key": new_api_key()})

    assert "different API keys" in refused(aws, request, 400)["detail"]


def test_a_disabled_key_is_refused_within_the_caches_minute(aws: Aws, api_key: str) -> None:
    service = a_service(aws)
    assert ingest.respond(a_request(a_body(), api_key=api_key), service)["statusCode"] == 202
    row = aws.items(TENANT_TABLE)[0] | {"state": {"S": "DISABLED"}}
    aws.dynamodb.put_item(TableName=TENANT_TABLE, Item=row)

    aws.clock.advance(seconds=60)  # as the documentation promises

    assert ingest.respond(a_request(a_body(), api_key=api_key), service)["statusCode"] == 403


def test_a_known_key_is_looked_up_once_a_minute(aws: Aws, api_key: str) -> None:
    client = FailingClient(aws.dynamodb)
    service = a_service(aws, dynamodb=client)
    for _ in range(3):
        ingest.respond(a_request(a_body(), api_key=api_key), service)

    assert client.calls.count("get_item") == 1


def test_a_key_that_was_unknown_works_as_soon_as_it_exists(aws: Aws) -> None:
    service = a_service(aws)
    assert ingest.respond(a_request(a_body(), api_key=new_api_key()), service)["statusCode"] == 401
    api_key = aws.tenants.create(tenant_id="new", target_url=TARGET_URL, now=NOON).api_key

    assert ingest.respond(a_request(a_body(), api_key=api_key), service)["statusCode"] == 202


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/xml", "application/jsonp", "application/json\u00a0", "json", ";"],
)
def test_a_body_that_is_not_declared_as_json_is_refused(aws: Aws, api_key: str, content_type: str) -> None:
    request = a_request(a_body(), api_key=api_key, headers={"content-type": content_type})

    assert "application/json" in refused(aws, request, 415)["detail"]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_declared_with_parameters_and_in_any_case(
    aws: Aws, api_key: str, content_type: str
) -> None:
    request = a_request(a_body(), api_key=api_key, headers={"content-type": content_type})

    assert post(aws, request)[0]["statusCode"] == 202


NOT_JSON: dict[str, str | bytes | None] = {
    "no body": None,
    "an empty body": "",
    "white space": " \r\n",
    "not JSON": "hello",
    "half a document": '{"type": "a", "data": {',
    "two documents": '{"type": "a", "data": {}} {}',
    "a trailing comma": '{"type": "a", "data": {},}',
    "a byte order mark": b'\xef\xbb\xbf{"type": "a", "data": {}}',
    "invalid UTF-8": b'{"type": "a", "data": {"x": "\xff"}}',
    "UTF-16": '{"type": "a", "data": {}}'.encode("utf-16"),
    "a lone surrogate, escaped": '{"type": "a", "data": {"x": "\\ud800"}}',
    "a lone surrogate, raw": '{"type": "a", "data": {"x": "\ud800"}}',
    "10,000 levels of objects": '{"type": "a", "data": ' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
    "10,000 levels of arrays": '{"type": "a", "data": {"a":' + "[" * 10_000 + "]" * 10_000 + "}}",
    "10,000 open brackets": "[" * 10_000,
    "a number of 5,000 digits": '{"type": "a", "data": {"x": ' + "9" * 5000 + "}}",
    "NUL after it": '{"type": "a", "data": {}}\0',
    "a comment": '{"type": "a", "data": {}} // ok?',
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_json_is_refused_with_the_place(aws: Aws, api_key: str, body: str | bytes | None) -> None:
    document = refused(aws, a_request(body, api_key=api_key), 400)

    assert document["type"] == "/problems/malformed-json"
    assert aws.items() == []


WRONG_SHAPE: dict[str, tuple[str, set[str]]] = {
    "an array": ("[]", {"body"}),
    "null": ("null", {"body"}),
    "a string": ('"event"', {"body"}),
    "nothing in it": ("{}", {"type", "data"}),
    "no data": ('{"type": "a"}', {"data"}),
    "wrong types": ('{"type": 1, "data": []}', {"type", "data"}),
    "data null": ('{"type": "a", "data": null}', {"data"}),
    "an unknown field": ('{"type": "a", "data": {}, "tenantId": "b"}', {"tenantId"}),
    "a field without a name": ('{"type": "a", "data": {}, "": "b"}', {'""'}),
    "a field called __proto__": ('{"type": "a", "data": {}, "__proto__": {}}', {"__proto__"}),
    "a field whose name does not print": ('{"type": "a", "data": {}, "a\\r\\u202e": 1}', {r"a\r\u202e"}),
    "a type said twice, wrong at last": ('{"type": "a", "type": 1, "data": {}}', {"type"}),
    "an empty type": ('{"type": "", "data": {}}', {"type"}),
    "a type of 129 characters": (a_body(type="x" * 129), {"type"}),
    "a type with a space": ('{"type": "order created", "data": {}}', {"type"}),
    "a type with a line break": ('{"type": "a\\n", "data": {}}', {"type"}),
    "a type with NUL": ('{"type": "a\\u0000", "data": {}}', {"type"}),
    "a type with an umlaut": ('{"type": "ä", "data": {}}', {"type"}),
    "an infinite number": ('{"type": "a", "data": {"x": 1e400}}', {"data"}),
    "a deep infinite number": ('{"type": "a", "data": {"x": [{"y": -1e400}]}}', {"data"}),
    "NaN": ('{"type": "a", "data": {"x": NaN}}', {"data"}),
    "Infinity": ('{"type": "a", "data": {"x": -Infinity}}', {"data"}),
}


@pytest.mark.parametrize(("body", "fields"), WRONG_SHAPE.values(), ids=WRONG_SHAPE.keys())
def test_json_that_is_no_event_is_refused_field_by_field(
    aws: Aws, api_key: str, body: str, fields: set[str]
) -> None:
    document = refused(aws, a_request(body, api_key=api_key), 400)

    assert {error["field"] for error in document["errors"]} == fields
    assert all(error["message"] for error in document["errors"])
    assert aws.items() == []


def test_an_answer_stays_small_however_many_fields_are_wrong(aws: Aws, api_key: str) -> None:
    body = json.dumps({f"{n}{'x' * 1000}": 1 for n in range(200)})

    document = refused(aws, a_request(body, api_key=api_key), 400)

    assert len(json.dumps(document)) < 8_000


@pytest.mark.parametrize(
    "data",
    [
        {"big": 2**70, "negative": -(2**70)},
        {"float": 12.1, "tiny": 5e-324, "zero": -0.0},
        {"nul": "a\x00b", "emoji": "👋🏽", "line": "\u2028"},
        {"deep": [[[[[[[[[[]]]]]]]]]]},
        {"": {}, "id": None, "yes": True},
        {},
    ],
)
def test_whatever_json_can_say_arrives_as_it_was_said(aws: Aws, api_key: str, data: dict[str, Any]) -> None:
    post(aws, a_request(a_body(data=data), api_key=api_key))

    (delivery,) = aws.deliveries.read([_only_key(aws)]).deliveries.values()
    assert delivery.event.body is not None
    assert json.loads(delivery.event.body)["data"] == data


def test_a_body_that_comes_as_base64_is_the_same_event(aws: Aws, api_key: str) -> None:
    answer, _ = post(aws, a_request(a_body(data={"name": "Zoë"}).encode(), api_key=api_key))

    assert answer["statusCode"] == 202


@pytest.mark.parametrize("body", ["%%%", "YQ", "====", "Y Q==", "YQ==\n", "é", "\ud800", a_body()])
def test_base64_that_is_none_is_refused(aws: Aws, api_key: str, body: str) -> None:
    request = a_request(body, api_key=api_key) | {"isBase64Encoded": True}

    assert refused(aws, request, 400)["type"] == "/problems/malformed-json"


def test_exactly_256_kib_are_accepted_and_one_byte_more_is_not(aws: Aws, api_key: str) -> None:
    frame = len(a_body(data={"x": ""}))
    fits = a_body(data={"x": "y" * (262_144 - frame)})

    assert post(aws, a_request(fits, api_key=api_key))[0]["statusCode"] == 202
    aws.sqs.purge_queue(QueueUrl=aws.queue_url)
    document = refused(aws, a_request(fits + " ", api_key=api_key), 413)
    assert "262144" in document["detail"]
    assert "262145" in document["detail"]


def test_the_size_is_counted_in_bytes_not_characters(aws: Aws, api_key: str) -> None:
    refused(aws, a_request(a_body(data={"x": "✓" * 100_000}).encode(), api_key=api_key), 413)


def test_257_kib_of_base64_are_refused_as_too_large(aws: Aws, api_key: str) -> None:
    refused(aws, a_request(b"x" * 257 * 1024, api_key=api_key), 413)


@pytest.mark.parametrize("route", ROUTES, ids=[route.key for route in ROUTES])
def test_every_route_that_api_gateway_knows_is_answered(aws: Aws, route: Route) -> None:
    request = a_request(a_body(), method=route.method, path=route.path)

    answer, _ = post(aws, request)

    assert answer["statusCode"] not in {404, 405}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/events/", "/v2/events", "/inbox", "/favicon.ico"])
def test_other_paths_are_not_found(aws: Aws, path: str) -> None:
    assert "/v1/events" in refused(aws, a_request(a_body(), path=path), 404)["detail"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
def test_other_methods_are_not_allowed_and_the_right_one_is_named(aws: Aws, method: str) -> None:
    answer, document = post(aws, a_request(method=method))

    assert document["status"] == 405
    assert answer["headers"]["Allow"] == "POST"


LONG_AND_HARMFUL = "\r\nX-Injected: 1\x00\u202e\ud800'\"" + "é" * 10_000


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (404, a_request(path=LONG_AND_HARMFUL)),
        (405, a_request(method=LONG_AND_HARMFUL)),
        (415, a_request(a_body(), headers={"content-type": LONG_AND_HARMFUL})),
        (400, a_request(json.dumps({"\r\n\x00\u202e'\"" + "é" * 10_000: 1}))),
    ],
    ids=["the path", "the method", "the content type", "a field's name"],
)
def test_what_an_answer_repeats_of_a_request_is_bounded_and_prints(
    aws: Aws, api_key: str, status: int, request_: dict[str, Any]
) -> None:
    request_["headers"]["x-api-key"] = api_key

    answer, document = post(aws, request_)

    assert document["status"] == status
    assert len(answer["body"]) < 2000
    assert document["detail"].isprintable()
    assert r"\r\n" in document["detail"]
    assert "X-Injected" not in "".join([*answer["headers"], *answer["headers"].values()])


@pytest.mark.parametrize("headers", [{}, {"headers": None}])
def test_a_request_without_headers_is_one_without_a_key(aws: Aws, headers: dict[str, None]) -> None:
    request = a_request(a_body())
    del request["headers"]

    refused(aws, request | headers, 401)


@pytest.mark.parametrize("body", [{}, {"body": None}])
@pytest.mark.parametrize("encoded", [{}, {"isBase64Encoded": True}, {"isBase64Encoded": False}])
def test_a_request_without_a_body_has_an_empty_one(
    aws: Aws, api_key: str, body: dict[str, Any], encoded: dict[str, Any]
) -> None:
    request = a_request(api_key=api_key)
    del request["isBase64Encoded"]

    assert "empty" in refused(aws, request | body | encoded, 400)["detail"]


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
def test_a_key_that_is_sent_twice_is_no_key(aws: Aws, api_key: str, name: str) -> None:
    """API Gateway joins headers of one name by commas."""
    value = f"Bearer {api_key}" if name == "authorization" else api_key

    refused(aws, a_request(a_body(), headers={name: f"{value},{value}"}), 401)


def test_a_content_type_that_is_sent_twice_is_not_json(aws: Aws, api_key: str) -> None:
    headers = {"content-type": "application/json,application/json"}

    refused(aws, a_request(a_body(), api_key=api_key, headers=headers), 415)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "1"},
        {"content-length": "nonsense", "transfer-encoding": "chunked"},
    ],
)
def test_the_body_is_what_was_handed_over_whatever_headers_say_of_it(
    aws: Aws, api_key: str, headers: dict[str, str]
) -> None:
    """API Gateway checks its length."""
    assert post(aws, a_request(a_body(), api_key=api_key, headers=headers))[0]["statusCode"] == 202


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "secret detail"}}, "PutItem")
UNREACHABLE = EndpointConnectionError(endpoint_url="https://internal.example")


@pytest.mark.parametrize("failure", [THROTTLED, UNREACHABLE])
@pytest.mark.parametrize("operation", ["get_item", "put_item"])
def test_an_event_that_cannot_be_stored_is_answered_503_without_internals(
    aws: Aws, api_key: str, operation: str, failure: Exception
) -> None:
    client = FailingClient(aws.dynamodb, **{operation: failure})

    answer, document = post(aws, a_request(a_body(), api_key=api_key), dynamodb=client)

    assert answer["statusCode"] == 503
    assert int(answer["headers"]["Retry-After"]) > 0
    assert "secret detail" not in answer["body"]
    assert "internal.example" not in answer["body"]
    assert document["type"] == "/problems/unavailable"
    assert aws.items() == []
    assert aws.bodies(aws.queue_url) == []


def test_an_event_that_is_stored_but_not_queued_is_not_accepted(aws: Aws, api_key: str) -> None:
    answer, _ = post(
        aws, a_request(a_body(), api_key=api_key), sqs=FailingClient(aws.sqs, send_message=UNREACHABLE)
    )

    assert answer["statusCode"] == 503
    # The item stays, and the reconciler will find it.
    assert [item["status"]["S"] for item in aws.items()] == ["PENDING"]


def test_the_handler_wires_itself_from_its_environment(
    aws: Aws, api_key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "TENANT_TABLE_NAME": TENANT_TABLE,
        "EVENTS_TABLE_NAME": EVENTS_TABLE,
        "QUEUE_URL": aws.queue_url,
        "EVENT_RETENTION_DAYS": "30",
        "IDEMPOTENCY_HOURS": "24",
        "STATUS_INDEX_SHARDS": str(SHARDS),
    }.items():
        monkeypatch.setenv(name, value)
    ingest.wired_service.cache_clear()

    answer = ingest.handler(a_request(a_body(), api_key=api_key), LambdaContext("request-7"))

    assert answer["statusCode"] == 202
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["request_id"] for line in lines} == {"request-7"}
    assert {line.get("tenant_id") for line in lines} == {"acme"}
    assert api_key not in json.dumps(lines)


def _only_key(aws: Aws) -> EventKey:
    (body,) = aws.bodies(aws.queue_url)
    named = json.loads(body)
    return EventKey(tenant_id=named["tenantId"], event_id=named["eventId"])
