"""Every point at which every scenario can die or fail, tried one by one."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import product

from tests.faults.aws_faults import KINDS, AwsFault, applies
from tests.faults.invariants import faults_of, faults_right_after, told
from tests.faults.invocation import RECEIVER, Crash, Outcome
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.world import STATUS_CODE, World

_WRITES = ("PutItem", "UpdateItem", "SendMessage", "DeleteMessage", "ChangeMessageVisibility")


@dataclass(frozen=True, kw_only=True)
class Point:
    """Where a scenario is interfered with.

    Attributes:
        call: the name of the call, as the scenario made it when nothing happened to it.
        fate: how it ends there.
    """

    scenario: Scenario
    call: str
    fate: Crash | AwsFault

    def __str__(self) -> str:
        if isinstance(self.fate, AwsFault):
            return f"{self.call}: {self.fate.kind}"
        return f"killed {'after' if self.fate.after else 'before'} {self.call}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What came of one point: in words, and what does not hold."""

    point: Point
    outcome: str
    faults: Sequence[str]


def has_effect(point: Point) -> bool:
    """Whether the call changes something: between two calls that only read, nothing is to be lost."""
    return point.call == RECEIVER or point.call.startswith(_WRITES)


def crash_points(world: World, scenarios: Sequence[Scenario] = SCENARIOS) -> Iterator[Point]:
    """Before and after each call that the handlers make in these scenarios: the code itself is asked."""
    for scenario in scenarios:
        for (number, call), after in product(enumerate(_calls_of(world, scenario)), (False, True)):
            yield Point(scenario=scenario, call=call, fate=Crash(call=number, after=after))


def aws_fault_points(world: World, scenarios: Sequence[Scenario] = SCENARIOS) -> Iterator[Point]:
    """Each call to AWS that the handlers make in these scenarios, failing in each way it can."""
    for scenario in scenarios:
        for (number, call), kind in product(enumerate(_calls_of(world, scenario)), KINDS):
            if call != RECEIVER and applies(kind, call):
                yield Point(scenario=scenario, call=call, fate=AwsFault(call=number, kind=kind))


def try_point(world: World, point: Point) -> Row:
    """Bring the scenario about, interfere there, let the system run on, and look."""
    scenario, fate = point.scenario, point.fate
    world.begin_anew()
    found = scenario.given(world)
    answered_dying = isinstance(fate, Crash) and fate.after and point.call == RECEIVER
    with world.killing_whoever_posts() if answered_dying else nullcontext():
        outcome = scenario.when(world, found, fate)
    faults = [*_faults_of_outcome(point, outcome), *faults_right_after(world, scenario.function)]
    try:
        scenario.then(world)
        world.run_on()
    except AssertionError as error:
        faults.append(str(error))
    return Row(point=point, outcome=told(world), faults=faults + faults_of(world, repeats=scenario.repeats))


def _calls_of(world: World, scenario: Scenario) -> list[str]:
    world.begin_anew()
    return scenario.when(world, scenario.given(world), None).calls


def _faults_of_outcome(point: Point, outcome: Outcome) -> Iterator[str]:
    """Whether the invocation met its fate, and what it said of it."""
    number = point.fate.call
    if len(outcome.calls) <= number or outcome.calls[number] != point.call:
        yield f"it did not come to {point.call}: its calls were {outcome.calls}"
    if isinstance(point.fate, Crash):
        if not outcome.killed:
            yield "it was not killed"
        return
    function, answer = point.scenario.function, outcome.answer
    if function in {"ingest", "worker"} and outcome.error:
        yield f"{function} raised: {outcome.error}"
    if function == "ingest" and answer and answer[STATUS_CODE] not in {202, 503}:
        yield f"ingest answered {answer[STATUS_CODE]}"
