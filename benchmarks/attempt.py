"""Measure the processor time of one delivery attempt, as a ratio to one `requests.post`.

`python -m benchmarks.attempt` delivers to a receiver in another process, over a kept connection and over a
new one each time. In the same run, `requests` posts a body of the same length there; that is the floor. An
attempt also signs, limits how much it reads, and checks its target. Compare ratios; compare seconds only on
the same machine.
"""

import multiprocessing
import socket
import statistics
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.transport import Transport
from handlers.intake.new_event import new_delivery, new_event_id
from handlers.intake.submission import Submission
from handlers.model.tenant import ApiKeyHolder, KeyState, Tenant, new_webhook_secret
from handlers.model.timestamps import utc_now
from local import loopback
from local.constants import HOST

KEPT, CLOSED = "/kept", "/closed"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"


def main(
    attempts: Annotated[int, typer.Option(min=10, help="How many attempts make a round.")] = 500,
    rounds: Annotated[int, typer.Option(min=3, help="How many rounds.")] = 7,
    data_bytes: Annotated[int, typer.Option(min=2, help="Length of the event's data.")] = 1000,
) -> None:
    """Print the medians over all rounds."""
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=_receive, args=(theirs,), daemon=True)
    receiver.start()
    port: int = ours.recv()
    data = b'{"filler":"%b"}' % (b"x" * data_bytes)
    table = Table(title=f"CPU of one attempt, {data_bytes} bytes of data, medians of {rounds} rounds")
    for column in ("connection", "attempt, µs", "requests.post, µs", "ratio"):
        table.add_column(column, justify="right")
    for name, path in (("kept", KEPT), ("a new one", CLOSED)):
        url = f"http://{HOST}:{port}{path}"
        measured = [
            (_cpu(_attempt(url, data), attempts), _cpu(_floor(url, data), attempts)) for _ in range(rounds)
        ]
        attempt, floor = (statistics.median(each) * 1e6 for each in zip(*measured, strict=True))
        ratio = statistics.median(mine / bare for mine, bare in measured)
        table.add_row(name, f"{attempt:.0f}", f"{floor:.0f}", f"{ratio:.2f}")
    Console().print(table)
    receiver.terminate()
    receiver.join()


def _attempt(url: str, data: bytes) -> Callable[[], None]:
    """An attempt as the worker makes it."""
    make_attempt = HttpAttempts(Transport(allow_private=True), timeout_seconds=30, allow_private=True)
    now = utc_now()
    delivery = new_delivery(
        ApiKeyHolder(tenant_id="acme", target_url=url, state=KeyState.ACTIVE),
        Submission(type="order.created", data=data),
        event_id=new_event_id(now),
        at=now,
    )
    tenant = Tenant(tenant_id="acme", target_url=url, webhook_secret=new_webhook_secret())

    def once() -> None:
        outcome = make_attempt(delivery, tenant).attempt.outcome
        if outcome != "http_200":
            raise RuntimeError(f"an attempt ended as {outcome}")

    return once


def _floor(url: str, data: bytes) -> Callable[[], None]:
    """The same body by a pooled `requests.post`, with headers of the same length."""
    session = loopback.session()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "webhook-id": "e" * 30,
        "webhook-timestamp": "1" * 10,
        "webhook-signature": "s" * 47,
        "Stripe-Signature": "s" * 80,
    }

    def once() -> None:
        session.post(url, data=data, headers=headers, timeout=30).raise_for_status()

    return once


def _cpu(once: Callable[[], None], times: int) -> float:
    """Seconds of this process's CPU for one call, without the first one."""
    once()
    began = time.process_time()
    for _ in range(times):
        once()
    return (time.process_time() - began) / times


def _receive(told: Connection) -> None:
    with socket.create_server((HOST, 0), backlog=128) as server:
        told.send(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as stream:
        while request := stream.readline():
            length = 0
            while (line := stream.readline()) not in {b"\r\n", b""}:
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            stream.read(length)
            if CLOSED.encode() in request:
                connection.sendall(_HEAD + b"Connection: close\r\n\r\nok")
                return
            connection.sendall(_HEAD + b"\r\nok")


if __name__ == "__main__":
    typer.run(main)
