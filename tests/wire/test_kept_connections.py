"""Kept connections cost no attempt when they die, and soon follow their name to a new address."""

import pytest

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.transport import MAX_AGE_SECONDS, MAX_IDLE_SECONDS, MAX_KEPT_CONNECTIONS, Transport
from tests.support.factories import Clock, a_delivery, a_tenant
from tests.wire.scripted import PORT, TLS, End, Receiver, Script

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
URL = f"http://127.0.0.1:{PORT}/hooks"


class System:
    """Deliveries over one transport to a receiver that answers each request by the next script."""

    def __init__(self, *scripts: Script) -> None:
        self.clock = Clock()
        self.receiver = Receiver(scripts)
        self.transport = Transport(
            allow_private=True, open_socket=self.receiver.open, tls=TLS, clock=self.clock.seconds
        )
        self._deliver = HttpAttempts(self.transport, timeout_seconds=30, allow_private=True)

    def deliver(self, url: str = URL) -> str:
        return self._deliver(a_delivery(target_url=url), a_tenant()).attempt.outcome

    @property
    def connections(self) -> int:
        return len(self.receiver.connections)


def answer(*pieces: bytes, end: End = End.OPEN) -> Script:
    return Script(pieces=pieces, end=end)


FRESH = answer(OK)


@pytest.mark.parametrize("end", [End.CLOSED, End.RESET])
def test_a_kept_connection_that_dies_before_a_byte_of_an_answer_costs_no_attempt(end: End) -> None:
    system = System(FRESH, answer(b"", end=end), FRESH)

    assert [system.deliver(), system.deliver()] == ["http_200", "http_200"]
    assert system.connections == 2
    assert len(system.receiver.requests) == 3


def test_a_request_that_is_sent_once_more_is_the_same_to_the_byte() -> None:
    system = System(FRESH, answer(b"", end=End.CLOSED), FRESH)
    system.deliver()
    system.deliver()

    _, first, again = system.receiver.requests
    assert first == again


def test_a_request_is_sent_once_more_but_not_twice() -> None:
    dead = answer(b"", end=End.CLOSED)
    system = System(FRESH, dead, dead, FRESH)

    assert [system.deliver(), system.deliver()] == ["http_200", "connection_closed"]
    assert len(system.receiver.requests) == 3


def test_it_is_sent_once_more_on_a_fresh_connection_even_if_another_one_is_kept() -> None:
    system = System(answer(b"", OK), FRESH, answer(b"", end=End.RESET), FRESH)
    outcomes: list[str] = []
    # The second is delivered while the first waits, so that two connections are kept.
    system.receiver.while_waiting = lambda: outcomes.append(system.deliver())
    outcomes += [system.deliver(), system.deliver()]

    assert outcomes == ["http_200"] * 3
    assert system.connections == 3


def test_a_fresh_connection_that_dies_is_a_failed_attempt() -> None:
    system = System(answer(b"", end=End.RESET), FRESH)

    assert system.deliver() == "connection_reset"
    assert len(system.receiver.requests) == 1


def test_a_kept_connection_that_dies_within_an_answer_is_a_failed_attempt() -> None:
    system = System(FRESH, answer(b"HTT", end=End.RESET), FRESH)

    assert [system.deliver(), system.deliver()] == ["http_200", "connection_reset"]
    assert len(system.receiver.requests) == 2


def test_a_kept_connection_that_gives_no_answer_in_time_is_a_failed_attempt() -> None:
    system = System(FRESH, answer(b""), FRESH)

    assert [system.deliver(), system.deliver()] == ["http_200", "timeout"]
    assert len(system.receiver.requests) == 2


def test_a_connection_that_was_closed_meanwhile_is_not_used_at_all() -> None:
    system = System(answer(OK, end=End.CLOSED), FRESH)

    assert [system.deliver(), system.deliver()] == ["http_200", "http_200"]
    assert len(system.receiver.requests) == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    system = System(FRESH, FRESH, FRESH)
    system.deliver()
    system.clock.advance(seconds=MAX_IDLE_SECONDS - 0.1)
    system.deliver()
    assert system.connections == 1
    system.clock.advance(seconds=MAX_IDLE_SECONDS)
    system.deliver()

    assert system.connections == 2


def test_a_connection_that_is_never_idle_ends_after_a_minute() -> None:
    every = 3
    system = System(*[FRESH] * 100)
    for _ in range(0, int(MAX_AGE_SECONDS) + every, every):
        system.deliver()
        system.clock.advance(seconds=every)

    assert system.connections == 2


def test_a_clock_that_is_put_back_makes_no_connection_last_for_ever() -> None:
    system = System(FRESH, FRESH)
    system.deliver()
    system.clock.advance(seconds=-3600)
    system.deliver()

    assert system.connections == 2


def test_at_most_a_hundred_connections_are_kept_and_the_others_are_closed() -> None:
    system = System(*[FRESH] * 150)
    for port in range(1, 151):
        system.deliver(f"http://127.0.0.1:{port}/")

    assert sum(not connection.is_closed for connection in system.receiver.connections) == MAX_KEPT_CONNECTIONS


def test_a_connection_that_was_idle_for_long_is_closed_when_another_one_is_kept() -> None:
    system = System(FRESH, FRESH)
    system.deliver("http://127.0.0.1:1/")
    system.clock.advance(seconds=MAX_IDLE_SECONDS)
    system.deliver("http://127.0.0.1:2/")

    assert [connection.is_closed for connection in system.receiver.connections] == [True, False]


def test_a_connection_to_another_host_or_port_is_never_used() -> None:
    system = System(FRESH, FRESH, FRESH)
    for url in ("http://127.0.0.1:8080/", "http://127.0.0.1:8081/", "http://127.0.0.2:8080/"):
        assert system.deliver(url) == "http_200"

    assert system.connections == 3


def test_kept_connections_are_closed_with_the_transport() -> None:
    system = System(FRESH)
    system.deliver()
    system.transport.close()

    assert [connection.is_closed for connection in system.receiver.connections] == [True]
