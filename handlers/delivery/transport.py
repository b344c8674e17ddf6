"""HTTP to untrusted receivers: an answer always belongs to the request that it answers.

A connection is used again only if its last answer ended beyond doubt, and is checked before each use.
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
"""Ends even a busy connection, so that deliveries follow a host name to its new address."""
MAX_KEPT_CONNECTIONS = 100


class Transport:
    """Posts to targets and keeps connections for a moment. Threads may share it."""

    def __init__(
        self,
        *,
        allow_private: bool,
        resolver: Resolve = resolve,
        open_socket: OpenSocket = socket.socket,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect to nothing yet.

        Args:
            allow_private: also connect to addresses that are not public: for local runs only.
            resolver: looks host names up.
            open_socket: makes the sockets to connect.
            tls: verifies certificates; by default, the authorities that certifi lists are trusted.
            clock: seconds, for the age of connections. This is the wall clock, since Lambda may stop the
                monotonic one between invocations.
        """
        self._connector = Connector(
            allow_private=allow_private,
            lookups=Lookups(resolver),
            tls=tls or _public_web_tls(),
            open_socket=open_socket,
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: list[_Connection] = []

    def post(self, target: Target, *, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> Answer:
        """Post once, and read as much of the answer as is needed.

        A kept connection may turn out to be dead before the first byte of an answer. That costs nothing: the
        request is sent once more, on a fresh connection.

        Raises:
            TargetNotAllowedError: the host has an address that is not public, or the connection leads to one.
            UndeliveredError: no answer came.
        """
        if (kept := self._take_kept(target)) is not None:
            exchange = Exchange(target, headers, body)
            try:
                return self._run(kept, exchange, deadline)
            except UndeliveredError as error:
                if exchange.has_begun or error.outcome == Outcome.TIMEOUT:
                    raise
        fresh = _Connection(
            channel=self._connector.connect(target, deadline), origin=target.origin, made_at=self._clock()
        )
        return self._run(fresh, Exchange(target, headers, body), deadline)

    def close(self) -> None:
        """Close all kept connections."""
        with self._lock:
            kept, self._kept = self._kept, []
        for connection in kept:
            connection.channel.close()

    def _run(self, connection: "_Connection", exchange: Exchange, deadline: Deadline) -> Answer:
        channel, is_reusable = connection.channel, False
        try:
            send_error = _send(channel, exchange, deadline)
            while not exchange.over:
                _receive(channel, exchange, deadline, send_error)
            is_reusable = send_error is None and exchange.is_reusable
        except OSError as error:
            raise UndeliveredError(outcome_of(error, timed_out=Outcome.TIMEOUT)) from error
        finally:
            if is_reusable:
                self._keep(connection)
            else:
                channel.close()
        return exchange.answer()

    def _take_kept(self, target: Target) -> "_Connection | None":
        """The most recently used kept connection to the target that is fit for use, if there is one."""
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
            self._kept = [each for each in kept if each.is_fit(now)][-MAX_KEPT_CONNECTIONS:]
            dropped = [each for each in kept if each not in self._kept]
        for each in dropped:
            each.channel.close()


@dataclass(kw_only=True, eq=False)
class _Connection:
    """A connection to an origin. Its times are seconds of the transport's clock."""

    channel: Channel
    origin: tuple[bool, str, int]
    made_at: float
    used_at: float = 0.0

    def is_fit(self, now: float) -> bool:
        """Whether it may be used again. A negative age means that the clock was put back."""
        return 0 <= now - self.used_at < MAX_IDLE_SECONDS and 0 <= now - self.made_at < MAX_AGE_SECONDS


def _send(channel: Channel, exchange: Exchange, deadline: Deadline) -> OSError | None:
    """Send the request; returns the error that stopped it, if any.

    A receiver that hangs up or stops reading may have answered before that.
    """
    try:
        channel.send(exchange.request, deadline)
    except TimeoutError as error:
        if (data := channel.read_available()) is not None:
            exchange.feed(data)
        if not exchange.over and not exchange.end_early():
            raise
        return error
    except (ConnectionError, ssl.SSLEOFError) as error:
        return error
    return None


def _receive(channel: Channel, exchange: Exchange, deadline: Deadline, send_error: OSError | None) -> None:
    """Read the next bytes of the answer.

    Raises:
        UndeliveredError: no answer can come any more.
        OSError: the connection died before a status was said, or time ran out before the head had ended.
    """
    try:
        data = channel.read(deadline)
    except OSError as error:
        is_too_late = isinstance(error, TimeoutError) and not exchange.head_is_read
        if is_too_late or not exchange.end_early():
            raise
        return
    if not data and not exchange.has_begun and send_error is not None:
        raise send_error
    exchange.feed(data)


def _is_silent(channel: Channel) -> bool:
    """Whether nothing came after the last answer: neither bytes nor the end of the connection."""
    try:
        return channel.read_available() is None
    except OSError:
        return False


def _public_web_tls() -> ssl.SSLContext:
    # `create_default_context` would obey SSLKEYLOGFILE in the environment, and differs between versions.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
