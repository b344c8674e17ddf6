"""A receiver that hangs: it accepts every connection and answers none."""

import selectors
import socket
import threading
from contextlib import suppress
from typing import Self

from local.constants import HOST

_READ_BYTES = 64 * 1024


class HangingReceiver:
    """Listens on a free port of 127.0.0.1 while its context lasts.

    One thread serves all connections. It reads and discards all data, so that no full buffer stops a sender,
    and closes a connection once the sender has given up on it.

    Attributes:
        connections: how many there were so far.
        most_at_once: the largest number that was open at the same time.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.most_at_once = 0
        self._listener = socket.create_server((HOST, 0), backlog=1024)
        self._stop_in, self._stop_out = socket.socketpair()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        """Start to accept."""
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close everything."""
        self._stop_in.close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._listener.getsockname()[1]}/webhooks"

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener, self._stop_out:
            for source in (self._listener, self._stop_out):
                selector.register(source, selectors.EVENT_READ)
            while self._stop_out not in (ready := {key.fileobj for key, _ in selector.select()}):
                # Ended connections are dropped before a new one is counted.
                for connection in self._open & ready:
                    self._read(connection, selector)
                if self._listener in ready:
                    self._accept(selector)
            for connection in self._open:
                connection.close()

    def _accept(self, selector: selectors.BaseSelector) -> None:
        connection, _ = self._listener.accept()
        selector.register(connection, selectors.EVENT_READ)
        self._open.add(connection)
        self.connections += 1
        self.most_at_once = max(self.most_at_once, len(self._open))

    def _read(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        with suppress(OSError):  # a connection that the sender reset has ended too
            if connection.recv(_READ_BYTES):
                return
        selector.unregister(connection)
        self._open.discard(connection)
        connection.close()
