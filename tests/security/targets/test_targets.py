"""Deliveries go to public addresses by https, and to nothing else: seen at the socket."""

import ipaddress
import socket
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.outcomes import Outcome
from handlers.delivery.targets import is_public
from handlers.delivery.transport import Transport
from tests.security.targets.attacks import LURES, SECONDS, Lure, detour_to, faults_of, faults_of_lure
from tests.security.targets.sockets import watched_connections
from tests.security.targets.vectors import PUBLIC, PUBLIC_IPV6, SPECIAL_IPV4, SPECIAL_IPV6, VECTORS, Vector
from tests.support.factories import a_delivery, a_tenant
from tests.support.raw_receiver import Receiver, receiver


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name[:80])
def test_no_connection_is_opened_to_what_is_not_public(vector: Vector):
    assert list(faults_of(vector)) == []


@pytest.mark.parametrize("lure", LURES, ids=lambda lure: lure.name)
def test_no_answer_leads_anywhere_else(lure: Lure):
    assert list(faults_of_lure(lure)) == []


def test_there_are_at_least_eighty_vectors_and_each_is_another_one():
    assert len(VECTORS) >= 80
    assert len({(vector.url, vector.answers) for vector in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("addresses", [(PUBLIC,), (PUBLIC_IPV6,), (PUBLIC, PUBLIC_IPV6)])
def test_a_public_address_is_connected_to_so_that_watching_means_something(addresses: tuple[str, ...]):
    target = Vector(name="a receiver", url="https://receiver.example/", answers=(addresses,), set_anyway=True)

    faults = list(faults_of(target))

    assert faults[0] == f"a delivery connected to {list(addresses)}"


def test_a_connection_that_is_led_to_this_machine_is_closed_before_a_byte_is_sent():
    received: SimpleQueue[bytes] = SimpleQueue()

    def until_the_end(connection: socket.socket, _running: Receiver) -> None:
        with connection.makefile("rb") as stream:
            received.put(stream.read())

    with receiver(until_the_end) as inside:
        transport = Transport(
            allow_private=False,
            resolver=lambda host, port: [PUBLIC],
            open_socket=detour_to(inside.port),
        )
        deliver = HttpAttempts(transport, timeout_seconds=SECONDS, allow_private=False)
        with watched_connections(let_through={inside.port}) as watch:
            result = deliver(a_delivery(target_url="https://receiver.example/"), a_tenant())
        # The end comes of itself: the receiver is still there.
        all_of_it = received.get(timeout=SECONDS)

    assert watch.addresses == ["127.0.0.1"]
    assert result.attempt.outcome == Outcome.TARGET_NOT_ALLOWED
    assert all_of_it == b""


@pytest.mark.parametrize("network", [*SPECIAL_IPV4, *SPECIAL_IPV6])
def test_both_ends_of_every_special_range_are_not_public(network: str):
    parsed = ipaddress.ip_network(network)

    assert not is_public(str(parsed[0]))
    assert not is_public(str(parsed[-1]))


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public_here(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
):
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        assert not is_public(str(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_one_makes_it_not_public(address: ipaddress.IPv4Address):
    number = int(address)
    for hidden in (
        0xFFFF << 32 | number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80 | 1,
        0x20010000 << 96 | number << 64 | ~number & 0xFFFFFFFF,
        int(ipaddress.IPv6Address("2a00:1450:4001::5efe:0:0")) | number,
    ):
        assert not is_public(str(ipaddress.IPv6Address(hidden)))
