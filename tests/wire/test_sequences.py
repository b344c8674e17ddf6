"""An answer belongs to the request that it answers, also over kept connections.

A receiver may mix interim, final, late, surplus and broken answers in any way. A status that is recorded for
an attempt was still sent in answer to that attempt's own request.
"""

import http.client
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.transport import Transport
from handlers.model.delivery import Delivery
from handlers.model.event import EventKey
from tests.support.factories import a_delivery, a_tenant
from tests.wire.scripted import PORT, TLS, End, Receiver, Script, Wire

SEQUENCES = 2000
URL = f"http://127.0.0.1:{PORT}/hooks"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One event of a sequence and how it is answered.

    Attributes:
        right: the status that must be recorded; None if the answer leaves a doubt.
        overlaps: the next turn begins while this one waits for its answer.
    """

    script: Script
    right: int | None
    overlaps: bool


INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    b"HTTP/1.1 199\r\nX: y\r\n\r\n",
]
WHOLE: Mapping[str, Callable[[int], bytes]] = {
    "with a length": lambda s: b"HTTP/1.1 %d Fine\r\nContent-Length: 5\r\n\r\nhello" % s,
    "without a body": lambda s: b"HTTP/1.1 %d\r\nContent-Length: 0\r\n\r\n" % s,
    "in chunks": lambda s: b"HTTP/1.1 %d OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" % s,
    "for the last time": lambda s: b"HTTP/1.1 %d OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % s,
    "of HTTP/1.0": lambda s: b"HTTP/1.0 %d OK\r\nContent-Length: 2\r\n\r\nok" % s,
}
BROKEN: Mapping[str, Callable[[int], bytes]] = {
    "cut off in its body": lambda s: b"HTTP/1.1 %d OK\r\nContent-Length: 500\r\n\r\nhello" % s,
    "cut off in its head": lambda s: b"HTTP/1.1 %d OK\r\nContent-Le" % s,
    "with a line that is no header": lambda s: b"HTTP/1.1 %d OK\r\nhello\r\nContent-Length: 0\r\n\r\n" % s,
    "with two lengths": lambda s: (
        b"HTTP/1.1 %d OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % s
    ),
    "with junk for chunks": lambda s: b"HTTP/1.1 %d OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n" % s,
    "until the connection ends": lambda s: b"HTTP/1.1 %d OK\r\n\r\nhello" % s,
}
NOTHING = [
    b"",
    b"hello\r\n\r\n",
    b"HTTP/1.1 ",
    b"HTTP/1.1 OK\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
]
ENDS = [*[End.OPEN] * 4, End.CLOSED, End.RESET]
SURPLUS = [b"\r\n", b"hello", b"HTTP/1.1 2", *INTERIM]


@st.composite
def turns(draw: st.DrawFn, statuses: Callable[[], int]) -> Turn:
    """A turn. No status is used twice in a sequence."""
    answer = b"".join(draw(st.lists(st.sampled_from(INTERIM), max_size=2)))
    said: set[int] = set()
    kind = draw(st.sampled_from([*["whole"] * 6, "broken", "nothing"]))
    if kind == "nothing":
        answer += draw(st.sampled_from(NOTHING))
    else:
        said.add(statuses())
        answer += draw(st.sampled_from(list((WHOLE if kind == "whole" else BROKEN).values())))(max(said))
    ends_at = len(answer) if kind == "whole" else None
    right = next(iter(said)) if kind == "whole" else None
    surplus = draw(st.sampled_from(["none"] * 8 + ["some", "another answer"]))
    if surplus == "some":
        answer += draw(st.sampled_from(SURPLUS))
    elif surplus == "another answer":
        said.add(statuses())
        answer += WHOLE["with a length"](max(said))
    cuts = sorted(draw(st.lists(st.integers(0, len(answer)), max_size=3)))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    # 101 is final, too.
    said |= {101} if b" 101 " in answer else set()
    late = draw(st.integers(0, len(cuts))) if draw(st.sampled_from([False, False, True])) else 0
    if late and ends_at is not None and sum(map(len, pieces[:-late])) >= ends_at:
        # Bytes that follow a whole answer after the next request look like the answer to that request.
        late = 0
    script = Script(pieces=pieces, late=late, end=draw(st.sampled_from(ENDS)), statuses=frozenset(said))
    return Turn(
        script=script, right=None if late else right, overlaps=draw(st.sampled_from([False, False, True]))
    )


@st.composite
def sequences(draw: st.DrawFn) -> Sequence[Turn]:
    """Two to six turns, one after the other or overlapping."""
    statuses = count(200)
    return [draw(turns(lambda: next(statuses))) for _ in range(draw(st.integers(2, 6)))]


Send = Callable[[Delivery], str]


@dataclass
class Played:
    """The outcomes of a sequence by event, in order of completion, and its receiver."""

    outcomes: dict[str, str]
    receiver: Receiver


def play(sequence: Sequence[Turn], sender: Callable[[Receiver], Send]) -> Played:
    """Deliver one event per turn to one receiver, for three tenants in rotation."""
    receiver = Receiver({f"evt_{n}": turn.script for n, turn in enumerate(sequence)})
    send, remaining, outcomes = sender(receiver), iter(enumerate(sequence)), dict[str, str]()

    def deliver_next() -> None:
        number, turn = next(remaining, (0, None))
        if turn is None:
            return
        key = EventKey(tenant_id=f"tenant-{number % 3}", event_id=f"evt_{number}")
        receiver.while_waiting = deliver_next if turn.overlaps else None
        delivery = a_delivery(target_url=URL, tenant_id=key.tenant_id, event_id=key.event_id)
        outcomes[key.event_id] = send(delivery)

    while len(outcomes) < len(sequence):
        deliver_next()
    for connection in receiver.connections:
        connection.close()
    return Played(outcomes=outcomes, receiver=receiver)


def over_our_transport(receiver: Receiver) -> Send:
    transport = Transport(allow_private=True, open_socket=receiver.open, tls=TLS)
    deliver = HttpAttempts(transport, timeout_seconds=30, allow_private=True)
    return lambda delivery: deliver(delivery, a_tenant(tenant_id=delivery.key.tenant_id)).attempt.outcome


def over_http_client(receiver: Receiver) -> Send:
    """Keeps a connection whenever http.client says that it can be kept, and believes each of its answers."""
    kept: list[http.client.HTTPConnection] = []

    def send(delivery: Delivery) -> str:
        connection = kept.pop() if kept else http.client.HTTPConnection("127.0.0.1", PORT)
        if connection.sock is None:
            connection.sock = Wire(receiver)
        try:
            connection.request("POST", "/hooks", delivery.event.body, {"webhook-id": delivery.key.event_id})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return "failed"
        if not answer.will_close:
            kept.append(connection)
        return f"http_{answer.status}"

    return send


def foreign(played: Played) -> list[str]:
    """The events whose recorded status was not sent in answer to them."""
    return [
        event_id
        for event_id, outcome in played.outcomes.items()
        if outcome.startswith("http_")
        and int(outcome.removeprefix("http_")) not in played.receiver.scripts[event_id].statuses
    ]


COUNTS: Counter[str] = Counter()


@settings(max_examples=SEQUENCES, suppress_health_check=list(HealthCheck), database=None, deadline=None)
@given(sequences())
def _test_an_answer_belongs_to_its_request(sequence: Sequence[Turn]) -> None:
    played = play(sequence, over_our_transport)

    assert foreign(played) == []
    for event_id, turn in zip(played.receiver.scripts, sequence, strict=True):
        if turn.right is not None:
            assert played.outcomes[event_id] == f"http_{turn.right}"
    COUNTS["sequences"] += 1
    COUNTS["attempts"] += len(played.receiver.requests)
    COUNTS["connections"] += len(played.receiver.connections)


def test_the_recorded_status_was_said_to_the_attempts_own_request_in_thousands_of_sequences() -> None:
    _test_an_answer_belongs_to_its_request()

    assert COUNTS["sequences"] >= SEQUENCES
    # Connections must have been kept, or this proves nothing about kept ones.
    assert COUNTS["connections"] < COUNTS["attempts"] * 0.9


def test_the_sequences_find_what_http_client_does_with_an_interim_answer() -> None:
    """http.client takes 102 for a final answer; a sequence then shows a status of another request."""
    found = find(
        sequences(),
        lambda sequence: bool(foreign(play(sequence, over_http_client))),
        settings=settings(
            max_examples=SEQUENCES, suppress_health_check=list(HealthCheck), database=None, deadline=None
        ),
    )

    assert len(found) == 2


def test_the_sequences_have_nothing_to_find_where_every_answer_is_whole() -> None:
    """So what they find in http.client is its fault, not theirs."""
    whole = [
        Turn(
            script=Script(pieces=[make(200 + n)], statuses=frozenset({200 + n})),
            right=200 + n,
            overlaps=False,
        )
        for n, make in enumerate(WHOLE.values())
    ]

    assert foreign(play(whole, over_http_client)) == []
