"""A TLS 1.3 server that makes session tickets itself and sends as many as it likes.

A TLS library reads records without data for the application by itself. OpenSSL sends only tickets of its own,
so this module encrypts records with the keys that OpenSSL logs (RFC 8446, sections 5.2 and 7.3).
"""

import hmac
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_APPLICATION_DATA, _HANDSHAKE = 23, 22
_KEYS = {"TLS_AES_128_GCM_SHA256": ("sha256", 16), "TLS_AES_256_GCM_SHA384": ("sha384", 32)}
_LABEL = "SERVER_TRAFFIC_SECRET_0"


class TicketServer:
    """One connection on which the handshake is done and a request has come in."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, key_log: Path) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0
        context.keylog_filename = str(key_log)
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._pump(self._tls.do_handshake)
        self._pump(lambda: self._tls.read(65536))
        hash_name, key_length = _KEYS[(self._tls.cipher() or ("",))[0]]
        secret = bytes.fromhex(
            next(line.split()[2] for line in key_log.read_text().splitlines() if line.startswith(_LABEL))
        )
        self._seal = AESGCM(_expand(secret, b"key", key_length, hash_name))
        self._iv = _expand(secret, b"iv", 12, hash_name)
        self._records = 0

    def answer(self, raw: bytes) -> None:
        """Send bytes of an answer."""
        self._send(raw, _APPLICATION_DATA)

    def tickets(self) -> None:
        """Send 800 tickets in one record."""
        self._send(_TICKET * 800, _HANDSHAKE)

    def _send(self, content: bytes, kind: int) -> None:
        nonce = bytes(a ^ b for a, b in zip(self._iv, struct.pack(">4xQ", self._records), strict=True))
        head = struct.pack(">BHH", _APPLICATION_DATA, 0x0303, len(content) + 1 + 16)
        self._records += 1
        self._connection.sendall(head + self._seal.encrypt(nonce, content + bytes([kind]), head))

    def _pump(self, step: Callable[[], object]) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                self._connection.sendall(self._outgoing.read())
                self._incoming.write(self._connection.recv(65536))
            else:
                self._connection.sendall(self._outgoing.read())
                return


# NewSessionTicket: lifetime, age_add, a nonce of two bytes, a ticket of one byte, no extensions.
_TICKET = b"\x04\x00\x00\x10" + struct.pack(">II", 100, 0) + b"\x02ab" + b"\x00\x01x" + b"\x00\x00"


def _expand(secret: bytes, label: bytes, length: int, hash_name: str) -> bytes:
    """HKDF-Expand-Label, up to the length that one round of HMAC gives."""
    info = struct.pack(">HB", length, len(label) + 6) + b"tls13 " + label + b"\x00"
    return hmac.digest(secret, info + b"\x01", hash_name)[:length]
