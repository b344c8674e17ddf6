"""What must hold of every answer of the front door, whatever the request."""

import base64
import json
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from handlers.intake.submission import MAX_FIELD_ERRORS, MAX_FIELD_NAME, MESSAGES
from handlers.model.tenant import hash_api_key
from tests.support import front_door as door
from tests.support.factories import TARGET_URL
from tests.support.front_door import Outcome

ACCEPTED = 202
STATUS_OF: Mapping[str, int] = {
    "malformed-json": 400,
    "invalid-event": 400,
    "ambiguous-api-key": 400,
    "invalid-idempotency-key": 400,
    "unauthorized": 401,
    "api-key-disabled": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "idempotency-key-reused": 409,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "unsupported-content-encoding": 415,
}
"""The problem types that a request can cause, with their statuses; only AWS causes `unavailable` (503)."""

MAX_ANSWER_BYTES = 32_768
"""Ten field names of 128 characters, each given twice, with up to 12 bytes per character escaped as JSON,
make 30,720; the rest is a few hundred. Most answers are far smaller."""
MAX_CPU_MS = 1000.0
"""Of one thread: 25 times the slowest answer seen, to 250 KB of nothing but unknown fields. Backtracking and
quadratic parsing take far longer than this at such sizes."""

_INTERNAL = (
    *(door.TENANT_TABLE, door.EVENTS_TABLE, door.QUEUE_URL, door.ACCOUNT, door.API_KEY, door.DISABLED_KEY),
    *(hash_api_key(door.API_KEY), hash_api_key(door.DISABLED_KEY), TARGET_URL, "whsec_", "Traceback"),
    *("Error", "Exception", "Problem", "object at 0x", ".py", "/var/", "/opt/", "site-packages", "handlers"),
    *("pydantic", "botocore", "boto3", "dynamodb", "amazonaws", "arn:aws"),
)
_MESSAGE = re.compile(
    "|".join(
        (
            *map(re.escape, MESSAGES.values()),
            r"holds the number -?[0-9.eE+-]{1,40}…?, which is too large for a double: send it as a string",
            r"holds (NaN|-?Infinity), which is not a number of JSON: send null or a string",
        )
    )
)
_API_KEY = re.compile(r"whk_[^\s,]{4,}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


def broken_promise(outcome: Outcome) -> str | None:
    """The first promise that the outcome breaks; outcomes that break it alike get the same words."""
    if outcome.error is not None:
        place = traceback.extract_tb(outcome.error.__traceback__)[-1]
        return f"no exception: {type(outcome.error).__name__} in {place.name} of {place.filename[-60:]}"
    return next((promise for promise, holds in PROMISES.items() if not holds(outcome)), None)


def document_of(outcome: Outcome) -> dict[str, Any]:
    """The answer's document; a refusal's is the problem."""
    return json.loads(outcome.answer["body"], parse_constant=_no_constant)


def _is_of_the_contract(outcome: Outcome) -> bool:
    return outcome.answer["statusCode"] in {ACCEPTED, *STATUS_OF.values()}


def _has_harmless_headers(outcome: Outcome) -> bool:
    return all(
        _HEADER_NAME.fullmatch(name) and isinstance(value, str) and value.isascii() and value.isprintable()
        for name, value in outcome.answer["headers"].items()
    )


def _is_of_the_right_type(outcome: Outcome) -> bool:
    kind = "" if outcome.answer["statusCode"] == ACCEPTED else "problem+"
    return outcome.answer["headers"]["Content-Type"] == f"application/{kind}json"


def _is_a_json_object(outcome: Outcome) -> bool:
    body = outcome.answer["body"]
    try:
        return body.isascii() and isinstance(document_of(outcome), dict)
    except ValueError:
        return False


def _is_a_problem_document(outcome: Outcome) -> bool:
    if outcome.answer["statusCode"] == ACCEPTED:
        return True
    document = document_of(outcome)
    errors = document.pop("errors", [{"field": "", "message": MESSAGES["missing"]}])
    return (
        document.keys() == {"type", "title", "status", "detail"}
        and STATUS_OF.get(document["type"].removeprefix("/problems/")) == outcome.answer["statusCode"]
        and document["status"] == outcome.answer["statusCode"]
        and all(_is_text(document[name]) and document[name] for name in ("title", "detail"))
        and 1 <= len(errors) <= MAX_FIELD_ERRORS
        and all(error.keys() == {"field", "message"} for error in errors)
        # Escaped, one character may become ten.
        and all(_is_text(error["field"]) and len(error["field"]) <= 10 * MAX_FIELD_NAME for error in errors)
        and all(_MESSAGE.fullmatch(error["message"]) for error in errors)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _gives_nothing_away(outcome: Outcome) -> bool:
    answer = json.dumps(outcome.answer)
    sent = str(outcome.request) + sent_body(outcome.request).decode(errors="replace")
    return not any(mark in answer and mark not in sent for mark in _INTERNAL) and not any(
        secret in answer for secret in _secrets(outcome.request)
    )


def _logs_no_key(outcome: Outcome) -> bool:
    return not any(secret in outcome.logged for secret in _secrets(outcome.request))


def _secrets(request: Mapping[str, Any]) -> Iterator[str]:
    """The keys that were presented, and their hashes, unless the request repeats them elsewhere."""
    headers = request.get("headers") or {}
    elsewhere = str(request["rawPath"]) + str(request["requestContext"]) + str(request.get("body"))
    elsewhere += str([value for name, value in headers.items() if name not in {"authorization", "x-api-key"}])
    for value in (headers.get("authorization", ""), headers.get("x-api-key", "")):
        for api_key in _API_KEY.findall(value):
            if api_key not in elsewhere:
                yield api_key
                yield hash_api_key(api_key.encode(errors="replace").decode())


def _is_accepted_exactly_if_it_is_owed(outcome: Outcome) -> bool:
    stored = [event.key.event_id for event in outcome.stored]
    if outcome.answer["statusCode"] != ACCEPTED:
        return not outcome.changed and not outcome.queued
    event_id = document_of(outcome)["id"]
    if "Idempotent-Replayed" in outcome.answer["headers"]:
        return not outcome.changed and not outcome.queued and event_id == outcome.used_event_id
    return stored == outcome.queued == [event_id]


def _is_stored_as_it_was_sent(outcome: Outcome) -> bool:
    for event in (delivery.event for delivery in outcome.stored):
        try:
            sent = json.loads(sent_body(outcome.request), parse_constant=_no_constant)
            kept = json.loads(event.body or b"", parse_constant=_no_constant)
        except ValueError:
            return False
        _, _, data = (event.body or b"").partition(b'"data":')
        if data.removesuffix(b"}") not in sent_body(outcome.request):
            return False
        # As text: Python takes 1, 1.0 and true for equal, and -0.0 for 0.0.
        if _as_text(sent) != _as_text({"type": event.type, "data": kept["data"]}):
            return False
        if not event.type == kept["type"] == document_of(outcome)["type"]:
            return False
    return True


def sent_body(request: Mapping[str, Any]) -> bytes:
    """The bytes of the body; none if it is not base64 although it says so."""
    body = request.get("body") or ""
    if not request.get("isBase64Encoded"):
        return body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(body)
    except ValueError:
        return b""


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


PROMISES: Mapping[str, Callable[[Outcome], bool]] = {
    "the status is one of the contract's": _is_of_the_contract,
    "the headers are plain ASCII": _has_harmless_headers,
    "the content type says what the answer is": _is_of_the_right_type,
    "the body is a JSON object in ASCII": _is_a_json_object,
    "an error is a problem document with nothing unbounded in it": _is_a_problem_document,
    "the answer is small": lambda outcome: len(json.dumps(outcome.answer)) <= MAX_ANSWER_BYTES,
    "the answer gives nothing internal away": _gives_nothing_away,
    "the log has no API key": _logs_no_key,
    "202 is answered exactly if the event is stored and queued": _is_accepted_exactly_if_it_is_owed,
    "what is stored is what was sent": _is_stored_as_it_was_sent,
    "the answer costs little processor time": lambda outcome: outcome.cpu_ms <= MAX_CPU_MS,
}
