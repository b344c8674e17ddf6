"""HTTP to receivers that are not trusted: an answer belongs to the request that it answers.

Connections are kept for the next request only where no doubt is left of where an answer ended, and are looked
at again before they carry one.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import certifi

from handlers.delivery.channel import Channel
from handlers.delivery.connecting import Connector, OpenSocket
from handlers.delivery.deadline import Deadline
from handlers.delivery.exchange import Answer, Exchange
from handlers.delivery.lookups import Lookups
from handlers.delivery.outcomes import Outcome, UndeliveredError, outcome_of
from handlers.delivery.targets import Resolve, Target, resolve

# Servers close idle connections after as little as 2 s (gunicorn) or 5 s (Node.js).
MAX_IDLE_SECONDS = 4.0
MAX_AGE_SECONDS = 60.0
"""So that a connection that is never idle follows its name to another address."""
MAX_KEPT = 100


class Transport:
    """Posts to targets, over connections that are kept for a moment. Safe to share between threads."""

    def __init__(
        self,
        *,
        allow_private: bool,
        resolver: Resolve = resolve,
        open_socket: OpenSocket = socket.socket,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is connected to yet.

        Args:
            allow_private: whether addresses that are not public may be contacted: for local runs only.
            resolver: looks host names up.
            open_socket: makes the sockets that are connected.
            tls: verifies certificates; by the authorities that certifi lists, unless given.
            clock: seconds, by which connections age; the wall clock, since Lambda may stop the monotonic one
                between invocations.
        """
        self._connector = Connector(
            allow_private=allow_private,
            lookups=Lookups(resolver),
            tls=tls or _tls_of_the_public_web(),
            open_socket=open_socket,
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: list[_Connection] = []

    def post(self, target: Target, *, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> Answer:
        """Post once, and read the answer as far as it is of interest.

        A kept connection that turns out to be dead before the first byte of an answer costs nothing: the
        request goes out once more on a fresh one.

        Raises:
            TargetNotAllowedError: the host has an address that is not public, or the connection leads to one.
            UndeliveredError: there was no answer.
        """
        if (kept := self._take(target)) is not None:
            exchange = Exchange(target, headers, body)
            try:
                return self._converse(kept, exchange, deadline)
            except UndeliveredError as error:
                if exchange.began or error.outcome == Outcome.TIMEOUT:
                    raise
        fresh = _Connection(
            channel=self._connector.connect(target, deadline), origin=target.origin, made_at=self._clock()
        )
        return self._converse(fresh, Exchange(target, headers, body), deadline)

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            kept, self._kept = self._kept, []
        for each in kept:
            each.channel.close()

    def _converse(self, connection: "_Connection", exchange: Exchange, deadline: Deadline) -> Answer:
        channel, is_reusable = connection.channel, False
        try:
            unsent = _send(channel, exchange, deadline)
            while not exchange.over:
                _receive(channel, exchange, deadline, unsent)
            is_reusable = unsent is None and exchange.is_reusable
        except OSError as error:
            raise UndeliveredError(outcome_of(error, timed_out=Outcome.TIMEOUT)) from error
        finally:
            if is_reusable:
                self._keep(connection)
            else:
                channel.close()
        return exchange.answer()

    def _take(self, target: Target) -> "_Connection | None":
        """The connection to that place that was used last, if there is one that nothing speaks against."""
        while True:
            with self._lock:
                found = next((each for each in reversed(self._kept) if each.origin == target.origin), None)
                if found is None:
                    return None
                self._kept.remove(found)
            if found.is_fit(self._clock()) and _is_silent(found.channel):
                return found
            found.channel.close()

    def _keep(self, connection: "_Connection") -> None:
        now = connection.used_at = self._clock()
        with self._lock:
            kept = [*self._kept, connection]
            self._kept = [each for each in kept if each.is_fit(now)][-MAX_KEPT:]
            dropped = [each for each in kept if each not in self._kept]
        for each in dropped:
            each.channel.close()


@dataclass(kw_only=True, eq=False)
class _Connection:
    """A connection, to what it leads, and since when."""

    channel: Channel
    origin: tuple[bool, str, int]
    made_at: float
    used_at: float = 0.0

    def is_fit(self, now: float) -> bool:
        """Whether it may be used again; an age below nought means that the clock was put back."""
        return 0 <= now - self.used_at < MAX_IDLE_SECONDS and 0 <= now - self.made_at < MAX_AGE_SECONDS


def _send(channel: Channel, exchange: Exchange, deadline: Deadline) -> OSError | None:
    """Send the request; gives what kept the other side from taking all of it.

    One that hangs up, or reads no further, may have answered before.
    """
    try:
        channel.send(exchange.request, deadline)
    except TimeoutError as error:
        if (data := channel.look()) is not None:
            exchange.feed(data)
        if not exchange.over and not exchange.lost():
            raise
        return error
    except (ConnectionError, ssl.SSLEOFError) as error:
        return error
    return None


def _receive(channel: Channel, exchange: Exchange, deadline: Deadline, unsent: OSError | None) -> None:
    """Read what there is of the answer.

    Raises:
        UndeliveredError: no answer can come of it any more.
        OSError: the connection died before a status was said, or the time is up before the head has ended.
    """
    try:
        data = channel.read(deadline)
    except OSError as error:
        is_too_late = isinstance(error, TimeoutError) and not exchange.head_is_read
        if is_too_late or not exchange.lost():
            raise
        return
    if not data and not exchange.began and unsent is not None:
        raise unsent
    exchange.feed(data)


def _is_silent(channel: Channel) -> bool:
    """Whether nothing came after the last answer, neither an end nor more than was asked for."""
    try:
        return channel.look() is None
    except OSError:
        return False


def _tls_of_the_public_web() -> ssl.SSLContext:
    # Not `create_default_context`: that takes SSLKEYLOGFILE of the environment, and differs between versions.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
