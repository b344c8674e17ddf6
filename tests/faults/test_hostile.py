"""Whatever a receiver does, an attempt ends in time and in bounded memory, and reports its outcome."""

import threading
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker

import psutil
import pytest

from tests.faults.hostile import (
    CONTROLS,
    HOSTILE,
    MEMORY_BOUND_BYTES,
    RECEIVERS,
    SLACK_SECONDS,
    Attempted,
    attempt_all,
)
from tests.support.raw_receiver import Receiver

TIMEOUT_SECONDS = 2.0
REQUIRED = {
    "never accepts",
    "accepts and says nothing",
    "a header byte a second",
    "a body byte a second",
    "endless body",
    "Content-Length of 10 GB",
    "gzip bomb",
    "1 MB of headers",
    "closes after the status line",
    "closes within the body",
    "resets the connection",
    "invalid TLS: plain text",
    "invalid TLS: garbage after ClientHello",
    "expired certificate",
    "certificate for another host name",
    "redirect loop",
    "100 Continue for ever",
    "invalid status line",
    "HTTP/1.0",
    "junk for chunks",
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One attempt at each receiver, and what they left behind."""

    attempts: dict[str, Attempted]
    threads_left: set[threading.Thread]
    processes_left: set[psutil.Process]
    descriptors_left: int


@pytest.fixture(scope="module")
def run() -> Run:
    resource_tracker.ensure_running()  # one per Python process, and left to it
    this, threads = psutil.Process(), set(threading.enumerate())
    processes, descriptors = set(this.children(recursive=True)), this.num_fds()
    attempts = attempt_all(TIMEOUT_SECONDS)
    for thread in set(threading.enumerate()) - threads:
        thread.join(TIMEOUT_SECONDS)
    return Run(
        attempts=attempts,
        threads_left=set(threading.enumerate()) - threads,
        processes_left=set(this.children(recursive=True)) - processes,
        descriptors_left=this.num_fds() - descriptors,
    )


@pytest.mark.parametrize("name", [each.name for each in HOSTILE])
def test_an_attempt_holds_against(name: str, run: Run) -> None:
    assert run.attempts[name].faults == ()


@pytest.mark.parametrize("name", [each.name for each in CONTROLS])
def test_a_receiver_that_means_no_harm_is_delivered_to(name: str, run: Run) -> None:
    assert run.attempts[name].faults == ()
    assert run.attempts[name].outcome == "http_200"


@pytest.mark.parametrize("name", [each.name for each in RECEIVERS if each.endless])
def test_nothing_but_the_deadline_ends_an_attempt_at(name: str, run: Run) -> None:
    assert run.attempts[name].seconds > TIMEOUT_SECONDS * 0.9


def test_every_required_kind_of_harm_is_done(run: Run) -> None:
    assert {each.name for each in HOSTILE} >= REQUIRED
    assert run.attempts.keys() == {each.name for each in RECEIVERS}
    assert len(run.attempts) == len(RECEIVERS)


def test_the_memory_of_an_attempt_is_measured(run: Run) -> None:
    assert all(attempt.memory_growth_bytes > 0 for attempt in run.attempts.values())


def test_nothing_is_left_behind(run: Run) -> None:
    assert run.threads_left == set()
    assert run.processes_left == set()
    assert run.descriptors_left == 0


GOOD = Attempted(outcome="http_200", seconds=TIMEOUT_SECONDS, memory_growth_bytes=MEMORY_BOUND_BYTES)
ONCE = Receiver(port=1, requests=[b"POST"], connections=1)


def test_an_attempt_that_keeps_every_bound_holds() -> None:
    assert list(CONTROLS[0].faults(GOOD, ONCE, TIMEOUT_SECONDS)) == []


@pytest.mark.parametrize(
    ("seen", "running", "fault"),
    [
        (replace(GOOD, outcome="timeout"), ONCE, "told timeout, not http_200"),
        (replace(GOOD, seconds=TIMEOUT_SECONDS + SLACK_SECONDS + 0.1), ONCE, "took 4.1 s of 2 s"),
        (
            replace(GOOD, memory_growth_bytes=MEMORY_BOUND_BYTES + 1),
            ONCE,
            "took 8388609 bytes of memory of 8388608",
        ),
        (GOOD, replace(ONCE, connections=2), "connected 2 times"),
        (GOOD, replace(ONCE, requests=[b"POST", b"GET"]), "sent 2 requests"),
    ],
)
def test_an_attempt_that_breaks_a_bound_is_said_to(seen: Attempted, running: Receiver, fault: str) -> None:
    assert list(CONTROLS[0].faults(seen, running, TIMEOUT_SECONDS)) == [fault]
