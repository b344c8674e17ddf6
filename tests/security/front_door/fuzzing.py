"""Hypothesis makes requests up: by itself, and from the bytes that a coverage-guided fuzzer hands over.

Coverage is measured of this repository's Python, whose branches the fuzzer follows. Pydantic's JSON parser is
compiled: of that, only the answers guide.
"""

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.database import InMemoryExampleDatabase

from tests.security.front_door.inputs import requests
from tests.security.front_door.tally import Tally
from tests.support.front_door import FrontDoor

# Hypothesis remembers every input of a round, and comes back to those that it has.
_INPUTS_OF_A_ROUND = 500
_MOST_FAULTS = 10
_SHOWN_OF_A_FAULT = 2000

_REPOSITORY = Path(__file__).parents[3]
_BYTES_OF_AN_INPUT = 2048
_FIRST_INPUTS = 50
_SECONDS_TO_START, _SECONDS_PER_INPUT = 120, 0.1
_OPTIONS = (f"-max_len={_BYTES_OF_AN_INPUT}", "-rss_limit_mb=2048", "-timeout=60")


class _BrokenPromiseError(Exception):
    """Tells Hypothesis of a fault, so that it looks for the smallest request that causes it."""

    def __init__(self, promise: str, request: Mapping[str, Any]) -> None:
        super().__init__(promise)
        self.promise, self.request = promise, request


def explore(inputs: int, *, seed: int, door: FrontDoor | None = None) -> Tally:
    """Try so many requests that Hypothesis makes up."""
    door, tally = door or FrontDoor(), Tally()
    while tally.inputs < inputs and len(tally.faults) < _MOST_FAULTS:
        most = min(_INPUTS_OF_A_ROUND, inputs - tally.inputs)
        how = {"max_examples": most, "phases": [Phase.generate, Phase.shrink], "database": None}
        _keep_fault(tally, seeded(seed)(_asking(door, tally, **how)))
        seed += 1_000_003
    return tally


def bytes_taker(door: FrontDoor, tally: Tally) -> Callable[[bytes], None]:
    """What a fuzzer calls with its bytes: each makes up a request, unless they are too few for one."""
    again = {"phases": [Phase.reuse, Phase.shrink], "database": InMemoryExampleDatabase()}
    ask = _asking(door, tally, **again)

    def take(data: bytes) -> None:
        try:
            ask.hypothesis.fuzz_one_input(data)
        except _BrokenPromiseError:
            _keep_fault(tally, ask)

    return take


def can_be_guided() -> bool:
    """Whether atheris is here: it has wheels for Linux on x86-64 only, and not for every Python."""
    return importlib.util.find_spec("atheris") is not None


def guided(inputs: int, seed: int) -> Tally:
    """Try so many inputs that follow the coverage; a fuzzer that ends before is a fault."""
    random = Random(seed)  # noqa: S311 - the same on every run
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        report, corpus = folder / "report", folder / "corpus"
        corpus.mkdir()
        for number in range(_FIRST_INPUTS):
            (corpus / str(number)).write_bytes(random.randbytes(_BYTES_OF_AN_INPUT))
        program = [sys.executable, "-m", "tests.security.front_door.fuzzer", str(inputs), str(report)]
        ended = subprocess.run(
            [*program, *_OPTIONS, f"-seed={seed}", f"-artifact_prefix={folder}/found-", str(corpus)],
            cwd=_REPOSITORY,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS_TO_START + inputs * _SECONDS_PER_INPUT,
            check=False,
        )
        if not report.exists():
            fault = f"the fuzzer ended too early, with code {ended.returncode}"
            return Tally(faults={fault: ended.stderr[-_SHOWN_OF_A_FAULT:]})
        counted = json.loads(report.read_text())
        return Tally(**counted | {"kinds": Counter(counted["kinds"])})


def shown(request: Mapping[str, Any]) -> str:
    """A request as a report shows it."""
    return ascii(request)[:_SHOWN_OF_A_FAULT]


def _asking(door: FrontDoor, tally: Tally, **how: Any) -> Any:
    """A test of Hypothesis that raises for the first request that breaks a promise no other has broken."""

    @settings(deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck), **how)
    @given(requests())
    def ask(request: dict[str, Any]) -> None:
        promise = tally.add(door.ask(request))
        if promise is not None and promise not in tally.faults:
            raise _BrokenPromiseError(promise, request)

    return ask


def _keep_fault(tally: Tally, ask: Callable[[], None]) -> None:
    try:
        ask()
    except _BrokenPromiseError as broken:
        tally.faults[broken.promise] = shown(broken.request)
