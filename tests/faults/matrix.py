"""Every point at which every scenario can die or fail, tried one by one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults.fates import CRASHES, RECEIVER, Fate
from tests.faults.invariants import faults_of, faults_right_after, summary
from tests.faults.invocation import Outcome
from tests.faults.report import Row
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.testbed import STATUS_CODE, Testbed

_WRITES = ("PutItem", "UpdateItem", "SendMessage", "DeleteMessage", "ChangeMessageVisibility")


@dataclass(frozen=True, kw_only=True)
class Point:
    """A scenario, and its fate at one of the calls that it makes when left alone."""

    scenario: Scenario
    fate: Fate

    def __str__(self) -> str:
        return f"{self.scenario}, {self.fate}"

    @property
    def has_effect(self) -> bool:
        """Whether the call changes something: between two calls that only read, nothing can be lost."""
        return self.fate.call.startswith((RECEIVER, *_WRITES))


def points(
    testbed: Testbed, kinds: Sequence[str], scenarios: Sequence[Scenario] = SCENARIOS
) -> Iterator[Point]:
    """Run each scenario once to see which calls it makes; give each call its fates of these kinds."""
    for scenario in scenarios:
        testbed.start_over()
        counts = Counter[str]()
        for call in scenario.when(testbed, scenario.given(testbed), None).calls:
            counts[call] += 1
            fates = (Fate(kind, call, counts[call]) for kind in kinds)
            yield from (Point(scenario=scenario, fate=fate) for fate in fates if fate.possible)


def try_point(testbed: Testbed, point: Point) -> Row:
    """Bring the scenario about, interfere there, let the system run on, and look."""
    scenario, fate = point.scenario, point.fate
    testbed.start_over()
    outcome = scenario.when(testbed, scenario.given(testbed), fate)
    faults = [*_faults_of_outcome(point, outcome), *faults_right_after(testbed, scenario.function)]
    try:
        scenario.then(testbed)
        testbed.run_on()
    except AssertionError as error:
        faults.append(str(error))
    faults += faults_of(testbed, repeats=scenario.repeats)
    return Row(what=str(scenario), point=str(fate), outcome=summary(testbed), faults=faults)


def _faults_of_outcome(point: Point, outcome: Outcome) -> Iterator[str]:
    """Whether the invocation met its fate, and whether it reported it as it must."""
    if outcome.calls.count(point.fate.call) < point.fate.nth:
        yield f"it did not come to {point.fate.call}: its calls were {outcome.calls}"
    if point.fate.kind in CRASHES:
        if not outcome.killed:
            yield "it was not killed"
        return
    function, answer = point.scenario.function, outcome.answer
    if function in {"ingest", "worker"} and outcome.error:
        yield f"{function} raised: {outcome.error}"
    if function == "ingest" and answer and answer[STATUS_CODE] not in {202, 503}:
        yield f"ingest answered {answer[STATUS_CODE]}"
