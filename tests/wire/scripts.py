"""Receivers that play a raw answer."""

import socket
import threading
from dataclasses import replace

from tests.support.raw_receiver import Receiver, Script, read_request, reset_on_close, response
from tests.wire.answers.raw import End, RawAnswer

NEXT = response("202 Accepted")
"""The answer to every request after the first. No raw answer has this status."""


def plays(answer: RawAnswer, played: threading.Event) -> Script:
    """Answer the first request with the raw bytes, then set `played`; answer every later one with `NEXT`."""

    def script(connection: socket.socket, running: Receiver) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not running.requests:
            read_request(connection, running)
            try:
                for segment in answer.segments:
                    connection.sendall(segment)
                _end(connection, answer.end)
            finally:
                played.set()
        while True:
            read_request(connection, running)
            connection.sendall(NEXT)

    return script


def ending(answer: RawAnswer) -> RawAnswer:
    """The same answer, but always with an end: another client may wait for more bytes."""
    return replace(answer, end=End.HALF_CLOSE) if answer.end is End.OPEN else answer


def _end(connection: socket.socket, end: End) -> None:
    if end is End.HALF_CLOSE:
        connection.shutdown(socket.SHUT_WR)
    elif end is End.CLOSE:
        connection.close()
    elif end is End.RESET:
        reset_on_close(connection)
        connection.close()
