"""Connections to untrusted receivers: only to vetted addresses, and no address can hold up another.

Nothing is read from the environment, and no proxy is used.
"""

import errno
import selectors
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, zip_longest

from handlers.delivery.channel import Channel, Encrypted, Plain
from handlers.delivery.deadline import Deadline
from handlers.delivery.lookups import Lookups
from handlers.delivery.outcomes import Outcome, UndeliveredError, outcome_of
from handlers.delivery.targets import Target, is_address, vetted_addresses

NEXT_ADDRESS_SECONDS = 0.25
"""How long an address may take before the next one is tried in parallel (RFC 8305, section 8)."""
MAX_ADDRESSES = 8
"""How many addresses of a host are tried. A name that resolves to many must not make us scan a network."""

OpenSocket = Callable[[socket.AddressFamily, socket.SocketKind], socket.socket]
Vet = Callable[[Sequence[str]], Sequence[str]]

# Errors about this machine, not the receiver: a Lambda function has no IPv6, for example.
_ERRORS_OF_THIS_MACHINE = frozenset({errno.EAFNOSUPPORT, errno.ENETUNREACH, errno.EADDRNOTAVAIL})


class Connector:
    """Opens connections to targets."""

    def __init__(
        self, *, allow_private: bool, lookups: Lookups, tls: ssl.SSLContext, open_socket: OpenSocket
    ) -> None:
        """Connect with these.

        Args:
            allow_private: also connect to addresses that are not public: for local runs only.
            lookups: looks host names up.
            tls: verifies the receiver's certificate and host name.
            open_socket: makes the sockets to connect.
        """
        self._allow_private = allow_private
        self._lookups = lookups
        self._tls = tls
        self._open_socket = open_socket

    def connect(self, target: Target, deadline: Deadline) -> Channel:
        """A connection to the target, encrypted where its URL says so.

        Raises:
            TargetNotAllowedError: the host has an address that is not public, or the connection leads to one.
            UndeliveredError: no connection could be made.
        """
        vet = partial(vetted_addresses, target.host, allow_private=self._allow_private)
        try:
            addresses = vet(self._addresses(target, deadline))
        except OSError as error:
            raise UndeliveredError(outcome_of(error, timed_out=Outcome.DNS_TIMEOUT)) from error
        if not addresses:
            raise UndeliveredError(Outcome.DNS_NOT_FOUND)
        race = _Race(target.port, vet, self._open_socket, deadline)
        try:
            plain = Plain(race.run(_interleave_families(addresses)[:MAX_ADDRESSES]))
        except OSError as error:
            raise UndeliveredError(outcome_of(error, timed_out=Outcome.CONNECTION_TIMEOUT)) from error
        if not target.is_https:
            return plain
        try:
            return Encrypted(plain, self._tls, target.host, deadline)
        except OSError as error:
            plain.close()
            raise UndeliveredError(outcome_of(error, timed_out=Outcome.TLS_TIMEOUT)) from error

    def _addresses(self, target: Target, deadline: Deadline) -> Sequence[str]:
        if is_address(target.host):
            return [target.host]
        return self._lookups.addresses(target.host, target.port, deadline)


class _Race:
    """Connects to the first address that answers; while one is slow, the next is tried, too."""

    def __init__(self, port: int, vet: Vet, open_socket: OpenSocket, deadline: Deadline) -> None:
        self._port = port
        self._vet = vet
        self._open_socket = open_socket
        self._deadline = deadline
        self._running: set[socket.socket] = set()
        self._failures: list[OSError] = []

    def run(self, addresses: Sequence[str]) -> socket.socket:
        """The connected socket, once its peer is known to be allowed.

        Raises:
            TargetNotAllowedError: the connected peer is not allowed, whichever address was asked for.
            OSError: no address answered. The first error about the receiver is raised, else the first of all.
        """
        waiting = deque(addresses)
        try:
            with selectors.DefaultSelector() as selector:
                while waiting or self._running:
                    if waiting:
                        self._start(waiting.popleft(), selector)
                    if (winner := self._wait(selector, is_last=not waiting)) is not None:
                        self._running.remove(winner)
                        return winner
        finally:
            for loser in self._running:
                loser.close()
        of_receiver = (error for error in self._failures if error.errno not in _ERRORS_OF_THIS_MACHINE)
        raise next(of_receiver, self._failures[0])

    def _start(self, address: str, selector: selectors.BaseSelector) -> None:
        try:
            connection = self._open_socket(_family(address), socket.SOCK_STREAM)
        except OSError as error:
            self._failures.append(error)
            return
        self._running.add(connection)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect((address, self._port))
        except BlockingIOError:
            pass  # in progress
        except OSError as error:
            self._fail(connection, error)
            return
        selector.register(connection, selectors.EVENT_WRITE, data=connection)

    def _wait(self, selector: selectors.BaseSelector, *, is_last: bool) -> socket.socket | None:
        """The first connection made; None if it is time for the next address, or if none is left."""
        left = self._deadline.remaining()
        ready = selector.select(left if is_last else min(left, NEXT_ADDRESS_SECONDS)) if self._running else ()
        for key, _ in ready:
            connection: socket.socket = key.data
            try:
                if code := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(code, "the connection was not made")  # noqa: TRY301 - so may getpeername
                self._vet([connection.getpeername()[0]])
            except OSError as error:
                selector.unregister(connection)
                self._fail(connection, error)
            else:
                return connection
        return None

    def _fail(self, connection: socket.socket, error: OSError) -> None:
        self._running.discard(connection)
        connection.close()
        self._failures.append(error)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _interleave_families(addresses: Sequence[str]) -> list[str]:
    """The addresses in the resolver's order, with IPv6 and IPv4 alternating (RFC 8305, section 4)."""
    first = _family(addresses[0])
    same = [address for address in addresses if _family(address) == first]
    other = [address for address in addresses if _family(address) != first]
    pairs = chain.from_iterable(zip_longest(same, other))
    return [address for address in pairs if address is not None]
