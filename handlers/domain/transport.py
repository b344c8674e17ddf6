"""HTTP to receivers that are not trusted: pooled connections to vetted addresses only, each with a deadline.

`requests` does the HTTP. What it leaves open is closed here: connections go to the address that was
checked and to no other, nothing is taken from the environment, redirects and cookies do not exist, the
head of an answer has an end, and what runs under a `Deadline` ends with it.
"""

import http.client
import io
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from handlers.domain.deadline import Deadline
from handlers.domain.targets import Resolve, TargetNotAllowedError, resolve, vetted_addresses

# Servers close idle connections after as little as 5 s (Node.js), and a POST on a connection that is just
# being closed fails: reuse within a burst, not across pauses.
MAX_IDLE_SECONDS = 4.0
_MAX_HOSTS = 100
# Status line, headers and interim answers. http.client takes 100 lines of 64 KiB each, and a few megabytes
# of carriage returns are seconds and hundreds of megabytes to the parsers of e-mail and cookies that follow.
MAX_HEAD_BYTES = 64 * 1024

Connect = Callable[[str, int], socket.socket]
OpenSocket = Callable[[socket.AddressFamily, socket.SocketKind], socket.socket]
Vet = Callable[[Sequence[str]], Sequence[str]]


def guarded_session(
    *,
    allow_private: bool,
    max_connections: int,
    resolver: Resolve = resolve,
    open_socket: OpenSocket = socket.socket,
) -> requests.Session:
    """A session for deliveries; its requests must run inside a `Deadline`.

    Args:
        allow_private: whether addresses that are not public may be contacted: for local runs only.
        max_connections: how many connections to one receiver are kept for reuse.
        resolver: looks host names up.
        open_socket: makes the socket that is connected.

    Raises (from its requests):
        TargetNotAllowedError: the host has an address that is not public, or the connection leads to one.
        requests.RequestException, OSError: the request failed.
    """
    lookups = ThreadPoolExecutor(max_workers=max_connections, thread_name_prefix="resolver")

    def connect(host: str, port: int) -> socket.socket:
        vet = partial(vetted_addresses, host, allow_private=allow_private)
        addresses = vet(_resolve_in_time(lookups, resolver, host, port))
        return _connect_first(addresses, port, vet, open_socket)

    session = _Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _GuardedAdapter(connect, max_connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - as in requests
        """No answer redirects: asked only not to follow, requests would read the whole answer first."""
        return None


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, connect: Connect, max_connections: int) -> None:
        self._pools = _pool_classes(connect)
        super().__init__(pool_connections=_MAX_HOSTS, pool_maxsize=max_connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType] - untyped there
        self.poolmanager.pool_classes_by_scheme = self._pools


class _BoundedResponse(http.client.HTTPResponse):
    def begin(self) -> None:
        bounded = _BoundedHead(self.fp.detach())
        self.fp = bounded
        super().begin()
        bounded.left = None


class _BoundedHead(io.BufferedReader):
    """What a receiver sends, with a bound on its lines up to the body.

    Attributes:
        left: how many bytes the head may still take; None once it has ended.
    """

    left: int | None = MAX_HEAD_BYTES

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if self.left is not None:
            self.left -= len(line)
            if self.left < 0:
                raise http.client.HTTPException(f"the head of the answer exceeds {MAX_HEAD_BYTES} bytes")
        return line


def _pool_classes(connect: Connect) -> dict[str, type[HTTPConnectionPool]]:
    class Guarded(HTTPConnection):
        """A connection that goes where `connect` goes, and that ends with the deadline of each request."""

        response_class = _BoundedResponse
        _last_used = 0.0

        def _new_conn(self) -> socket.socket:
            try:
                return connect(self._dns_host, self.port or self.default_port)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType] - set by urllib3 from the URL's host
            except OSError as error:
                # The deadline ends a connect as a reset does, and urllib3 takes a bare reset for one that
                # came after the request: it would read the answer from a connection that never was.
                raise NewConnectionError(self, str(error)) from error

        @property
        def is_connected(self) -> bool:
            return time.monotonic() - self._last_used < MAX_IDLE_SECONDS and super().is_connected

        def request(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None:
                Deadline.current().hold(self.sock)
            super().request(*args, **kwargs)

        def getresponse(self) -> Any:
            response = super().getresponse()
            self._last_used = time.monotonic()
            return response

    class GuardedTls(Guarded, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Guarded  # pyright: ignore[reportAssignmentType] - as urllib3 does it itself

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = GuardedTls  # pyright: ignore[reportAssignmentType] - as above

    return {"http": Pool, "https": TlsPool}


def _resolve_in_time(lookups: ThreadPoolExecutor, resolver: Resolve, host: str, port: int) -> Sequence[str]:
    """Look a name up within the deadline; a lookup that hangs ends by itself, in a thread of its own."""
    lookup: Future[Sequence[str]] = lookups.submit(resolver, host, port)
    return lookup.result(timeout=Deadline.current().remaining())


def _connect_first(addresses: Sequence[str], port: int, vet: Vet, open_socket: OpenSocket) -> socket.socket:
    """Connect to the first address that answers, and see that it is where the connection leads.

    Raises:
        TargetNotAllowedError: the connected peer is not allowed, whatever address was asked for.
        OSError: none did; the error is that of the last one tried.
    """
    deadline = Deadline.current()
    failure: OSError = OSError("the host has no address")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = open_socket(family, socket.SOCK_STREAM)
        try:
            deadline.hold(connection)
            connection.settimeout(deadline.remaining())
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect((address, port))
            vet([connection.getpeername()[0]])
        except OSError as error:
            connection.close()
            failure = error
        except TargetNotAllowedError:
            connection.close()
            raise
        else:
            return connection
    raise failure
