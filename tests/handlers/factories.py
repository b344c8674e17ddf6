"""Events, messages and requests as tests need them: valid unless told otherwise."""

import base64
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.intake.new_event import new_event
from handlers.model.attempt import Attempt
from handlers.model.event import Event
from handlers.model.tenant import Tenant
from handlers.store.queue import Message

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
PREVIOUS_SECRET = "whsec_" + base64.b64encode(b"p" * 32).decode()
TARGET_URL = "https://receiver.example/hooks"


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def seconds(self) -> float:
        return self.now.timestamp()


@dataclass
class LambdaContext:
    aws_request_id: str = "request-1"
    function_name: str = "a-function"
    remaining_ms: int = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def an_event(**changes: Any) -> Event:
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "target_url": TARGET_URL,
        "type_": "order.created",
        "data": {"orderId": 42},
        "now": NOON,
    }
    fields |= changes
    return new_event(**fields | {"data": as_sent(fields["data"])})


def incompressible(size: int) -> str:
    """Text of twice `size` bytes that no compression makes small; the same each time."""
    return random.Random(size).randbytes(size).hex()  # noqa: S311 - the same bytes each run


def as_sent(data: Any) -> bytes:
    """The bytes of `data` as a producer's library would write them."""
    return data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()


def a_tenant(**changes: Any) -> Tenant:
    fields: dict[str, Any] = {"tenant_id": "acme", "target_url": TARGET_URL, "webhook_secret": SECRET}
    return Tenant(**(fields | changes))


def an_attempt(outcome: str = "http_500", **changes: Any) -> Attempt:
    status = int(outcome.removeprefix("http_")) if outcome.startswith("http_") else None
    fields: dict[str, Any] = {"at": NOON, "outcome": outcome, "status_code": status, "duration_ms": 12}
    return Attempt(**(fields | changes))


def a_message(event: Event, *, receive_count: int = 1, message_id: str | None = None) -> Message:
    body = json.dumps({"tenantId": event.key.tenant_id, "eventId": event.key.event_id})
    name = message_id or f"message-of-{event.key.event_id}"
    return Message(message_id=name, receipt_handle=f"handle-{name}", body=body, receive_count=receive_count)


def a_request(
    body: str | bytes | None = None,
    *,
    api_key: str | None = None,
    method: str = "POST",
    path: str = "/v1/events",
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """An HTTP API request, payload format 2.0; a body of bytes is handed over as base64."""
    base = {"content-type": "application/json"} | ({"authorization": f"Bearer {api_key}"} if api_key else {})
    request: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "POST /v1/events",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {k: v for k, v in (base | (headers or {})).items() if v},
        "requestContext": {"http": {"method": method, "path": path}},
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        request["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return request


def a_body(**changes: Any) -> str:
    return json.dumps({"type": "order.created", "data": {"orderId": 42}} | changes)
