"""A receiver's answer counts even if it does not read the request to its end."""

import socket
from collections.abc import Iterator

import pytest

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.transport import Transport
from tests.support.factories import a_delivery, a_tenant
from tests.support.raw_receiver import Receiver, Script, receiver
from tests.wire.scripted import TLS

IMPATIENT = 0.4
LARGE = {"filler": "x" * 4_000_000}


class WithSmallBuffers(socket.socket):
    """A socket with buffers as small as a network's: on loopback, the kernel takes in a whole request."""

    def connect(self, address: object) -> None:
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        super().connect(address)


def says_and_reads_no_further(answer: bytes) -> Script:
    def script(connection: socket.socket, running: Receiver) -> None:
        connection.recv(1024)
        connection.sendall(answer)
        running.closed.wait()

    return script


def says_and_hangs_up(answer: bytes) -> Script:
    def script(connection: socket.socket, running: Receiver) -> None:
        connection.recv(1024)
        connection.sendall(answer)

    return script


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(allow_private=True, tls=TLS, open_socket=WithSmallBuffers)
    yield made
    made.close()


@pytest.mark.parametrize("behaviour", [says_and_reads_no_further, says_and_hangs_up])
@pytest.mark.parametrize("status", ["200 OK", "410 Gone", "413 Content Too Large"])
def test_a_status_stands_even_if_it_is_said_before_the_request_is_read(
    transport: Transport, behaviour, status: str
) -> None:
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    with receiver(behaviour(answer)) as running:
        deliver = HttpAttempts(transport, timeout_seconds=IMPATIENT, allow_private=True)

        attempt = deliver(a_delivery(target_url=running.url, data=LARGE), a_tenant()).attempt

    assert attempt.outcome == f"http_{status[:3]}"


def test_a_receiver_that_neither_reads_nor_answers_is_a_timeout(transport: Transport) -> None:
    with receiver(says_and_reads_no_further(b"")) as running:
        deliver = HttpAttempts(transport, timeout_seconds=IMPATIENT, allow_private=True)

        attempt = deliver(a_delivery(target_url=running.url, data=LARGE), a_tenant()).attempt

    assert attempt.outcome == "timeout"
