"""What can happen at a call: the process is killed there, or AWS fails in one of several ways.

AWS fails by hooks in botocore, below the SDK's retries.
"""

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
from urllib3 import HTTPResponse

from handlers.store import schema

RECEIVER = "POST to the receiver"
"""The name of the one call that does not go to AWS."""

KILLED_BEFORE, KILLED_AFTER = CRASHES = ("killed before", "killed after")
AWS_FAULTS = (
    THROTTLED := "throttled",
    THROTTLED_ONCE := "throttled once",
    SERVER_ERROR := "500",
    NOT_CONNECTED := "connection timed out",
    UNANSWERED := "carried out, answer lost",
    UNANSWERED_ONCE := "carried out, answer lost once",
    UNPROCESSED := "keys left unprocessed",
)
_ONCE = {THROTTLED_ONCE, UNANSWERED_ONCE}


@dataclass(frozen=True)
class Fate:
    """What happens at one call of an invocation.

    Attributes:
        kind: one of `CRASHES`: the process is killed (SIGKILL) before the call is made, or once it has taken
            effect and was answered. Or one of `AWS_FAULTS`: each of the SDK's tries fails, or only the first.
        call: its name.
        nth: which of the calls of that name, from 1.
    """

    kind: str
    call: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.kind} {self.call}" if self.kind in CRASHES else f"{self.call}: {self.kind}"

    @property
    def possible(self) -> bool:
        """Whether a call of this name can end like this: only batch reads leave keys unprocessed."""
        if self.kind == UNPROCESSED:
            return self.call.startswith("BatchGetItem")
        return self.kind in CRASHES or self.call != RECEIVER


def let_aws_fail(fault: Fate, is_at: Callable[[Fate], bool]) -> None:
    """Fail that call of every client that this process makes from now on.

    Args:
        fault: what goes wrong.
        is_at: whether the calling thread is in the call that the fault names.
    """
    tries: list[str] = []

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if not is_at(fault) or (fault.kind in _ONCE and tries):
            return None
        tries.append(request.url)
        return _fail(fault.kind, request)

    def after_batch_get(parsed: dict[str, Any], **_: Any) -> None:
        if is_at(fault) and fault.kind == UNPROCESSED:
            _leave_unprocessed(parsed)

    events = boto3.DEFAULT_SESSION.events
    events.register_first("before-send", before_send)
    events.register_first("after-call.dynamodb.BatchGetItem", after_batch_get)
    # The SDK's pauses between its tries only cost time here.
    botocore.endpoint.time = _NoSleep()


class _NoSleep:
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
    return AWSResponse(request.url, status, headers, HTTPResponse(BytesIO(body), preload_content=False))


def _leave_unprocessed(parsed: dict[str, Any]) -> None:
    """As DynamoDB does under load: answer for no key, and return all of them to be asked for again."""
    key = (schema.TENANT_ID, schema.EVENT_ID)
    for table, items in parsed["Responses"].items():
        keys = [{name: item[name] for name in key if name in item} for item in items]
        if keys:
            parsed.setdefault("UnprocessedKeys", {})[table] = {"Keys": keys}
        parsed["Responses"][table] = []
