"""Other clients that get the same answers. Each reports the final status that it sees, or None."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import h11
import httptools

Oracle = Callable[[int, float], int | None]
"""Posts to a port of this machine and gives up after so many seconds."""

CURL = shutil.which("curl")
_SWITCHING_PROTOCOLS = 101
_REQUEST = b"POST /hooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
_NO_LIMIT = 1024 * 1024


def status_by_h11(port: int, patience: float) -> int | None:
    """The first final answer that h11 returns, when used by its manual and without our limits."""
    wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=_NO_LIMIT)
    request = h11.Request(
        method="POST", target="/hooks", headers=[("Host", "127.0.0.1"), ("Content-Length", "2")]
    )
    for event in (request, h11.Data(data=b"{}"), h11.EndOfMessage()):
        wire.send(event)
    with suppress(h11.RemoteProtocolError):
        for data in _received(port, patience):
            wire.receive_data(data)
            while (event := wire.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    return event.status_code
                if isinstance(event, h11.ConnectionClosed):
                    return None
    return None


class _Heads:
    """The callbacks of llhttp; keeps the status of the first final answer whose head was read."""

    def __init__(self) -> None:
        self.final: int | None = None
        self.parser = httptools.HttpResponseParser(self)

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if self.final is None and _is_final(status):
            self.final = status


def status_by_llhttp(port: int, patience: float) -> int | None:
    """The first final answer whose head llhttp reads: Node.js hands it out then. No leniency is set."""
    heads = _Heads()
    with suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        for data in _received(port, patience):
            heads.parser.feed_data(data)
            if heads.final is not None:
                break
    return heads.final


def status_by_curl(port: int, patience: float) -> int | None:
    """The status that curl writes when it ends, even if it then reports an error."""
    assert CURL is not None
    command = [CURL, "-q", "--http1.1", "--noproxy", "*", "--silent", "--output", "/dev/null"]
    command += ["--max-time", str(patience), "--data-binary", "{}", "--write-out", "%{http_code}"]
    run = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/hooks"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    status = int(run.stdout)
    return status if _is_final(status) else None


ORACLES: dict[str, Oracle] = {"h11": status_by_h11, "llhttp": status_by_llhttp, "curl": status_by_curl}


def _is_final(status: int) -> bool:
    return status >= 200 or status == _SWITCHING_PROTOCOLS


def _received(port: int, patience: float) -> Iterator[bytes]:
    """The bytes that come back for a request; empty at last if the other side ends."""
    with socket.create_connection(("127.0.0.1", port)) as connection, suppress(ConnectionError, TimeoutError):
        connection.settimeout(patience)
        connection.sendall(_REQUEST)
        while data := connection.recv(16 * 1024):
            yield data
        yield b""
