"""Receivers that mean harm, and what one attempt to deliver to each of them comes to.

Each attempt is made by a process of its own, so that its peak memory can be measured. A peak is inherited by
`exec`: below this process, whatever it ever held would hide what an attempt takes. So a fresh process forks
the processes that make the attempts. The receivers run here, as threads.
"""

import gzip
import multiprocessing
import resource
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trustme

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.transport import Transport
from tests.faults.report import Row
from tests.support.factories import a_delivery, a_tenant
from tests.support.raw_receiver import (
    Receiver,
    Script,
    answers,
    answers_then,
    never_accepts,
    over_tls,
    read_request,
    receiver,
    resets,
    response,
    says,
    says_nothing,
)

HOST = "receiver.example"
MEMORY_BOUND_BYTES = 8 * 1024 * 1024
"""How much one attempt may add: twice what the well-behaved one over TLS takes. The worker makes ten side by
side and has 512 MB."""
SLACK_SECONDS = 2.0
"""How much later than its timeout an attempt may end: the deadline cuts it off, but it still has to unwind,
and here two dozen processes and the receivers' threads share a few cores."""

_MEMORY_LIMIT_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Attempted:
    """What an attempt came to.

    Attributes:
        outcome: as the attempt reported it; `raised ...` or `killed` if it reported none.
        memory_growth_bytes: by how much the attempt raised the peak of its process.
        faults: every bound that it broke, in words.
    """

    outcome: str
    seconds: float
    memory_growth_bytes: int
    faults: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class HostileReceiver:
    """One way to behave, and the right outcome of an attempt there.

    Attributes:
        right: the outcomes that may be reported.
        opened: runs the receiver until the context ends.
        scheme: of its URL.
        endless: only the deadline ends an attempt.
    """

    name: str
    right: frozenset[str]
    opened: Callable[[], AbstractContextManager[Receiver]]
    scheme: str = "http"
    endless: bool = False

    def faults(self, attempt: Attempted, running: Receiver, timeout_seconds: float) -> Iterator[str]:
        """Every bound that the attempt broke, in words."""
        if attempt.outcome not in self.right:
            yield f"told {attempt.outcome}, not {' or '.join(sorted(self.right))}"
        if attempt.seconds > timeout_seconds + SLACK_SECONDS:
            yield f"took {attempt.seconds:.1f} s of {timeout_seconds:g} s"
        if attempt.memory_growth_bytes > MEMORY_BOUND_BYTES:
            yield f"took {attempt.memory_growth_bytes} bytes of memory of {MEMORY_BOUND_BYTES}"
        # One attempt is one request on one connection: an answer must not make it send or open more.
        if running.connections > 1:
            yield f"connected {running.connections} times"
        if len(running.requests) > 1:
            yield f"sent {len(running.requests)} requests"


def attempt_all(timeout_seconds: float) -> dict[str, Attempted]:
    """Make one attempt at each of `RECEIVERS`, all side by side; by the receivers' names."""
    with TemporaryDirectory() as directory, ExitStack() as open_receivers:
        authority = Path(directory) / "authority.pem"
        _authority().cert_pem.write_to_path(authority)
        running = {each.name: open_receivers.enter_context(each.opened()) for each in RECEIVERS}
        urls = {each.name: f"{each.scheme}://{HOST}:{running[each.name].port}/hooks" for each in RECEIVERS}
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
            attempts = fresh.submit(_make_attempts, urls, authority, timeout_seconds).result()
        return {
            each.name: replace(
                attempts[each.name],
                faults=tuple(each.faults(attempts[each.name], running[each.name], timeout_seconds)),
            )
            for each in RECEIVERS
        }


def rows_of_receivers(timeout_seconds: float) -> list[Row]:
    """The same as rows."""
    return [
        Row(
            what=name,
            point=f"{attempt.seconds:.1f} s, {attempt.memory_growth_bytes / 2**20:.1f} MiB",
            outcome=attempt.outcome,
            faults=attempt.faults,
        )
        for name, attempt in attempt_all(timeout_seconds).items()
    ]


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def certified(host: str = HOST, *, trusted: bool = True, **validity: datetime) -> Script:
    """Behave well, but over TLS with a certificate like this."""

    def script(connection: socket.socket, running: Receiver) -> None:
        authority = _authority() if trusted else trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host, **validity).configure_cert(context)
        over_tls(context, answers(response()))(connection, running)

    return script


def drips(raw: bytes) -> Script:
    """Send these bytes, one a second, after the first that come in, whatever those are."""

    def script(connection: socket.socket, running: Receiver) -> None:
        connection.recv(65536)
        for byte in raw:
            connection.sendall(bytes([byte]))
            if running.closed.wait(1):
                return

    return script


def says_headers(line: bytes) -> Script:
    """Answer with 99 lines like this one."""
    return answers(b"HTTP/1.1 200 OK\r\n" + (line + b"\r\n") * 99 + b"\r\n")


def redirects_to_itself(connection: socket.socket, running: Receiver) -> None:
    """Redirect every request to the same URL."""
    read_request(connection, running)
    again = b" "
    while again:
        location = f"Location: http://{HOST}:{running.port}/hooks"
        connection.sendall(response("302 Found", b"", location))
        again = connection.recv(65536)
        running.requests += [again] if again else []


def _scripted(name: str, script: Script, *right: str, **more: Any) -> HostileReceiver:
    return HostileReceiver(name=name, right=frozenset(right), opened=partial(receiver, script), **more)


_over_tls = partial(_scripted, scheme="https")
_endless = partial(_scripted, endless=True)
_never_accepting = partial(
    HostileReceiver, right=frozenset({"connection_timeout"}), opened=never_accepts, endless=True
)

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_EXPIRED = {"not_before": datetime(2001, 1, 1, tzinfo=UTC), "not_after": datetime(2002, 1, 1, tzinfo=UTC)}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FLOOD = b"x" * 65536
_BOMB = gzip.compress(bytes(1024 * 1024)) * 1024  # 1 MB that unpacks to 1 GiB, a MiB per member
_JUNK_RECORD = b"\x16\x03\x03\x40\x00" + bytes(range(256)) * 64  # TLS: a handshake message of 16 KiB

CONTROLS = (
    _scripted("well-behaved", answers(response()), "http_200"),
    _over_tls("well-behaved over TLS", certified(), "http_200"),
)
"""They show that the attempts below fail for no other reason than their own."""

HOSTILE = (
    _never_accepting(name="never accepts"),
    _never_accepting(name="never accepts, over TLS", scheme="https"),
    _endless("accepts and says nothing", says_nothing, "timeout"),
    _endless("accepts and says nothing, over TLS", says_nothing, "tls_timeout", scheme="https"),
    _endless("a header byte a second", answers_then(_OK + b"X-Drip: ", b"x", every=1), "timeout"),
    _endless(
        "a body byte a second",
        answers_then(_OK + b"Content-Length: 1000\r\n\r\n", b"x", every=1),
        "http_200",
    ),
    _endless("a handshake byte a second", drips(_JUNK_RECORD), "tls_timeout", scheme="https"),
    _scripted("endless body", answers_then(_OK + b"\r\n", _FLOOD, every=0), "http_200"),
    _scripted(
        "Content-Length of 10 GB",
        answers_then(_OK + b"Content-Length: 10000000000\r\n\r\n", _FLOOD, every=0),
        "http_200",
    ),
    _scripted("gzip bomb", answers(response("200 OK", _BOMB, "Content-Encoding: gzip")), "http_200"),
    _scripted("1 MB in one header", answers(_OK + b"X: " + b"x" * 1_000_000), "answer_head_too_large"),
    _scripted("1 MB of headers", says_headers(b"X: " + b"x" * 10_000), "answer_head_too_large"),
    _scripted("6 MB of carriage returns", says_headers(b"X:" + b"\rX:" * 21_000), "answer_head_too_large"),
    _scripted("6 MB of cookies", says_headers(b"Set-Cookie: " + b"a=b;" * 16_000), "answer_head_too_large"),
    _scripted("closes after the status line", answers(_OK), "http_200"),
    _scripted("closes within the status line", answers(_OK[:10]), "connection_closed"),
    _scripted("closes within the body", answers(_OK + b"Content-Length: 1000\r\n\r\nthe beg"), "http_200"),
    _scripted("resets the connection", resets(), "connection_reset"),
    # The reset may overtake the answer.
    _scripted("resets within the body", resets(_OK + b"\r\nthe beg"), "http_200", "connection_reset"),
    _over_tls("invalid TLS: plain text", says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls_not_spoken"),
    _over_tls("invalid TLS: garbage after ClientHello", says(_JUNK_RECORD), "tls_failure"),
    _over_tls(
        "expired certificate",
        certified(**_EXPIRED),
        "tls_certificate_expired",
    ),
    _over_tls(
        "certificate for another host name",
        certified("other.example"),
        "tls_certificate_other_host",
    ),
    _over_tls(
        "certificate of another authority",
        certified(trusted=False),
        "tls_certificate_issuer_not_found",
    ),
    _scripted("redirect loop", redirects_to_itself, "http_302"),
    _endless("100 Continue for ever", answers_then(b"", _CONTINUE, every=0.2), "timeout"),
    _scripted(
        "100 Continue for ever, at full speed",
        answers_then(b"", _CONTINUE * 1000, every=0),
        "answer_head_too_large",
    ),
    _scripted("invalid status line", answers(b"HTTP/1.1 fine\r\n\r\n"), "answer_malformed"),
    _scripted("HTTP/1.0", answers(b"HTTP/1.0 200 OK\r\n\r\nfine"), "http_200"),
    _scripted("junk for chunks", answers(_CHUNKED + b"junk\r\n" * 1000), "http_200"),
    _scripted("a chunk of size -1", answers_then(_CHUNKED + b"-1\r\n", _FLOOD, every=0), "http_200"),
    _scripted("a chunk of size -2", answers_then(_CHUNKED + b"-2\r\n", _FLOOD, every=0), "http_200"),
    _scripted("a chunk of size -16^30", answers(_CHUNKED + b"-1" + b"0" * 30 + b"\r\nx"), "http_200"),
    _endless("endless trailer", answers_then(_CHUNKED + b"0\r\n", b"X: x\r\n", every=0.2), "http_200"),
)

RECEIVERS = HOSTILE + CONTROLS


def _make_attempts(urls: Mapping[str, str], authority: Path, timeout_seconds: float) -> dict[str, Attempted]:
    """One attempt per URL, each in a process of its own, all side by side."""
    fork = multiprocessing.get_context("fork")
    reports: dict[str, Connection] = {}
    for name, url in urls.items():
        reports[name], report = fork.Pipe(duplex=False)
        # It ends by itself, at the latest by its alarm; this process joins it when it exits.
        fork.Process(target=_make_attempt, args=(url, authority, timeout_seconds, report)).start()
        report.close()
    return {name: _received(report, timeout_seconds) for name, report in reports.items()}


def _received(report: Connection, timeout_seconds: float) -> Attempted:
    with report:
        try:
            return report.recv()
        except EOFError:
            seconds = _killed_after(timeout_seconds)
            return Attempted(outcome="killed", seconds=seconds, memory_growth_bytes=0)


def _killed_after(timeout_seconds: float) -> float:
    return timeout_seconds + 2 * SLACK_SECONDS


def _make_attempt(url: str, authority: Path, timeout_seconds: float, report: Connection) -> None:
    """Make one attempt and report it; limits end one that would take the machine with it."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
    signal.setitimer(signal.ITIMER_REAL, _killed_after(timeout_seconds))  # nothing handles its signal
    transport = Transport(
        allow_private=True,
        resolver=lambda *_: ["127.0.0.1"],
        tls=ssl.create_default_context(cafile=authority),
    )
    deliver = HttpAttempts(transport, timeout_seconds=timeout_seconds, allow_private=True)
    event, tenant = a_delivery(target_url=url), a_tenant()
    before, began = _peak_memory_bytes(), time.monotonic()
    try:
        outcome = deliver(event, tenant).attempt.outcome
    except Exception as error:  # noqa: BLE001 - an attempt must not raise anything
        outcome = f"raised {type(error).__name__}"
    seconds, growth = time.monotonic() - began, _peak_memory_bytes() - before
    report.send(Attempted(outcome=outcome, seconds=seconds, memory_growth_bytes=growth))


def _peak_memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux
