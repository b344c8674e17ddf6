"""An end to whatever a connection is doing, at one moment, however slowly the other side drips.

Socket timeouts bound a single read, and a byte a second satisfies every one of them. Here the connection
itself is shut down when the time is up, which ends a TLS handshake and a blocked read alike.
"""

import os
import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Self


class Deadline:
    """A context in which every held socket is shut down once the time is up."""

    def __init__(self, seconds: float) -> None:
        """Allow so many seconds from the moment the context is entered."""
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._expired = False

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._ends_at = time.monotonic() + self._seconds
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _current.reset(self._token)
        with self._lock:
            for held in self._held:
                held.close()
            self._held.clear()

    @staticmethod
    def current() -> "Deadline":
        """The deadline that the caller runs under.

        Raises:
            LookupError: there is none; a connection without an end must not be opened.
        """
        return _current.get()

    @property
    def expired(self) -> bool:
        """Whether the time was up before the context ended."""
        return self._expired

    def remaining(self) -> float:
        """Seconds left; a millisecond when the time is up, since a socket timeout must be positive."""
        return max(self._ends_at - time.monotonic(), 0.001)

    def hold(self, connection: socket.socket) -> None:
        """Shut this connection down when the time is up, or now if it is."""
        # A second descriptor of the same connection: wrapping a socket in TLS detaches the first.
        held = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            self._held.append(held)
            if self._expired:
                _shut_down(held)

    def _expire(self) -> None:
        with self._lock:
            self._expired = True
            for held in self._held:
                _shut_down(held)


_current: ContextVar[Deadline] = ContextVar("deadline")


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side may have closed it already
        connection.shutdown(socket.SHUT_RDWR)
