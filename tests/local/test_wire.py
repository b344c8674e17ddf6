"""Both ends of the whole system, deployed with defaults: raw bytes in, raw bytes out."""

import json
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from handlers.model.event import EventKey
from handlers.model.tenant import NewTenant
from handlers.store.deliveries import DeliveryStore
from handlers.store.table import Table
from local.stack import LocalStack
from local.waiting import wait_for
from tests.support.raw_receiver import Receiver, Script, read_request, receiver, response

SECONDS = 20
OK = response("200 OK")


@pytest.fixture
def tenant_of(stack: LocalStack) -> Callable[[str], NewTenant]:
    """Creates a tenant whose events go to a URL."""
    return lambda url: stack.create_tenant(f"tenant-{uuid.uuid4()}", url)


def send(stack: LocalStack, raw_body: bytes, *headers: str) -> tuple[int, bytes, dict[str, Any]]:
    """Post raw bytes; gives status, head and document of the answer."""
    url = urlsplit(stack.outputs["events_url"])
    lines = [
        f"POST {url.path} HTTP/1.1",
        f"Host: {url.netloc}",
        "Connection: close",
        f"Content-Length: {len(raw_body)}",
        *headers,
    ]
    with socket.create_connection((url.hostname, url.port), timeout=SECONDS) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + raw_body)
        with connection.makefile("rb") as stream:
            answer = stream.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head, json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])


def accepted(stack: LocalStack, tenant: NewTenant, raw_body: bytes = b'{"type":"a","data":{}}') -> EventKey:
    status, _, document = send(
        stack, raw_body, f"Authorization: Bearer {tenant.api_key}", "Content-Type: application/json"
    )
    assert status == 202, document
    return EventKey(tenant_id=tenant.tenant_id, event_id=document["id"])


def outcomes(stack: LocalStack, key: EventKey) -> list[str]:
    """The outcome of each attempt, once there was one."""
    deliveries = DeliveryStore(table=Table(stack.aws.dynamodb, stack.outputs["events_table_name"]))

    def recorded() -> list[str]:
        history = deliveries.read([key]).deliveries[key].attempt_history
        return [attempt["outcome"] for attempt in history]

    return wait_for("an attempt", recorded, seconds=SECONDS)


def answering(*answers: bytes) -> Script:
    """Answer the requests of each connection in this order, again and again, and keep the connection."""

    def script(connection: socket.socket, running: Receiver) -> None:
        while True:
            for answer in answers:
                read_request(connection, running)
                connection.sendall(answer)

    return script


def test_an_answer_is_never_given_to_another_tenants_event(
    stack: LocalStack, tenant_of: Callable[[str], NewTenant]
) -> None:
    another = threading.Event()

    def script(connection: socket.socket, running: Receiver) -> None:
        while True:
            read_request(connection, running)
            if len(running.requests) == 1:
                connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
                another.wait(SECONDS)
                connection.sendall(OK)
            else:
                connection.sendall(response("500 Oops"))
                another.set()

    with receiver(script) as running:
        taken = accepted(stack, tenant_of(running.url))
        wait_for("the first request", lambda: running.requests, seconds=SECONDS)
        refused = accepted(stack, tenant_of(running.url))

        assert outcomes(stack, refused) == ["http_500"]
        assert outcomes(stack, taken) == ["http_200"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 300 + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nnot a header\r\n\r\n",
    ],
    ids=["interim answers", "300 headers", "a broken header"],
)
def test_what_the_receiver_took_counts_as_taken(
    stack: LocalStack, tenant_of: Callable[[str], NewTenant], answer: bytes
) -> None:
    with receiver(answering(answer)) as running:
        assert outcomes(stack, accepted(stack, tenant_of(running.url))) == ["http_200"]


def test_a_receiver_that_closes_kept_connections_costs_no_attempt(
    stack: LocalStack, tenant_of: Callable[[str], NewTenant]
) -> None:
    def closes_unannounced(connection: socket.socket, running: Receiver) -> None:
        read_request(connection, running)
        connection.sendall(OK)
        # The next request meets a connection that is being closed.
        with suppress(OSError):
            connection.recv(1)

    with receiver(closes_unannounced) as running:
        tenant = tenant_of(running.url)
        keys = [accepted(stack, tenant) for _ in range(20)]

        assert [outcomes(stack, key) for key in keys] == [["http_200"]] * 20


def delivered(
    stack: LocalStack, tenant_of: Callable[[str], NewTenant], raw_body: bytes, *, path: str = "/hooks"
) -> bytes:
    """The request, head and body, that a receiver gets when a producer posts `raw_body`."""
    with receiver(answering(OK)) as running:
        accepted(stack, tenant_of(running.url.replace("/hooks", path)), raw_body)
        return wait_for("the delivery", lambda: running.requests, seconds=SECONDS)[0]


@pytest.mark.parametrize(
    "data",
    [
        b'{"price": 1.10, "count": 1e2, "big": 9007199254740993.0, "zero": -0}',
        rb'{"html": "\u003cb\u003e", "slash": "a\/b"}',
        '{ "name" : "Zoë ✓",\r\n\t"name":"twice" }'.encode(),
        b'{"l": [' + b"1e15," * 50_000 + b"0]}",
    ],
    ids=["numbers", "escapes", "white space and a name twice", "250 KB of 1e15"],
)
@pytest.mark.parametrize("frame", [b'{"type":"a","data":%b}', b'\n{ "data" :%b , "ty\\u0070e" : "a" }\n'])
def test_data_arrives_as_the_bytes_that_were_sent(
    stack: LocalStack, tenant_of: Callable[[str], NewTenant], data: bytes, frame: bytes
) -> None:
    head, _, body = delivered(stack, tenant_of, frame % data).partition(b"\r\n\r\n")

    assert body.endswith(b',"data":%b}' % data)
    assert b"\r\nContent-Type: application/json; charset=utf-8\r\n" in head


@pytest.mark.parametrize(
    "path", ["/%7Euser/%2b/%41", "/%2e%2e/../a//b", "/hooks?", "/?sig=a%2Fb%2b+c&x", "/a;b=c/{d}|[e]"]
)
def test_path_and_query_arrive_as_they_were_set(
    stack: LocalStack, tenant_of: Callable[[str], NewTenant], path: str
) -> None:
    request = delivered(stack, tenant_of, b'{"type":"a","data":{}}', path=path)

    assert request.startswith(b"POST %b HTTP/1.1\r\n" % path.encode())


JSON = "Content-Type: application/json"
REFUSED: dict[str, tuple[bytes, Sequence[str], int, str]] = {
    "compressed": (b"{}", [JSON, "Content-Encoding: gzip"], 415, "Content-Encoding is 'gzip'"),
    "Latin-1": (b"{}", ["Content-Type: application/json; charset=iso-8859-1"], 415, "charset iso-8859-1"),
    "a byte order mark": (b'\xef\xbb\xbf{"type":"a","data":{}}', [JSON], 400, "byte order mark"),
    "half a surrogate pair": (rb'{"type":"a","data":{"x":"\ud83d"}}', [JSON], 400, r"\ud83d"),
    "a number beyond doubles": (b'{"type":"a","data":{"x":1e400}}', [JSON], 400, "1e400"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_passed_on_is_refused_by_its_name(
    stack: LocalStack, tenant_of: Callable[[str], NewTenant], case: str
) -> None:
    body, headers, status, told = REFUSED[case]
    tenant = tenant_of("http://127.0.0.1:9/")

    got, head, document = send(stack, body, f"X-Api-Key: {tenant.api_key}", *headers)

    assert got == status
    assert told in document["detail"]
    assert (b"accept-encoding: identity" in head.lower()) == ("gzip" in told)


@pytest.mark.parametrize("disturbing", ["Authorization: Basic dXNlcjpwYXNz", "Authorization:", None])
def test_only_bearer_carries_a_key(
    stack: LocalStack, tenant_of: Callable[[str], NewTenant], disturbing: str | None
) -> None:
    with receiver(answering(OK)) as running:
        tenant = tenant_of(running.url)
        headers = [f"X-Api-Key: {tenant.api_key}", JSON, *([disturbing] if disturbing else [])]

        assert send(stack, b'{"type":"a","data":{}}', *headers)[0] == 202


def test_requeue_says_why_it_sent_nothing(stack: LocalStack, tenant_of: Callable[[str], NewTenant]) -> None:
    with receiver(answering(OK)) as running:
        tenant = tenant_of(running.url)
        key = accepted(stack, tenant)
        assert outcomes(stack, key) == ["http_200"]

    report = stack.requeue({"tenantId": tenant.tenant_id, "eventIds": [key.event_id, "evt_never"]})

    assert report["requeued"] == 0
    assert report["left"] == [
        {"eventId": key.event_id, "reason": "delivered"},
        {"eventId": "evt_never", "reason": "unknown"},
    ]
