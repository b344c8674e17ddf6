"""AWS misbehaving: a layer inside botocore, below its retries, that fails one call in one of several ways."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import boto3
import botocore.endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

THROTTLED = "throttled"
THROTTLED_ONCE = "throttled once"
SERVER_ERROR = "500"
NOT_CONNECTED = "connection timed out"
UNANSWERED = "carried out, answer lost"
UNANSWERED_ONCE = "carried out, answer lost once"
UNPROCESSED = "keys left unprocessed"

KINDS = (THROTTLED, THROTTLED_ONCE, SERVER_ERROR, NOT_CONNECTED, UNANSWERED, UNANSWERED_ONCE, UNPROCESSED)
_ONCE = {THROTTLED_ONCE, UNANSWERED_ONCE}


@dataclass(frozen=True, kw_only=True)
class AwsFault:
    """One call fails: each of the SDK's tries at it, or only the first one.

    Attributes:
        call: which one, counted from 0.
        kind: one of `KINDS`.
    """

    call: int
    kind: str


def applies(kind: str, call: str) -> bool:
    """Whether a call can fail in this way: only batch reads leave keys unprocessed."""
    return kind != UNPROCESSED or call.startswith("BatchGetItem")


def interfere(fault: AwsFault, current_call: Callable[[], int]) -> None:
    """Fail that call of every client that is made from now on in this process."""
    tries: list[str] = []

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if current_call() != fault.call or (fault.kind in _ONCE and tries):
            return None
        tries.append(request.url)
        return _fail(fault.kind, request)

    def answered(parsed: dict[str, Any], **_: Any) -> None:
        if current_call() == fault.call and fault.kind == UNPROCESSED:
            _leave_unprocessed(parsed)

    events = boto3.DEFAULT_SESSION.events
    events.register_first("before-send", send)
    events.register_first("after-call.dynamodb.BatchGetItem", answered)
    # The SDK's pauses between its tries are not what is looked at.
    botocore.endpoint.time = _Hurry()


class _Hurry:
    @staticmethod
    def sleep(_seconds: float) -> None:
        pass


def _fail(kind: str, request: AWSPreparedRequest) -> AWSResponse | None:
    if kind == UNPROCESSED:
        return None
    if kind in {UNANSWERED, UNANSWERED_ONCE}:
        URLLib3Session().send(request)
        raise ReadTimeoutError(endpoint_url=request.url)
    if kind == NOT_CONNECTED:
        raise ConnectTimeoutError(endpoint_url=request.url)
    if kind == SERVER_ERROR:
        return _answer(request, 500, "InternalServerError")
    return _answer(request, 400, "ThrottlingException")


def _answer(request: AWSPreparedRequest, status: int, code: str) -> AWSResponse:
    body = json.dumps({"__type": f"com.amazonaws.fault#{code}", "message": "injected"}).encode()
    headers = {"content-type": "application/x-amz-json-1.0", "content-length": str(len(body))}
    return AWSResponse(request.url, status, headers, _Raw(body))


class _Raw(BytesIO):
    """The body of an answer as botocore reads it."""

    def stream(self, **_: Any) -> Any:
        while chunk := self.read(1024):
            yield chunk


def _leave_unprocessed(parsed: dict[str, Any]) -> None:
    """As DynamoDB under load: nothing that was asked for is there, and all of it may be asked for again."""
    for table, items in parsed["Responses"].items():
        keys = [{name: item[name] for name in ("tenantId", "eventId") if name in item} for item in items]
        if keys:
            parsed.setdefault("UnprocessedKeys", {})[table] = {"Keys": keys}
        parsed["Responses"][table] = []
