"""A receiver that follows a script at the other end of a socket, without threads or clocks.

Bytes that come "later" come when the client has nothing left to read. So a sequence of answers runs the same
way each time, and as fast as it is read.
"""

import errno
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

PORT = 8080
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For every `Transport` here. None of them uses TLS, and making a context takes long."""


class End(Enum):
    """What happens to a connection once the whole answer is sent."""

    OPEN = "nothing more comes"
    CLOSED = "it is closed"
    RESET = "it is reset"


@dataclass(frozen=True, kw_only=True)
class Script:
    """How one request is answered.

    Attributes:
        pieces: the bytes. The first piece is there at once, each other one when those before it are read.
        late: so many of the last pieces come too late for this request. They come with the next request on
            the same connection, if there is one.
        end: what follows the bytes.
        statuses: the final statuses in the bytes.
    """

    pieces: Sequence[bytes]
    late: int = 0
    end: End = End.OPEN
    statuses: frozenset[int] = frozenset()


@dataclass
class Receiver:
    """Answers each request by the script for its number or for its event.

    Attributes:
        requests: the bytes of each request.
        while_waiting: called once when the client waits for later bytes; a test can do something else then.
    """

    scripts: Sequence[Script] | Mapping[str, Script]
    connections: list["Wire"] = field(default_factory=list["Wire"])
    requests: list[bytes] = field(default_factory=list[bytes])
    while_waiting: Callable[[], None] | None = None

    def open(self, _family: socket.AddressFamily, _kind: socket.SocketKind) -> "Wire":
        """A socket that is connected to this receiver, for `Transport`."""
        return Wire(self)

    def script_for(self, request: bytes, event_id: str) -> Script:
        """The script that answers this request."""
        self.requests.append(request)
        if isinstance(self.scripts, Mapping):
            return self.scripts[event_id]
        return self.scripts[len(self.requests) - 1]


class Wire(socket.socket):
    """The client's end of a connection to a scripted receiver."""

    def __init__(self, receiver: Receiver) -> None:
        ours, self._theirs = socket.socketpair()
        super().__init__(fileno=ours.detach())
        self._receiver = receiver
        receiver.connections.append(self)
        self._request = b""
        self._later: deque[bytes] = deque()
        self._late = 0
        self._end = self._end_later = End.OPEN

    def connect(self, _address: Any) -> None:
        """It is connected from the start."""

    def setsockopt(self, *_option: Any) -> None:
        """A socket pair has none of TCP's options."""

    def getpeername(self) -> Any:
        return ("127.0.0.1", PORT)

    @property
    def is_closed(self) -> bool:
        """Whether the client closed it."""
        return self.fileno() == -1

    def close(self) -> None:
        self._theirs.close()
        super().close()

    def send(self, data: Any, *_flags: int) -> int:
        if self._end is not End.OPEN:
            raise BrokenPipeError(errno.EPIPE, "the receiver hung up")
        self._late = 0
        self._deliver_due()
        self._request += bytes(data)
        head, _, body = self._request.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) == int(headers[b"content-length"]):
            request, self._request = self._request, b""
            self._answer(self._receiver.script_for(request, headers[b"webhook-id"].decode()))
        return len(data)

    def sendall(self, data: Any, *_flags: int) -> None:
        self.send(data)

    def recv(self, size: int, *_flags: int) -> bytes:
        if self.gettimeout() == 0:
            self._deliver_due()
        while not self._is_readable():
            self._wait()
        return super().recv(size)

    def recv_into(self, buffer: Any, *_size_and_flags: int) -> int:
        received = self.recv(len(buffer))
        buffer[: len(received)] = received
        return len(received)

    def _answer(self, script: Script) -> None:
        self._later, self._late, self._end_later = deque(script.pieces), script.late, script.end
        if len(self._later) > self._late:
            self._deliver_next()

    def _deliver_next(self) -> None:
        if self._later:
            self._theirs.sendall(self._later.popleft())
        if not self._later:
            self._end = self._end_later
            if self._end is End.CLOSED:
                self._theirs.shutdown(socket.SHUT_WR)

    def _deliver_due(self) -> None:
        while len(self._later) > self._late:
            self._deliver_next()

    def _is_readable(self) -> bool:
        return bool(select.select([self], [], [], 0)[0])

    def _wait(self) -> None:
        meanwhile, self._receiver.while_waiting = self._receiver.while_waiting, None
        if meanwhile is not None:
            meanwhile()
        if len(self._later) > self._late:
            self._deliver_next()
        elif self._late and self.gettimeout() != 0:
            raise TimeoutError("later bytes come too late")
        elif self._end is End.RESET:
            raise ConnectionResetError(errno.ECONNRESET, "the receiver reset the connection")
        elif self.gettimeout() == 0:
            raise BlockingIOError("nothing more has come")
        else:
            raise TimeoutError("nothing more comes")
