"""A receiver that answers in raw bytes: a script runs for each connection."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

Script = Callable[[socket.socket, "Receiver"], None]


@dataclass
class Receiver:
    """A listening socket and what it received.

    Attributes:
        requests: the bytes of each request.
        closed: set once the receiver stops.
    """

    port: int
    requests: list[bytes] = field(default_factory=list[bytes])
    connections: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"


@contextmanager
def receiver(script: Script) -> Iterator[Receiver]:
    """Run `script` for every connection until the context ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        running = Receiver(port=server.getsockname()[1])
        open_connections: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                script(connection, running)

        def accept() -> None:
            with suppress(OSError):  # at the end, the listening socket is shut down
                while True:
                    connection, _ = server.accept()
                    running.connections += 1
                    open_connections.append(connection)
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        yield running
        running.closed.set()
        server.shutdown(socket.SHUT_RDWR)
        # Once the socket is closed, the next receiver may get the same descriptor: a thread that is only
        # about to accept would take that receiver's connection.
        acceptor.join()
        for connection in open_connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def never_accepts() -> Iterator[Receiver]:
    """A listening socket whose queue is full: the kernel answers nobody else."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as queued:
        port: int = server.getsockname()[1]
        while True:
            connection = queued.enter_context(socket.socket())
            connection.settimeout(0.1)
            try:
                connection.connect(("127.0.0.1", port))
            except TimeoutError:
                break
        yield Receiver(port=port)


def read_request(connection: socket.socket, running: Receiver) -> bytes:
    """Read one request with its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError("closed")
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65536)
    running.requests.append(head + b"\r\n\r\n" + body)
    return body


def answers(*responses: bytes) -> Script:
    """Answer the requests of a connection with these bytes, then close it."""

    def script(connection: socket.socket, running: Receiver) -> None:
        for response in responses:
            read_request(connection, running)
            connection.sendall(response)

    return script


def answers_then(before: bytes, again: bytes, *, every: float = 0.01) -> Script:
    """Answer with `before`, then repeat `again` until the client or the receiver stops."""

    def script(connection: socket.socket, running: Receiver) -> None:
        read_request(connection, running)
        connection.sendall(before)
        while not running.closed.wait(every):
            connection.sendall(again)

    return script


def says_nothing(connection: socket.socket, running: Receiver) -> None:
    """Keep the connection open."""
    running.closed.wait()


def says(raw: bytes) -> Script:
    """Send these bytes after the first that come in, whatever those are, and close."""

    def script(connection: socket.socket, running: Receiver) -> None:
        connection.recv(65536)
        connection.sendall(raw)

    return script


def resets(before: bytes = b"") -> Script:
    """Answer with these bytes, then reset the connection."""

    def script(connection: socket.socket, running: Receiver) -> None:
        read_request(connection, running)
        connection.sendall(before)
        reset_on_close(connection)

    return script


def reset_on_close(connection: socket.socket) -> None:
    """Closing this connection sends RST, not FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def over_tls(context: ssl.SSLContext, script: Script) -> Script:
    """Shake hands by this context, then follow the script."""

    def encrypted(connection: socket.socket, running: Receiver) -> None:
        # Wrapping detaches the socket, and the receiver needs its own to end this connection.
        with context.wrap_socket(connection.dup(), server_side=True) as secure:
            script(secure, running)

    return encrypted


def response(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    """A whole HTTP/1.1 response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
