"""Every raw answer has its right outcome, and other clients agree or are known to differ."""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching
from functools import cache

import pytest

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.exchange import Exchange
from handlers.delivery.outcomes import UndeliveredError
from handlers.delivery.targets import parse_target
from handlers.delivery.transport import Transport
from tests.support.factories import a_delivery, a_tenant
from tests.support.raw_receiver import receiver
from tests.wire.answers import ANSWERS
from tests.wire.answers.raw import End, RawAnswer, byte_by_byte
from tests.wire.differences import DIFFERENCES, REPORTED, Difference
from tests.wire.oracles import CURL, ORACLES
from tests.wire.scripted import TLS
from tests.wire.scripts import ending, plays

NO_HURRY = 10.0
IMPATIENT = 0.4
SHORT = 2048
"""Answers of up to so many bytes are cut at many places."""
READ_AT_ONCE = 16 * 1024

TARGET = parse_target("http://127.0.0.1:8080/hooks", allow_private=True)

every_answer = pytest.mark.parametrize("name", ANSWERS)


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """The outcomes of two deliveries over one transport, and the connections that they took."""

    outcome: str
    next_outcome: str
    connections: int


@cache
def delivered(name: str) -> Delivered:
    """Deliver two events to a receiver that gives the named answer to the first."""
    answer, played = ANSWERS[name], threading.Event()
    transport = Transport(allow_private=True, tls=TLS)

    def deliver(timeout: float) -> str:
        delivery = HttpAttempts(transport, timeout_seconds=timeout, allow_private=True)
        return delivery(a_delivery(target_url=running.url), a_tenant()).attempt.outcome

    with receiver(plays(answer, played)) as running:
        outcome = deliver(IMPATIENT if answer.by_deadline else NO_HURRY)
        # Late bytes, too, are there before the next request is sent.
        assert played.wait(NO_HURRY)
        next_outcome = deliver(NO_HURRY)
        connections = running.connections
        transport.close()
    return Delivered(outcome=outcome, next_outcome=next_outcome, connections=connections)


def read(answer: RawAnswer, pieces: Iterable[bytes]) -> tuple[str, bool]:
    """The outcome of an answer in these pieces, and whether its connection is kept, by the exchange alone."""
    exchange, unread = Exchange(TARGET, {}, b"{}"), deque(pieces)
    try:
        while unread and not exchange.over:
            exchange.feed(unread.popleft())
        if not exchange.over:
            if answer.end in {End.CLOSE, End.HALF_CLOSE}:
                exchange.feed(b"")
            elif answer.end is End.RESET and not exchange.end_early():
                return "connection_reset", False
            elif answer.end is End.OPEN and not (exchange.head_is_read and exchange.end_early()):
                return "timeout", False
    except UndeliveredError as error:
        return error.outcome, False
    # The transport finds unread bytes, and the end of a connection, by itself.
    is_kept = exchange.is_reusable and not unread and answer.end is End.OPEN
    return f"http_{exchange.answer().status}", is_kept


def cuts(raw: bytes) -> Iterable[Sequence[bytes]]:
    """A short answer whole, byte by byte and in two at every place; a long one in parts as it may be read."""
    if len(raw) > SHORT:
        for first in (1, 100, 5000):
            rest = range(first, len(raw), READ_AT_ONCE)
            yield [raw[:first], *(raw[place : place + READ_AT_ONCE] for place in rest)]
        return
    yield [raw] if raw else []
    yield byte_by_byte(raw)
    for place in range(1, len(raw)):
        yield raw[:place], raw[place:]


@every_answer
def test_an_answer_has_the_outcome_that_its_status_line_says(name: str) -> None:
    assert delivered(name).outcome == ANSWERS[name].outcome


@every_answer
def test_the_next_request_takes_the_same_connection_only_if_the_answer_ended_beyond_doubt(name: str) -> None:
    after = delivered(name)

    assert after.next_outcome == "http_202"
    assert after.connections == (1 if ANSWERS[name].kept else 2)


@every_answer
def test_outcome_and_connection_are_the_same_however_an_answer_is_cut_into_segments(name: str) -> None:
    answer = ANSWERS[name]

    results = {read(answer, pieces) for pieces in cuts(answer.raw)}

    assert results == {(answer.outcome, answer.kept)}


@pytest.mark.parametrize(
    "oracle",
    [
        "h11",
        "llhttp",
        pytest.param("curl", marks=pytest.mark.skipif(CURL is None, reason="there is no curl here")),
    ],
)
@every_answer
def test_another_client_reports_the_same_status_or_is_known_to_differ(name: str, oracle: str) -> None:
    accepted = REPORTED.get((oracle, name), {ANSWERS[name].status})

    with receiver(plays(ending(ANSWERS[name]), threading.Event())) as running:
        assert ORACLES[oracle](running.port, NO_HURRY) in accepted


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: f"{row.oracle}: {row.reason}")
def test_a_listed_difference_is_one(row: Difference) -> None:
    assert [pattern for pattern in row.answers if not matching(ANSWERS, pattern)] == []
    # If versions differ, some may agree with us, but not all.
    assert [name for name in row.names() if row.reports == {ANSWERS[name].status}] == []


def test_a_difference_is_listed_once() -> None:
    listed = Counter((row.oracle, name) for row in DIFFERENCES for name in row.names())

    assert [key for key, times in listed.items() if times > 1] == []


def test_no_answer_is_listed_twice() -> None:
    played = Counter((answer.segments, answer.end) for answer in ANSWERS.values())

    assert [key for key, times in played.items() if times > 1] == []
    assert len(ANSWERS) >= 500
