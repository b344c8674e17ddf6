"""Receivers that mean harm, and what one attempt to deliver to each of them comes to.

Each attempt is made by a process of its own, so that its peak memory can be told. The receivers run
here, as threads; as a program (`python -m tests.faults.hostile`) this module makes the attempts. It forks
them from a fresh process because a peak is inherited by `exec`: below this one, whatever the caller ever
held would hide what an attempt takes.
"""

import gzip
import json
import multiprocessing
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

from handlers.delivery.attempt import HttpDelivery
from handlers.delivery.transport import Transport
from tests.handlers.factories import a_tenant, an_event
from tests.handlers.receivers import Receiver, Script, answers, answers_then, read_request, receiver, response

HOST = "receiver.example"
MEMORY_BOUND_BYTES = 8 * 1024 * 1024
"""How much one attempt may add: twice what the well-behaved one over TLS takes. The worker makes ten side by
side and has 512 MB."""
SLACK_SECONDS = 2.0
"""How much later than its timeout an attempt may end: what the deadline cuts off has to unwind, and here
two dozen processes and the receivers' threads wait for the same few cores."""

_MEMORY_LIMIT_BYTES = 512 * 1024 * 1024
_REPOSITORY = Path(__file__).parents[2]

Certificate = Callable[[], trustme.LeafCert]


@dataclass(frozen=True, kw_only=True)
class HostileReceiver:
    """One way to behave, and what is right to say of it.

    Attributes:
        right: the outcomes that may be told of it.
        opened: runs it until the context ends.
        scheme: what its URL begins with.
        endless: nothing but the deadline ends an attempt.
    """

    name: str
    right: frozenset[str]
    opened: Callable[[], AbstractContextManager[Receiver]]
    scheme: str = "http"
    endless: bool = False

    def judge(self, attempt: "AttemptSeen", running: Receiver, timeout_seconds: float) -> "HostileOutcome":
        """Hold what was seen against what is right."""
        faults = [*self._faults(attempt, timeout_seconds), *_faults_of_contact(running)]
        return HostileOutcome(name=self.name, **asdict(attempt), held=not faults, fault="; ".join(faults))

    def _faults(self, attempt: "AttemptSeen", timeout_seconds: float) -> Iterator[str]:
        if attempt.outcome not in self.right:
            yield f"told {attempt.outcome}, not {' or '.join(sorted(self.right))}"
        if attempt.seconds > timeout_seconds + SLACK_SECONDS:
            yield f"took {attempt.seconds:.1f} s of {timeout_seconds:g} s"
        if attempt.memory_growth_bytes > MEMORY_BOUND_BYTES:
            yield f"took {attempt.memory_growth_bytes} bytes of memory of {MEMORY_BOUND_BYTES}"


@dataclass(frozen=True, kw_only=True)
class AttemptSeen:
    """What one attempt came to, as its process saw it."""

    outcome: str
    seconds: float
    memory_growth_bytes: int


@dataclass(frozen=True, kw_only=True)
class HostileOutcome:
    """What the attempt to deliver to one receiver came to.

    Attributes:
        outcome: as the attempt told it; `raised ...` or `killed` when it told nothing.
        memory_growth_bytes: by how much the attempt raised the peak of its process.
        held: outcome, time, memory and contacts are all as they must be.
        fault: what is not, in words; empty when it held.
    """

    name: str
    outcome: str
    seconds: float
    memory_growth_bytes: int
    held: bool
    fault: str


def run_all(timeout_seconds: float) -> list[HostileOutcome]:
    """Make one attempt at each of `RECEIVERS`, all side by side."""
    with TemporaryDirectory() as directory, ExitStack() as open_receivers:
        authority = Path(directory) / "authority.pem"
        _authority().cert_pem.write_to_path(authority)
        running = {each.name: open_receivers.enter_context(each.opened()) for each in RECEIVERS}
        urls = {each.name: f"{each.scheme}://{HOST}:{running[each.name].port}/hooks" for each in RECEIVERS}
        seen = _attempts_elsewhere(urls, authority, timeout_seconds)
        return [each.judge(seen[each.name], running[each.name], timeout_seconds) for each in RECEIVERS]


def over_tls(certificate: Certificate, script: Script) -> Script:
    """Speak TLS with this certificate, then follow the script."""

    def encrypted(connection: socket.socket, running: Receiver) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate().configure_cert(context)
        # Wrapping detaches the socket, and the receiver needs its own to end this connection.
        with context.wrap_socket(connection.dup(), server_side=True) as secure:
            script(secure, running)

    return encrypted


def valid() -> trustme.LeafCert:
    """A certificate as it must be: the control without which every refusal proves nothing."""
    return _authority().issue_cert(HOST)


def expired() -> trustme.LeafCert:
    """A certificate that was valid once."""
    began, ended = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 1, 1, tzinfo=UTC)
    return _authority().issue_cert(HOST, not_before=began, not_after=ended)


def for_another_host() -> trustme.LeafCert:
    """A valid certificate of somebody else."""
    return _authority().issue_cert("other.example")


def of_another_authority() -> trustme.LeafCert:
    """A certificate that anybody can make for themselves."""
    return trustme.CA().issue_cert(HOST)


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def never_accepts() -> Iterator[Receiver]:
    """A listening socket whose queue is full: the kernel leaves everybody else without an answer."""
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


def says_nothing(connection: socket.socket, running: Receiver) -> None:
    """Keep the connection open."""
    running.closed.wait()


def says(raw: bytes) -> Script:
    """Send these bytes after the first that come in, whatever those are, and close."""

    def script(connection: socket.socket, running: Receiver) -> None:
        connection.recv(65536)
        connection.sendall(raw)

    return script


def drips(raw: bytes) -> Script:
    """Send these bytes one a second after the first that come in, whatever those are."""

    def script(connection: socket.socket, running: Receiver) -> None:
        connection.recv(65536)
        for byte in raw:
            connection.sendall(bytes([byte]))
            if running.closed.wait(1):
                return

    return script


def resets(before: bytes = b"") -> Script:
    """Answer with these bytes, then reset the connection."""

    def script(connection: socket.socket, running: Receiver) -> None:
        read_request(connection, running)
        connection.sendall(before)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


def says_headers(line: bytes) -> Script:
    """Answer with 99 lines like this one."""
    return answers(b"HTTP/1.1 200 OK\r\n" + (line + b"\r\n") * 99 + b"\r\n")


def redirects_to_itself(connection: socket.socket, running: Receiver) -> None:
    """Redirect to the same URL, and whatever follows as well."""
    read_request(connection, running)
    again = b" "
    while again:
        location = f"Location: http://{HOST}:{running.port}/hooks"
        connection.sendall(response("302 Found", b"", location))
        again = connection.recv(65536)
        running.requests += [again] if again else []


def _scripted(
    name: str, script: Script, *right: str, scheme: str = "http", endless: bool = False
) -> HostileReceiver:
    opened = partial(receiver, script)
    return HostileReceiver(name=name, right=frozenset(right), opened=opened, scheme=scheme, endless=endless)


_over_tls = partial(_scripted, scheme="https")
_endless = partial(_scripted, endless=True)

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FLOOD = b"x" * 65536
_BOMB = gzip.compress(bytes(1024 * 1024)) * 1024  # 1 MB that unpacks to 1 GiB, a MiB per member
_JUNK_RECORD = b"\x16\x03\x03\x40\x00" + bytes(range(256)) * 64  # TLS: a handshake message of 16 KiB

CONTROLS = (
    _scripted("well-behaved", answers(response()), "http_200"),
    _over_tls("well-behaved over TLS", over_tls(valid, answers(response())), "http_200"),
)
"""Without these, each attempt below could fail for another reason than its own."""

HOSTILE = (
    HostileReceiver(
        name="never accepts",
        right=frozenset({"connection_timeout"}),
        opened=never_accepts,
        endless=True,
    ),
    HostileReceiver(
        name="never accepts, over TLS",
        right=frozenset({"connection_timeout"}),
        opened=never_accepts,
        scheme="https",
        endless=True,
    ),
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
    _over_tls("expired certificate", over_tls(expired, answers(response())), "tls_certificate_expired"),
    _over_tls(
        "certificate for another host name",
        over_tls(for_another_host, answers(response())),
        "tls_certificate_other_host",
    ),
    _over_tls(
        "certificate of another authority",
        over_tls(of_another_authority, answers(response())),
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


def _faults_of_contact(running: Receiver) -> Iterator[str]:
    """One attempt is one request on one connection: what goes on from there was asked for by an answer."""
    if running.connections > 1:
        yield f"connected {running.connections} times"
    if len(running.requests) > 1:
        yield f"sent {len(running.requests)} requests"


def _attempts_elsewhere(
    urls: Mapping[str, str], authority: Path, timeout_seconds: float
) -> dict[str, AttemptSeen]:
    """Have the attempts made by a process that has nothing else in its memory."""
    job = {"urls": urls, "authority": str(authority), "timeout_seconds": timeout_seconds}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.hostile"],
        cwd=_REPOSITORY,
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_killed_after(timeout_seconds) + 60,
    )
    return {name: AttemptSeen(**seen) for name, seen in json.loads(done.stdout).items()}


def _killed_after(timeout_seconds: float) -> float:
    return timeout_seconds + 2 * SLACK_SECONDS


def _make_attempts(
    *, urls: Mapping[str, str], authority: str, timeout_seconds: float
) -> dict[str, AttemptSeen]:
    """One attempt per URL, each in a process of its own, all side by side."""
    fork = multiprocessing.get_context("fork")
    reports: dict[str, Connection] = {}
    for name, url in urls.items():
        reports[name], report = fork.Pipe(duplex=False)
        # It ends by itself, if need be by its alarm, and is waited for when this process ends.
        fork.Process(target=_make_attempt, args=(url, authority, timeout_seconds, report)).start()
        report.close()
    return {name: _reported(report, timeout_seconds) for name, report in reports.items()}


def _reported(report: Connection, timeout_seconds: float) -> AttemptSeen:
    try:
        seen: AttemptSeen = report.recv()
    except EOFError:
        return AttemptSeen(outcome="killed", seconds=_killed_after(timeout_seconds), memory_growth_bytes=0)
    return seen


def _make_attempt(url: str, authority: str, timeout_seconds: float, report: Connection) -> None:
    """Make one attempt and report it; limits end what would otherwise take the machine with it."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
    signal.setitimer(signal.ITIMER_REAL, _killed_after(timeout_seconds))  # nobody catches its signal
    transport = Transport(
        allow_private=True,
        resolver=lambda *_: ["127.0.0.1"],
        tls=ssl.create_default_context(cafile=authority),
    )
    deliver = HttpDelivery(transport, timeout_seconds=timeout_seconds, allow_private=True)
    event, tenant = an_event(target_url=url), a_tenant()
    before, began = _peak_memory_bytes(), time.monotonic()
    try:
        outcome = deliver(event, tenant).attempt.outcome
    except Exception as error:  # noqa: BLE001 - whatever it is: an attempt must not raise
        outcome = f"raised {type(error).__name__}"
    seconds, growth = time.monotonic() - began, _peak_memory_bytes() - before
    report.send(AttemptSeen(outcome=outcome, seconds=seconds, memory_growth_bytes=growth))


def _peak_memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux


if __name__ == "__main__":
    made = _make_attempts(**json.load(sys.stdin))
    json.dump({name: asdict(seen) for name, seen in made.items()}, sys.stdout)
