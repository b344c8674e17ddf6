"""A dead address or name server of one receiver holds up no delivery that could succeed."""

import errno
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal
from threading import active_count

import pytest

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.deadline import Deadline
from handlers.delivery.lookups import Lookups
from handlers.delivery.transport import Transport
from tests.support.factories import a_delivery, a_tenant
from tests.support.raw_receiver import answers, never_accepts, receiver, response
from tests.wire.scripted import TLS

NO_HURRY = 10.0
IMPATIENT = 0.6


class WithoutIpv6(socket.socket):
    """A socket as on a Lambda function outside a VPC."""

    def __init__(self, family: int = -1, kind: int = -1) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        super().__init__(family, kind)


class Counting:
    """Opens sockets and remembers them."""

    def __init__(self) -> None:
        self.opened: list[socket.socket] = []

    def __call__(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        self.opened.append(socket.socket(family, kind))
        return self.opened[-1]


def outcome(
    port: int, addresses: Sequence[str], *, timeout: float = NO_HURRY, open_socket=socket.socket
) -> str:
    transport = Transport(allow_private=True, resolver=lambda *_: addresses, open_socket=open_socket, tls=TLS)
    deliver = HttpAttempts(transport, timeout_seconds=timeout, allow_private=True)
    found = deliver(a_delivery(target_url=f"http://shop.example:{port}/"), a_tenant()).attempt.outcome
    transport.close()
    return found


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_if_an_address_swallows_packets_the_next_one_is_tried_and_the_loser_is_closed() -> None:
    sockets = Counting()
    with never_accepts() as black_hole, socket.socket() as healthy:
        # The same port on another address of this machine.
        healthy.bind(("127.0.0.2", black_hole.port))
        healthy.listen()
        with ThreadPoolExecutor(1) as aside:
            serving = aside.submit(serve_once, healthy)
            found = outcome(black_hole.port, ["127.0.0.1", "127.0.0.2"], open_socket=sockets)
            serving.result()

    assert found == "http_200"
    assert [opened.fileno() for opened in sockets.opened] == [-1, -1]


def serve_once(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        received = b""
        while b"}" not in received.partition(b"\r\n\r\n")[2]:
            received += connection.recv(65536)
        connection.sendall(response())


def test_where_there_is_no_ipv6_an_ipv4_address_is_used() -> None:
    with receiver(answers(response())) as running:
        found = outcome(running.port, ["2606:4700::1111", "127.0.0.1"], open_socket=WithoutIpv6)

    assert found == "http_200"


@pytest.mark.parametrize(
    ("addresses", "right"),
    [
        (["2606:4700::1111"], "connection_unreachable"),
        (["2606:4700::1111", "127.0.0.1"], "connection_refused"),
        (["127.0.0.1", "2606:4700::1111"], "connection_refused"),
    ],
)
def test_the_outcome_says_what_the_receiver_did_and_not_what_this_machine_lacks(
    addresses: list[str], right: str
) -> None:
    assert outcome(a_free_port(), addresses, open_socket=WithoutIpv6) == right


def test_address_families_alternate_and_at_most_eight_addresses_are_tried() -> None:
    tried: list[str] = []

    class Refusing(socket.socket):
        def connect(self, address: tuple[str, int]) -> None:
            tried.append(address[0])
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    ipv4, ipv6 = [f"127.0.0.{n}" for n in range(1, 100)], ["::1", "::2"]

    assert outcome(80, [*ipv4, *ipv6], open_socket=Refusing) == "connection_refused"
    assert tried == [
        "127.0.0.1",
        "::1",
        "127.0.0.2",
        "::2",
        "127.0.0.3",
        "127.0.0.4",
        "127.0.0.5",
        "127.0.0.6",
    ]


class NameServers:
    """Name servers; those of the `hanging` hosts hang until `go_on` is set."""

    def __init__(self, *hanging: str) -> None:
        self._hanging = hanging
        self.go_on, self.was_asked = Signal(), Signal()
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        self.was_asked.set()
        if host.endswith(self._hanging):
            self.go_on.wait(NO_HURRY)
        return ["127.0.0.1"]


def test_a_tenants_hanging_name_server_fails_nobody_elses_deliveries() -> None:
    names = NameServers("hanging.example")
    healthy, hung = [], []
    with receiver(answers_for_ever) as running, ThreadPoolExecutor(10) as threads:
        transport = Transport(allow_private=True, resolver=names, tls=TLS)
        deliver = HttpAttempts(transport, timeout_seconds=IMPATIENT, allow_private=True)

        def outcome_at(host: str) -> str:
            url = f"http://{host}:{running.port}/hooks"
            return deliver(a_delivery(target_url=url), a_tenant()).attempt.outcome

        for _ in range(3):
            hung += [threads.submit(outcome_at, "hanging.example") for _ in range(25)]
            healthy += [threads.submit(outcome_at, f"shop{n}.example") for n in range(5)]
        outcomes = [delivery.result() for delivery in healthy]
        assert {delivery.result() for delivery in hung} == {"dns_timeout"}
        names.go_on.set()

    assert outcomes == ["http_200"] * 15
    assert names.asked.count("hanging.example") == 1


def answers_for_ever(connection: socket.socket, running: object) -> None:
    answers(*[response()] * 100)(connection, running)


def addresses(lookups: Lookups, host: str, seconds: float = 0.15) -> Sequence[str]:
    return lookups.addresses(host, 443, Deadline.after(seconds))


def test_a_lookup_has_its_own_limit_well_below_that_of_the_attempt() -> None:
    names = NameServers("hanging.example")
    deadline = Deadline.after(IMPATIENT)

    with pytest.raises(TimeoutError):
        Lookups(names).addresses("hanging.example", 443, deadline)
    names.go_on.set()

    assert deadline.remaining() > IMPATIENT / 2


def test_while_a_lookup_that_was_given_up_hangs_later_callers_do_not_wait_and_start_no_other() -> None:
    names = NameServers("hanging.example")
    now = 0.0
    lookups = Lookups(names, clock=lambda: now)
    with pytest.raises(TimeoutError):
        addresses(lookups, "hanging.example")

    now = 5.0
    with pytest.raises(TimeoutError):
        addresses(lookups, "hanging.example", seconds=NO_HURRY)
    names.go_on.set()

    assert names.asked == ["hanging.example"]


def test_a_name_is_looked_up_again_once_its_lookup_has_ended() -> None:
    names = NameServers()
    lookups = Lookups(names)

    assert [addresses(lookups, "shop.example", NO_HURRY) for _ in range(2)] == [["127.0.0.1"]] * 2
    assert names.asked == ["shop.example"] * 2


def test_concurrent_callers_for_the_same_name_share_one_lookup() -> None:
    names = NameServers("slow.example")
    lookups = Lookups(names)
    with ThreadPoolExecutor(5) as threads:
        waiting = [threads.submit(addresses, lookups, "slow.example", NO_HURRY) for _ in range(5)]
        names.was_asked.wait(NO_HURRY)
        names.go_on.set()

        assert [caller.result() for caller in waiting] == [["127.0.0.1"]] * 5


def test_the_number_of_hanging_lookups_is_bounded_and_their_places_are_given_back() -> None:
    names = NameServers("hanging.example")
    lookups = Lookups(names, max_lookups=3)
    before = active_count()
    for n in range(6):
        with pytest.raises(TimeoutError):
            addresses(lookups, f"{n}.hanging.example", seconds=0.03)
    assert active_count() <= before + 3
    assert len(names.asked) == 3

    names.go_on.set()
    assert addresses(lookups, "shop.example", NO_HURRY) == ["127.0.0.1"]


@pytest.mark.parametrize("error", [socket.gaierror(socket.EAI_AGAIN, "later"), RuntimeError("our own fault")])
def test_an_error_of_a_lookup_is_raised_in_its_caller(error: Exception) -> None:
    def failing(_host: str, _port: int) -> Sequence[str]:
        raise error

    with pytest.raises(type(error)):
        addresses(Lookups(failing), "shop.example", NO_HURRY)
