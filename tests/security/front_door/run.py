"""The front door under fire: requests made up by structure, and bytes that follow the code's branches."""

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from tests.security.front_door.edges import edge_cases
from tests.security.front_door.guided import can_be_guided, guided, unguided
from tests.security.front_door.inputs import requests
from tests.security.front_door.tally import Tally
from tests.security.front_door.world import FrontDoor
from tests.security.part import Part

# Hypothesis remembers all of a round, and makes much of what it has.
_INPUTS_OF_A_ROUND = 500
_MOST_FAULTS = 10
_SHOWN_OF_A_FAULT = 2000


class _BrokenPromiseError(Exception):
    """Raised for Hypothesis, which makes the request that is the cause smaller."""

    def __init__(self, promise: str, request: Mapping[str, Any]) -> None:
        super().__init__(promise)
        self.promise, self.request = promise, request


def run_front_door(inputs: int = 100_000, *, seed: int = 1, by_coverage: bool | None = None) -> Part:
    """Try every edge case, and fuzz the ingest function: with Hypothesis, and as often with atheris.

    Args:
        inputs: how many requests to try, besides the edge cases.
        seed: which ones; with it and the same versions of the fuzzers they are the same.
        by_coverage: whether atheris takes part; if it can, unless told. Else bytes are mutated blindly.

    Raises:
        AssertionError: fewer were tried, without a fault that tells why.
    """
    if by_coverage is None:
        by_coverage = can_be_guided()
    by_structure = explore(inputs // 2, seed=seed)
    by_bytes = (guided if by_coverage else unguided)(inputs - inputs // 2, seed)
    tally = try_edges() + by_structure + by_bytes
    if by_structure.inputs + by_bytes.inputs < inputs and not tally.faults:
        raise AssertionError(f"{tally.inputs} inputs were tried, {inputs} had to be, besides the edge cases")
    return Part(
        title="Front door: hostile requests",
        counts={"inputs fuzzed": tally.inputs},
        details={
            "edge cases": tally.inputs - by_structure.inputs - by_bytes.inputs,
            "made up by structure": by_structure.inputs,
            "bytes guided by coverage": by_bytes.inputs if by_coverage else 0,
            "bytes mutated blindly": 0 if by_coverage else by_bytes.inputs,
            **{f"answered {status}": count for status, count in sorted(tally.statuses.items())},
            "slowest answer, CPU ms": round(tally.slowest_ms),
        },
        faults=[f"{promise}: {example}" for promise, example in tally.faults.items()],
        remarks=[] if by_coverage else ["atheris cannot be imported here: no input was guided by coverage"],
    )


def try_edges() -> Tally:
    """Try every edge case."""
    door, tally = FrontDoor(), Tally()
    for request in edge_cases():
        promise = tally.add(door.ask(request))
        if promise is not None:
            tally.faults.setdefault(promise, _shown(request))
    return tally


def explore(inputs: int, *, seed: int, door: FrontDoor | None = None) -> Tally:
    """Try requests made up by Hypothesis, with a minimal one for each promise that is broken."""
    door, tally = door or FrontDoor(), Tally()
    while tally.inputs < inputs and len(tally.faults) < _MOST_FAULTS:
        _explore_round(door, tally, min(_INPUTS_OF_A_ROUND, inputs - tally.inputs), seed)
        seed += 1_000_003
    return tally


def _explore_round(door: FrontDoor, tally: Tally, inputs: int, seed: int) -> None:
    @seeded(seed)
    @settings(
        max_examples=inputs,
        phases=[Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests())
    def ask(request: dict[str, Any]) -> None:
        promise = tally.add(door.ask(request))
        if promise is not None and promise not in tally.faults:
            raise _BrokenPromiseError(promise, request)

    try:
        ask()
    except _BrokenPromiseError as broken:
        tally.faults[broken.promise] = _shown(broken.request)


def _shown(request: Mapping[str, Any]) -> str:
    return ascii(request)[:_SHOWN_OF_A_FAULT]
