"""The emulator's front door, request by request; the emulator behind it only notes what reaches it."""

import asyncio
import json
from typing import Any

import pytest

from local.emulator.guard import API_PATH, CLOCK_PATH, Guard

HOME = {"host": "127.0.0.1:4566"}
SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/sqs/aws4_request"}


class Door:
    """A guard, and what it let through."""

    def __init__(self) -> None:
        self.passed: list[dict[str, str]] = []
        self.advanced = 0.0
        self._guard = Guard(self._emulator, port=4566, advance=self._advance)

    def knock(
        self,
        headers: dict[str, str] | None = None,
        *,
        path: str = "/v1/events",
        method: str = "POST",
        body: object = None,
        query: str = "",
        kind: str = "http",
    ) -> tuple[int, Any]:
        sent: list[Any] = []
        scope = {
            "type": kind,
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [
                (name.encode(), value.encode())
                for name, value in (HOME if headers is None else headers).items()
            ],
        }
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        parts = [
            {"type": "http.request", "body": raw[:5], "more_body": True},
            {"type": "http.request", "body": raw[5:]},
        ]

        async def receive() -> Any:
            return parts.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self._guard(scope, receive, send))
        if kind == "websocket":
            return sent[0]["code"], None
        return sent[0]["status"], json.loads(sent[1]["body"])

    async def _emulator(self, scope: Any, _receive: Any, send: Any) -> None:
        self.passed.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def _advance(self, seconds: float) -> float:
        self.advanced += seconds
        return self.advanced


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:4566", "localhost", "LocalHost:4566"])
def test_a_program_on_this_machine_is_let_in(door: Door, host: str):
    assert door.knock({"host": host}) == (299, {})


@pytest.mark.parametrize(
    ("stranger", "named"),
    [
        ({"host": "rebound.example.com:4566"}, "rebound.example.com"),
        ({"host": "127.0.0.1:80"}, "127.0.0.1:80"),
        ({"host": "127.0.0.1.example.com"}, "127.0.0.1.example.com"),
        ({"host": "4f8a.execute-api.127.0.0.1"}, "execute-api"),
        ({}, "Host"),
        (HOME | {"origin": "https://example.com"}, "https://example.com"),
        (HOME | {"origin": "null"}, "null"),
        (HOME | {"sec-fetch-site": "cross-site"}, "cross-site"),
        (HOME | {"sec-fetch-site": "same-site"}, "same-site"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/events", "/", CLOCK_PATH, "/_ministack/reset"])
def test_a_browser_page_is_refused_with_the_reason(
    door: Door, stranger: dict[str, str], named: str, path: str
):
    status, problem = door.knock(stranger, path=path, body={"advanceSeconds": 5})

    assert (status, problem.get("status"), problem.get("title")) == (403, 403, "Forbidden")
    assert named in problem["detail"]
    assert door.passed == []
    assert door.advanced == 0


def test_a_websocket_is_closed(door: Door):
    assert door.knock(kind="websocket") == (1008, None)
    assert door.passed == []


def test_what_is_not_signed_for_aws_goes_to_the_api_once_there_is_one(door: Door):
    assert door.knock(path=API_PATH, body={"apiId": "4f8a1b2c"}) == (200, {"apiId": "4f8a1b2c"})

    door.knock(HOME | {"authorization": "Bearer whk_x"})

    assert door.passed[0]["host"] == "4f8a1b2c.execute-api.127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "path", "query"),
    [
        (HOME | SIGNED, "/", ""),
        (HOME, "/queue", "X-Amz-Signature=abc"),
        (HOME, "/_ministack/health", ""),
    ],
)
def test_what_is_for_aws_or_the_emulator_does_not(door: Door, headers: dict[str, str], path: str, query: str):
    door.knock(path=API_PATH, body={"apiId": "4f8a1b2c"})

    door.knock(headers, path=path, query=query)

    assert door.passed[0]["host"] == HOME["host"]


def test_loopback_counts_as_tls_whatever_the_client_says(door: Door):
    door.knock(HOME | SIGNED | {"x-forwarded-proto": "http"})

    assert door.passed[0]["x-forwarded-proto"] == "https"


def test_a_second_api_is_refused_by_name(door: Door):
    door.knock(path=API_PATH, body={"apiId": "first"})

    status, problem = door.knock(path=API_PATH, body={"apiId": "second"})

    assert status == 409
    assert "'first'" in problem["detail"]
    assert "'second'" in problem["detail"]


def test_the_clock_adds_up(door: Door):
    assert door.knock(path=CLOCK_PATH, body={"advanceSeconds": 60}) == (200, {"advancedSeconds": 60})
    assert door.knock(path=CLOCK_PATH, body={"advanceSeconds": 0.5}) == (200, {"advancedSeconds": 60.5})


@pytest.mark.parametrize(
    "body", [b"", b"{", [], {}, {"advanceSeconds": -1}, {"advanceSeconds": "60"}, {"advanceSeconds": 1e300}]
)
def test_a_step_that_is_none_leaves_the_clock_as_it_is(door: Door, body: object):
    status, problem = door.knock(path=CLOCK_PATH, body=body)

    assert status == 400
    assert problem["detail"]
    assert door.advanced == 0


def test_the_clock_takes_post_only(door: Door):
    assert door.knock(path=CLOCK_PATH, method="GET")[0] == 405
