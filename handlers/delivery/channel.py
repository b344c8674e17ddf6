"""A connection to a receiver, plain or encrypted: every read is our own and has a deadline.

OpenSSL with a socket of its own reads on as long as records without data come, and looks at no clock: endless
session tickets would hold a worker. So it gets bytes instead, one read at a time.
"""

import socket
import ssl
from contextlib import suppress
from typing import Protocol

from handlers.delivery.deadline import Deadline

READ_BYTES = 16 * 1024
MAX_ENCRYPTED_BYTES = 1024 * 1024
"""Limit for one answer: far more than an answer within its bounds needs, even in tiny TLS records."""
_MAX_READS_BETWEEN_EXCHANGES = 4  # if there is still more to read, the connection is not used again


class Channel(Protocol):
    """A connection as an exchange needs it. Each method raises OSError if it fails or is late."""

    def send(self, data: bytes, deadline: Deadline) -> None:
        """Send all of `data`."""
        ...

    def read(self, deadline: Deadline) -> bytes:
        """Wait for bytes and return them; empty once the other side has ended."""
        ...

    def read_available(self) -> bytes | None:
        """Bytes that have arrived; empty if the other side has ended; None if nothing has arrived."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Plain:
    """A connection without encryption."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(self, data: bytes, deadline: Deadline) -> None:
        """See `Channel`."""
        unsent = memoryview(data)
        while unsent:
            self._socket.settimeout(deadline.remaining())
            unsent = unsent[self._socket.send(unsent) :]

    def read(self, deadline: Deadline) -> bytes:
        """See `Channel`."""
        self._socket.settimeout(deadline.remaining())
        return self._socket.recv(READ_BYTES)

    def read_available(self) -> bytes | None:
        """See `Channel`."""
        self._socket.settimeout(0)
        try:
            return self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return None

    def close(self) -> None:
        """See `Channel`."""
        self._socket.close()


class Encrypted:
    """TLS over a plain channel."""

    def __init__(self, plain: Plain, context: ssl.SSLContext, host: str, deadline: Deadline) -> None:
        """Shake hands.

        Raises:
            OSError: the other side is not to be trusted (ssl.SSLError) or cannot be reached.
        """
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._bytes_allowed = MAX_ENCRYPTED_BYTES
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._feed_tls(plain.read(deadline))
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush(deadline)  # sends the alert that tells the other side why
                raise
            else:
                self._flush(deadline)
                return

    def send(self, data: bytes, deadline: Deadline) -> None:
        """See `Channel`. Each call begins an exchange."""
        self._bytes_allowed = MAX_ENCRYPTED_BYTES
        self._tls.write(data)
        self._flush(deadline)

    def read(self, deadline: Deadline) -> bytes:
        """See `Channel`."""
        while (data := self._decrypted()) is None:
            self._flush(deadline)  # replies that TLS makes by itself
            self._feed_tls(self._plain.read(deadline))
        return data

    def read_available(self) -> bytes | None:
        """See `Channel`. Session tickets, which may come at any time, do not count."""
        for _ in range(_MAX_READS_BETWEEN_EXCHANGES):
            if (data := self._decrypted()) is not None:
                return data
            if (encrypted := self._plain.read_available()) is None:
                return None
            self._feed_tls(encrypted)
        raise OSError(f"more came between two exchanges than {_MAX_READS_BETWEEN_EXCHANGES} reads take in")

    def close(self) -> None:
        """See `Channel`."""
        self._plain.close()

    def _decrypted(self) -> bytes | None:
        try:
            return self._tls.read(READ_BYTES)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def _feed_tls(self, encrypted: bytes) -> None:
        self._bytes_allowed -= len(encrypted)
        if self._bytes_allowed < 0:
            raise ssl.SSLError(f"no whole answer within {MAX_ENCRYPTED_BYTES} encrypted bytes")
        if encrypted:
            self._incoming.write(encrypted)
        else:
            self._incoming.write_eof()

    def _flush(self, deadline: Deadline) -> None:
        if self._outgoing.pending:
            self._plain.send(self._outgoing.read(), deadline)
