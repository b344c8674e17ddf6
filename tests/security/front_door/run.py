"""The front door under fire: edge cases, requests made up by structure, and inputs guided by coverage."""

from concurrent.futures import ThreadPoolExecutor

from tests.security.front_door.edges import edge_cases
from tests.security.front_door.fuzzing import can_be_guided, explore, guided, shown
from tests.security.front_door.tally import Tally
from tests.security.part import Part
from tests.support.front_door import FrontDoor


def run_front_door(inputs: int = 100_000, *, seed: int = 1, by_coverage: bool | None = None) -> Part:
    """Try every edge case, and fuzz the ingest function: with Hypothesis alone, and as often with atheris.

    Args:
        inputs: how many requests to try, besides the edge cases.
        seed: chooses the requests; the same seed and versions of the fuzzers give the same ones.
        by_coverage: whether atheris takes part; by default if it can. Hypothesis makes up its share, too,
            if it does not.

    Raises:
        AssertionError: fewer were tried, without a fault that tells why.
    """
    if by_coverage is None:
        by_coverage = can_be_guided()
    half = inputs // 2 if by_coverage else inputs
    with ThreadPoolExecutor(1) as pool:  # atheris has a process of its own
        fuzzer = pool.submit(guided, inputs - half, seed) if by_coverage else None
        edges, by_structure = try_edges(), explore(half, seed=seed)
        by_bytes = fuzzer.result() if fuzzer else Tally()
    tally = edges + by_structure + by_bytes
    if by_structure.inputs + by_bytes.inputs < inputs and not tally.faults:
        raise AssertionError(f"{tally.inputs} inputs were tried, {inputs} had to be, besides the edge cases")
    return Part(
        title="Front door: hostile requests",
        counts={"inputs fuzzed": tally.inputs},
        details={
            "edge cases": edges.inputs,
            "made up by structure": by_structure.inputs,
            "bytes guided by coverage": by_bytes.inputs,
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
            tally.faults.setdefault(promise, shown(request))
    return tally
