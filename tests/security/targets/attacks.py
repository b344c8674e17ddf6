"""Tries every vector and every redirect, and watches where this process connects."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.deadline import Deadline
from handlers.delivery.outcomes import Outcome, UndeliveredError
from handlers.delivery.targets import Resolve, TargetNotAllowedError, parse_target, resolve
from handlers.delivery.transport import OpenSocket, Transport
from tests.security.part import Part
from tests.security.targets.sockets import watched_connections
from tests.security.targets.vectors import VECTORS, Vector
from tests.support.factories import a_delivery, a_tenant
from tests.support.raw_receiver import answers, receiver, response

SECONDS = 10.0


def run_targets() -> Part:
    """Try them all."""
    faults = [f"{vector.name}: {fault}" for vector in VECTORS for fault in faults_of(vector)]
    redirects = [(lure, fault) for lure in LURES for fault in faults_of_lure(lure)]
    return Part(
        title="Where deliveries may go",
        counts={"vectors": len(VECTORS) + len(LURES)},
        faults=[*faults, *(f"{lure.name}: {fault}" for lure, fault in redirects)],
    )


def faults_of(vector: Vector) -> Iterator[str]:
    """What does not hold: when the target is set, when it is delivered to, and for the connection alone."""
    if not vector.set_anyway and not refused_when_set(vector.url):
        yield "could be set as a target"
    outcomes, contacted = delivered(vector)
    if set(contacted) != set(vector.contacts):
        yield f"a delivery connected to {contacted}"
    if Outcome.TARGET_NOT_ALLOWED not in outcomes:
        yield f"a delivery ended as {outcomes}"
    if set(contacted := connected_without_a_check_of_the_url(vector)) - set(vector.contacts):
        yield f"without the check of its URL, a delivery connected to {contacted}"


def refused_when_set(url: str) -> bool:
    """Whether a tenant is refused this target."""
    try:
        parse_target(url, allow_private=False)
    except TargetNotAllowedError:
        return True
    return False


def delivered(vector: Vector) -> tuple[list[str], list[str]]:
    """Deliver once per answer of the name; returns the outcomes, and the addresses connected to."""
    transport = Transport(allow_private=False, resolver=_resolver(vector))
    deliver = HttpAttempts(transport, timeout_seconds=SECONDS, allow_private=False)
    with watched_connections() as watch:
        results = [deliver(a_delivery(target_url=vector.url), a_tenant()) for _ in vector.answers or [()]]
    return [result.attempt.outcome for result in results], watch.addresses


def connected_without_a_check_of_the_url(vector: Vector) -> list[str]:
    """The addresses that the transport alone connects to, as if nobody had checked the URL."""
    transport = Transport(allow_private=False, resolver=_resolver(vector))
    with watched_connections() as watch:
        for _ in vector.answers or [()]:
            _post(transport, vector.url)
    return watch.addresses


def _post(transport: Transport, url: str) -> None:
    try:
        target = parse_target(url, allow_private=True)
        transport.post(target, headers={}, body=b"{}", deadline=Deadline.after(SECONDS))
    except (TargetNotAllowedError, UndeliveredError):
        return  # one of the two refused it: what counts is where it connected
    raise AssertionError(f"{url!r} was answered")


def _resolver(vector: Vector) -> Resolve:
    """Answers as the vector says; without answers in it, the system resolves."""
    answers_left = list(vector.answers)

    def answer(host: str, port: int) -> Sequence[str]:
        if not answers_left:
            return resolve(host, port)
        return answers_left.pop(0) if len(answers_left) > 1 else answers_left[0]

    return answer


@dataclass(frozen=True, kw_only=True)
class Lure:
    """An answer that leads on to another place; `{inside}` is the port of a service on this machine."""

    name: str
    status: str
    header: str


_LOCATIONS = {
    "a service of this machine": "http://127.0.0.1:{inside}/",
    "instance metadata": "http://169.254.169.254/latest/meta-data/",
    "a relative path": "/elsewhere",
    "a host without a scheme": "//127.0.0.1:{inside}/",
}
_REDIRECTS = (
    *("301 Moved Permanently", "302 Found", "303 See Other"),
    *("307 Temporary Redirect", "308 Permanent Redirect"),
)
_INSIDE = "http://127.0.0.1:{inside}/"
LURES = tuple(
    Lure(name=name, status=status, header=header)
    for name, status, header in (
        *(
            (f"{status} to {where}", status, f"Location: {location}")
            for status in _REDIRECTS
            for where, location in _LOCATIONS.items()
        ),
        ("300 with a choice", "300 Multiple Choices", f"Location: {_INSIDE}"),
        ("201 with a location", "201 Created", f"Location: {_INSIDE}"),
        ("a refresh", "200 OK", f"Refresh: 0; url={_INSIDE}"),
        ("an alternative service", "200 OK", 'Alt-Svc: http/1.1="127.0.0.1:{inside}"'),
        ("a link to load", "200 OK", f"Link: <{_INSIDE}>; rel=preload"),
    )
)


def faults_of_lure(lure: Lure) -> Iterator[str]:
    """Where it is not so that one connection is made, to the target, though private targets are allowed."""
    with receiver(answers(response())) as inside:
        answer = response(lure.status, b"", lure.header.format(inside=inside.port))
        with receiver(answers(answer)) as outside:
            deliver = HttpAttempts(Transport(allow_private=True), timeout_seconds=SECONDS, allow_private=True)
            with watched_connections(let_through={outside.port}) as watch:
                result = deliver(a_delivery(target_url=outside.url), a_tenant())
    if watch.addresses != ["127.0.0.1"] or inside.connections:
        yield f"connections went to {watch.addresses}"
    if result.attempt.outcome != f"http_{lure.status[:3]}":
        yield f"it ended as {result.attempt.outcome}"


def detour_to(port: int) -> OpenSocket:
    """Sockets that end up at a port of this machine, wherever they are told to connect.

    A network that translates addresses would do this, or a kernel that takes one address for another.
    """

    class Detour(socket.socket):
        def connect(self, _address: object) -> None:
            super().connect(("127.0.0.1", port))

    return Detour
