"""A connection to a receiver, plain or encrypted: each read is one of ours, and under a deadline.

OpenSSL, given the socket, reads on by itself for as long as records come that hold nothing, and looks at no
clock meanwhile: tickets without end would hold a worker. Given bytes instead, it gets one read at a time.
"""

import socket
import ssl
from contextlib import suppress
from typing import Protocol

from handlers.delivery.deadline import Deadline

READ_BYTES = 16 * 1024
MAX_ENCRYPTED_BYTES = 1024 * 1024
"""Of one answer: far more than an answer that is within its bounds takes, however small its records are."""
_LOOKS = 4  # reads between two exchanges, at the most; whoever says more then is not listened to


class Channel(Protocol):
    """What an exchange needs of a connection; each of it raises OSError when it fails, or when it is late."""

    def send(self, data: bytes, deadline: Deadline) -> None:
        """Send all of it."""
        ...

    def read(self, deadline: Deadline) -> bytes:
        """What has come; nothing when the other side is done."""
        ...

    def look(self) -> bytes | None:
        """What has come by now; None when nothing has, and no end either."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Plain:
    """A connection as it is."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(self, data: bytes, deadline: Deadline) -> None:
        """See `Channel`."""
        left = memoryview(data)
        while left:
            self._socket.settimeout(deadline.remaining())
            left = left[self._socket.send(left) :]

    def read(self, deadline: Deadline) -> bytes:
        """See `Channel`."""
        self._socket.settimeout(deadline.remaining())
        return self._socket.recv(READ_BYTES)

    def look(self) -> bytes | None:
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
            OSError: of which ssl.SSLError is one: there is no trusting the other side, or no hearing it.
        """
        self._plain = plain
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=host)
        self._left = MAX_ENCRYPTED_BYTES
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._take(plain.read(deadline))
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush(deadline)  # the alert that tells the other side why
                raise
            else:
                self._flush(deadline)
                return

    def send(self, data: bytes, deadline: Deadline) -> None:
        """See `Channel`; begins an exchange."""
        self._left = MAX_ENCRYPTED_BYTES
        self._tls.write(data)
        self._flush(deadline)

    def read(self, deadline: Deadline) -> bytes:
        """See `Channel`."""
        while (data := self._decrypted()) is None:
            self._flush(deadline)  # what TLS answers by itself
            self._take(self._plain.read(deadline))
        return data

    def look(self) -> bytes | None:
        """See `Channel`: tickets that come when they please are nothing."""
        for _ in range(_LOOKS):
            if (data := self._decrypted()) is not None:
                return data
            if (encrypted := self._plain.look()) is None:
                return None
            self._take(encrypted)
        raise OSError("more came than is looked at between two exchanges")

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

    def _take(self, encrypted: bytes) -> None:
        self._left -= len(encrypted)
        if self._left < 0:
            raise ssl.SSLError(f"more than {MAX_ENCRYPTED_BYTES} bytes came, and no answer within its bounds")
        if encrypted:
            self._came.write(encrypted)
        else:
            self._came.write_eof()

    def _flush(self, deadline: Deadline) -> None:
        if self._goes.pending:
            self._plain.send(self._goes.read(), deadline)
