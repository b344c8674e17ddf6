"""Every raw answer has the outcome that it must have, and other clients say the same or are known not to."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching
from functools import cache

import pytest

from handlers.delivery.attempt import HttpDelivery
from handlers.delivery.exchange import Exchange
from handlers.delivery.outcomes import UndeliveredError
from handlers.delivery.targets import parse_target
from handlers.delivery.transport import Transport
from tests.handlers.factories import a_tenant, an_event
from tests.support.raw_receiver import receiver
from tests.wire.answers import ANSWERS
from tests.wire.answers.raw import End, RawAnswer, byte_by_byte
from tests.wire.differences import DIFFERENCES, TOLD, Difference
from tests.wire.oracles import CURL, ORACLES
from tests.wire.scripted import TLS
from tests.wire.scripts import ending, plays

NO_HURRY = 10.0
IMPATIENT = 0.4
SHORT = 2048
"""Bytes of an answer that is cut at many places."""
READ_AT_ONCE = 16 * 1024

TARGET = parse_target("http://127.0.0.1:8080/hooks", allow_private=True)

every_answer = pytest.mark.parametrize("name", ANSWERS)


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What came of an answer, and of the request after it."""

    outcome: str
    next_outcome: str
    connections: int


@cache
def delivered(name: str) -> Delivered:
    """Deliver two events to a receiver that answers the first of them so."""
    answer, played = ANSWERS[name], threading.Event()
    transport = Transport(allow_private=True, tls=TLS)

    def deliver(timeout: float) -> str:
        delivery = HttpDelivery(transport, timeout_seconds=timeout, allow_private=True)
        return delivery(an_event(target_url=running.url), a_tenant()).attempt.outcome

    with receiver(plays(answer, played)) as running:
        outcome = deliver(IMPATIENT if answer.by_deadline else NO_HURRY)
        # What comes too late for the answer is there before the next request is sent.
        assert played.wait(NO_HURRY)
        next_outcome = deliver(NO_HURRY)
        connections = running.connections
        transport.close()
    return Delivered(outcome=outcome, next_outcome=next_outcome, connections=connections)


def read(answer: RawAnswer, pieces: Iterable[bytes]) -> str:
    """The outcome of an answer that comes in such pieces, by the exchange alone."""
    exchange = Exchange(TARGET, {}, b"{}")
    try:
        for piece in pieces:
            exchange.feed(piece)
            if exchange.over:
                break
        else:
            if answer.end in {End.CLOSE, End.HALF_CLOSE}:
                exchange.feed(b"")
            elif answer.end is End.RESET and not exchange.lost():
                return "connection_reset"
            elif answer.end is End.OPEN and not (exchange.head_is_read and exchange.lost()):
                return "timeout"
    except UndeliveredError as error:
        return error.outcome
    return f"http_{exchange.answer().status}"


def cuts(raw: bytes) -> Iterable[Sequence[bytes]]:
    """An answer as a whole, byte by byte and cut around each line end; a long one as it may be read."""
    if len(raw) > SHORT:
        for first in (1, 100, 5000):
            rest = range(first, len(raw), READ_AT_ONCE)
            yield [raw[:first], *(raw[place : place + READ_AT_ONCE] for place in rest)]
        return
    yield [raw] if raw else []
    yield byte_by_byte(raw)
    around = {place + near for place, byte in enumerate(raw) if byte in b"\r\n" for near in (-1, 0, 1, 2)}
    for place in sorted(around & set(range(1, len(raw)))):
        yield raw[:place], raw[place:]


@every_answer
def test_an_answer_has_the_outcome_that_its_status_line_says(name: str) -> None:
    assert delivered(name).outcome == ANSWERS[name].outcome


@every_answer
def test_the_next_request_takes_the_same_connection_only_where_no_doubt_is_left(name: str) -> None:
    after = delivered(name)

    assert after.next_outcome == "http_202"
    assert after.connections == (1 if ANSWERS[name].kept else 2)


@every_answer
def test_the_outcome_is_the_same_however_an_answer_is_cut_into_segments(name: str) -> None:
    answer = ANSWERS[name]

    outcomes = {read(answer, pieces) for pieces in cuts(answer.raw)}

    assert outcomes == {answer.outcome}


@pytest.mark.parametrize(
    "oracle",
    [
        "h11",
        "llhttp",
        pytest.param("curl", marks=pytest.mark.skipif(CURL is None, reason="there is no curl here")),
    ],
)
@every_answer
def test_another_client_tells_the_same_status_or_is_known_not_to(name: str, oracle: str) -> None:
    told = TOLD.get((oracle, name), {ANSWERS[name].status})

    with receiver(plays(ending(ANSWERS[name]), threading.Event())) as running:
        assert ORACLES[oracle](running.port, NO_HURRY) in told


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: f"{row.oracle}: {row.because}")
def test_a_listed_difference_is_one(row: Difference) -> None:
    assert [pattern for pattern in row.of if not matching(ANSWERS, pattern)] == []
    # Where versions differ, one that agrees with us may be among them, but not alone.
    assert [name for name in row.names() if row.tells == {ANSWERS[name].status}] == []


def test_a_difference_is_listed_once() -> None:
    listed = Counter((row.oracle, name) for row in DIFFERENCES for name in row.names())

    assert [of for of, times in listed.items() if times > 1] == []


def test_every_answer_is_another_one() -> None:
    played = Counter((answer.segments, answer.end) for answer in ANSWERS.values())

    assert [case for case, times in played.items() if times > 1] == []
    assert len(ANSWERS) >= 200
    assert len({answer.raw for answer in ANSWERS.values()}) >= 200
