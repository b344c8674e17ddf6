"""Events, messages and requests as tests need them: valid unless told otherwise."""

import base64
import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from handlers.intake.new_event import new_delivery, new_event_id
from handlers.intake.submission import Submission
from handlers.model.attempt import Attempt
from handlers.model.delivery import Delivery
from handlers.model.tenant import ApiKeyHolder, KeyState, Tenant
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


def a_delivery(
    *,
    tenant_id: str = "acme",
    target_url: str = TARGET_URL,
    type_: str = "order.created",
    data: Any = MappingProxyType({"orderId": 42}),
    now: datetime = NOON,
    event_id: str | None = None,
) -> Delivery:
    """A new event on its way; `data` is as a producer's library would write it, or bytes as they are."""
    holder = ApiKeyHolder(tenant_id=tenant_id, target_url=target_url, state=KeyState.ACTIVE)
    submission = Submission(type=type_, data=as_sent(data))
    return new_delivery(holder, submission, event_id=event_id or new_event_id(now), at=now)


def without_body(delivery: Delivery) -> Delivery:
    """The delivery as it is read without the body of its event."""
    return replace(delivery, event=replace(delivery.event, body=None))


def incompressible(size: int) -> str:
    """Text of twice `size` bytes that no compression makes small; the same each time."""
    return random.Random(size).randbytes(size).hex()  # noqa: S311 - the same bytes each run


def as_sent(data: Any) -> bytes:
    """The bytes of `data` as a producer's library would write them."""
    return data if isinstance(data, bytes) else json.dumps(dict(data), ensure_ascii=False).encode()


def a_tenant(**changes: Any) -> Tenant:
    fields: dict[str, Any] = {"tenant_id": "acme", "target_url": TARGET_URL, "webhook_secret": SECRET}
    return Tenant(**(fields | changes))


def an_attempt(outcome: str = "http_500", **changes: Any) -> Attempt:
    fields: dict[str, Any] = {"at": NOON, "outcome": outcome, "duration_ms": 12}
    return Attempt(**(fields | changes))


def a_message(delivery: Delivery, *, receive_count: int = 1, message_id: str | None = None) -> Message:
    body = json.dumps({"tenantId": delivery.key.tenant_id, "eventId": delivery.key.event_id})
    name = message_id or f"message-of-{delivery.key.event_id}"
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
