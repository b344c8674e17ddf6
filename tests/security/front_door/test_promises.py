"""Each promise that the fuzzing checks can be broken, and the break is noticed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from handlers.model.tenant import hash_api_key
from tests.security.front_door.promises import MAX_CPU_MS, PROMISES, broken_promise
from tests.support.factories import a_body, a_request
from tests.support.front_door import (
    ACCOUNT,
    API_KEY,
    EVENTS_TABLE,
    QUEUE_URL,
    UNKNOWN_KEY,
    USED_BODY,
    USED_KEY,
    FrontDoor,
    Outcome,
)

ACCEPTED = FrontDoor().ask(a_request(a_body(data={"x": [1, -0.0, True]}), api_key=API_KEY))
REFUSED = FrontDoor().ask(a_request('{"typ": "a"}', api_key=API_KEY))
UNKNOWN = FrontDoor().ask(a_request(a_body(), api_key=UNKNOWN_KEY))
REPLAYED = FrontDoor().ask(a_request(USED_BODY, api_key=API_KEY, headers={"idempotency-key": USED_KEY}))


def answering(outcome: Outcome, **changes: Any) -> Outcome:
    return replace(outcome, answer={**outcome.answer, **changes})


def with_header(outcome: Outcome, name: str, value: Any) -> Outcome:
    return answering(outcome, headers={**outcome.answer["headers"], name: value})


def told(outcome: Outcome, **changes: Any) -> Outcome:
    document = json.loads(outcome.answer["body"]) | changes
    return answering(outcome, body=json.dumps(document))


def detail(text: str) -> Outcome:
    return told(REFUSED, detail=text)


def errors(*fields: Any, message: str = "is required") -> Outcome:
    return told(REFUSED, errors=[{"field": field, "message": message} for field in fields])


def stored(old: bytes, new: bytes) -> Outcome:
    (delivery,) = ACCEPTED.stored
    body = delivery.event.body
    assert body is not None
    assert old in body
    other = replace(delivery.event, body=body.replace(old, new))
    return replace(ACCEPTED, stored=[replace(delivery, event=other)])


OUTCOMES: Mapping[str, list[Outcome]] = {
    "the status is one of the contract's": [answering(REFUSED, statusCode=s) for s in (500, 503, 200, 429)],
    "the headers are plain ASCII": [
        with_header(REFUSED, "X", "a\r\nSet-Cookie: b"),
        with_header(REFUSED, "X", "é"),
        with_header(REFUSED, "X", 1),
        with_header(REFUSED, "X\nY", "a"),
    ],
    "the content type says what the answer is": [
        with_header(REFUSED, "Content-Type", "application/json"),
        with_header(ACCEPTED, "Content-Type", "application/problem+json"),
    ],
    "the body is a JSON object in ASCII": [
        answering(REFUSED, body=body) for body in ("", "oops", "[]", '{"a": NaN}', '{"a": "é"}')
    ],
    "an error is a problem document with nothing unbounded in it": [
        told(REFUSED, type="/problems/other"),
        told(REFUSED, type="/problems/unauthorized"),
        told(REFUSED, status=401),
        told(REFUSED, title=""),
        told(REFUSED, instance="/v1"),
        detail(""),
        detail("a\nb"),
        detail("\ud800"),
        errors(),
        errors(*"abcdefghijk"),
        errors("x" * 2000),
        errors(1),
        errors("a\x00"),
        errors("a", message="Input should be a valid string"),
    ],
    "the answer is small": [detail("x" * 32_768)],
    "the answer gives nothing internal away": [
        *map(detail, (EVENTS_TABLE, QUEUE_URL, ACCOUNT, API_KEY, hash_api_key(API_KEY), "KeyError")),
        *map(detail, ("Traceback (most", "handlers.intake", "/var/task", "<object at 0x7f>", "whsec_x")),
        with_header(REFUSED, "X-Amzn", "arn:aws:sqs"),
        told(UNKNOWN, detail=UNKNOWN_KEY),
        told(UNKNOWN, detail=hash_api_key(UNKNOWN_KEY)),
    ],
    "the log has no API key": [
        replace(UNKNOWN, logged=UNKNOWN_KEY),
        replace(ACCEPTED, logged=hash_api_key(API_KEY)),
    ],
    "202 is answered exactly if the event is stored and queued": [
        replace(ACCEPTED, stored=[]),
        replace(ACCEPTED, queued=[]),
        replace(ACCEPTED, queued=ACCEPTED.queued * 2),
        replace(ACCEPTED, queued=["evt_another"]),
        told(ACCEPTED, id="evt_another"),
        with_header(ACCEPTED, "Idempotent-Replayed", "true"),
        told(REPLAYED, id="evt_another"),
        replace(REPLAYED, queued=[REPLAYED.used_event_id]),
        replace(REFUSED, changed=1),
        replace(REFUSED, queued=["evt_another"]),
    ],
    "what is stored is what was sent": [
        stored(b'"x": [', b'"y": ['),
        stored(b'"x": [', b'"x":['),
        stored(b"[1,", b"[1.0,"),
        stored(b"[1,", b"[true,"),
        stored(b"-0.0", b"0.0"),
        stored(b"-0.0", b"NaN"),
        stored(b'"type":"order.created"', b'"type":"order"'),
        told(ACCEPTED, type="order"),
        replace(ACCEPTED, request=ACCEPTED.request | {"body": "no JSON"}),
        replace(ACCEPTED, request=ACCEPTED.request | {"body": a_body(data={"x": [1, -0.0, True]}, more=1)}),
    ],
    "the answer costs little processor time": [replace(REFUSED, cpu_ms=MAX_CPU_MS + 1)],
}
CASES = [(promise, outcome) for promise, outcomes in OUTCOMES.items() for outcome in outcomes]


def test_the_outcomes_that_are_broken_here_are_whole_before() -> None:
    assert [broken_promise(outcome) for outcome in (ACCEPTED, REFUSED, UNKNOWN, REPLAYED)] == [None] * 4
    assert OUTCOMES.keys() == PROMISES.keys()


@pytest.mark.parametrize(("promise", "outcome"), CASES, ids=[promise for promise, _ in CASES])
def test_a_broken_promise_is_told(promise: str, outcome: Outcome) -> None:
    assert broken_promise(outcome) == promise


def test_an_exception_is_told_with_its_place() -> None:
    request = a_request(a_body(), api_key=API_KEY)
    del request["rawPath"]

    broken = broken_promise(FrontDoor().ask(request))

    assert broken is not None
    assert broken.startswith("no exception: KeyError in ")
    assert "/handlers/" in broken
