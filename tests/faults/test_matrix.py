"""Nothing accepted is lost, whichever call a process dies at and whichever call AWS fails.

`make faults` tries every point; here are those after each write and each send, and some faults of AWS.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import handlers
from local.receiver import accepts
from tests.faults.aws_faults import KINDS, THROTTLED, UNANSWERED, UNANSWERED_ONCE, UNPROCESSED, AwsFault
from tests.faults.invariants import faults_of
from tests.faults.invocation import FUNCTIONS, RECEIVER, Crash
from tests.faults.matrix import Point, aws_fault_points, crash_points, has_effect, try_point
from tests.faults.scenarios import SCENARIOS, TYPE, Scenario
from tests.faults.world import BUDGET, World, open_world

REPRESENTATIVES = (
    "a new event with a key",
    "an attempt that succeeds",
    "an attempt that fails",
    "a failed event in the DLQ",
    "two events lost in a purge",
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world() as opened:
        yield opened


def named(name: str) -> Scenario:
    (scenario,) = (scenario for scenario in SCENARIOS if scenario.name == name)
    return scenario


# No function imports it: an operator's change is one transaction, and was made or was not.
OPERATORS_OWN = "tenant_registry.py"


def wrong(world: World, points: list[Point]) -> dict[str, str]:
    assert points
    rows = [try_point(world, point) for point in points]
    return {str(row.point): "; ".join(row.faults) for row in rows if row.faults}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.function}: {scenario.name}")
def test_nothing_is_lost_when_the_process_is_killed_after_a_write_or_a_send(
    world: World, scenario: Scenario
) -> None:
    points = [
        point
        for point in crash_points(world, [scenario])
        if isinstance(point.fate, Crash) and point.fate.after
    ]
    after_effects = [point for point in points if has_effect(point)]

    assert wrong(world, after_effects or points) == {}


@pytest.mark.parametrize("kind", [THROTTLED, UNANSWERED, UNANSWERED_ONCE, UNPROCESSED])
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_nothing_is_lost_when_aws_fails(world: World, name: str, kind: str) -> None:
    points = [
        point
        for point in aws_fault_points(world, [named(name)])
        if isinstance(point.fate, AwsFault)
        and point.fate.kind == kind
        and (has_effect(point) or kind == UNPROCESSED)
    ]
    if kind == UNPROCESSED and not points:
        pytest.skip("it reads no batch")

    assert wrong(world, points) == {}


def test_every_function_and_every_call_that_the_code_can_make_is_in_a_scenario(world: World) -> None:
    """Given the operations that the domain's code names, then the scenarios have made each of them."""
    written = {
        re.sub(r"(?:^|_)(\w)", lambda letter: letter[1].upper(), node.func.attr)
        for path in Path(handlers.__file__).parent.rglob("*.py")
        if path.name != OPERATORS_OWN
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "self._client"
    } - {"GetPaginator"}  # pages of Query come by a paginator
    points = list(crash_points(world))

    # TransactWriteItems and the like would have no name in the rows: `invocation` must be taught them.
    made = {point.call.split()[0] for point in points}
    assert written <= made
    assert made - written == {"POST"}
    assert {point.scenario.function for point in points} == set(FUNCTIONS)
    assert RECEIVER in {point.call for point in points}


def test_a_process_that_is_killed_does_not_come_to_its_next_call(world: World) -> None:
    world.begin_anew()
    whole = world.post(TYPE, key="k").calls
    world.begin_anew()

    before = world.post(TYPE, key="k", fate=Crash(call=2, after=False))
    table = [item["eventId"] for item in world.items()]

    assert before.killed
    assert before.answer is None
    assert before.calls == whole[:3]
    assert len(table) == 1
    assert table[0].startswith("idempotency#")


def test_an_event_whose_worker_dies_at_every_receive_is_delivered_once_it_is_mended(world: World) -> None:
    """Given a worker that cannot even start, then the DLQ has the message, and the event all its attempts."""
    world.begin_anew()
    world.receiver.answer(TYPE, accepts)
    world.post(TYPE)
    for receive in range(1, BUDGET + 1):
        world.drain(until_receive=receive)
        assert world.work(world.receive(), Crash(call=0, after=False)).killed
    world.drain()
    (item,) = world.events()
    assert (item["status"], item["attempts"]) == ("PENDING", 0)
    assert world.dead_letters() == set(world.accepted)

    world.run_on()

    assert faults_of(world, repeats=0) == []
    assert [item["status"] for item in world.events()] == ["DELIVERED"]


def test_the_invariants_see_an_event_that_is_lost_or_was_delivered_too_often(world: World) -> None:
    """Given what no handler would do, then it is told: a check that cannot fail is none."""
    world.begin_anew()
    world.post(TYPE)
    assert any("still PENDING" in fault for fault in faults_of(world, repeats=0))
    assert any("still in the queue" in fault for fault in faults_of(world, repeats=0))
    world.run_on()
    assert faults_of(world, repeats=0) == []

    world.accepted.append("evt_gone")
    assert faults_of(world, repeats=0) == ["LOST: evt_gone was accepted and is gone"]
    world.accepted.remove("evt_gone")
    _set(world, "status", "FAILED", lastError="http_500")
    assert {fault.split(", ")[0].split(" ", 1)[1] for fault in faults_of(world, repeats=0)} == {"is FAILED"}
    _set(world, "status", "DELIVERED")
    assert faults_of(world, repeats=0) == []


def test_every_kind_of_fault_is_tried_at_some_call(world: World) -> None:
    points = aws_fault_points(world, [named("an attempt that fails")])

    assert {point.fate.kind for point in points if isinstance(point.fate, AwsFault)} == set(KINDS)


def _set(world: World, name: str, value: str, **more: str) -> None:
    (item,) = world.events()
    sets = {name: value, **more}
    world.stack.aws.dynamodb.update_item(
        TableName=world.stack.outputs["events_table_name"],
        Key={"tenantId": {"S": item["tenantId"]}, "eventId": {"S": item["eventId"]}},
        UpdateExpression="SET " + ", ".join(f"#{n} = :{n}" for n in sets),
        ExpressionAttributeNames={f"#{n}": n for n in sets},
        ExpressionAttributeValues={f":{n}": {"S": text} for n, text in sets.items()},
    )
