"""Nothing accepted is lost, whichever call a process dies at and whichever call AWS fails.

`make faults` tries every point. These tests try those after each write and each send, and some AWS faults.
"""

from collections.abc import Iterator

import pytest

from handlers.store.table import typed
from local.receiver import accepts
from tests.faults import BUDGET
from tests.faults.fates import (
    AWS_FAULTS,
    CRASHES,
    KILLED_AFTER,
    KILLED_BEFORE,
    RECEIVER,
    THROTTLED,
    UNANSWERED,
    UNANSWERED_ONCE,
    UNPROCESSED,
    Fate,
)
from tests.faults.invariants import faults_of
from tests.faults.invocation import FUNCTIONS
from tests.faults.matrix import Point, points, try_point
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.testbed import TYPE, Testbed, open_testbed

REPRESENTATIVES = (
    "a new event with a key",
    "an attempt that succeeds",
    "an attempt that fails",
    "a failed event in the DLQ",
    "two events lost in a purge",
)


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with open_testbed() as opened:
        yield opened


def named(name: str) -> Scenario:
    (scenario,) = (scenario for scenario in SCENARIOS if scenario.name == name)
    return scenario


# Lambda's event source mapping makes these calls under the worker's role.
OF_THE_MAPPING = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"}


def permitted(testbed: Testbed, function: str) -> set[str]:
    """The operations of DynamoDB and SQS that the role of a deployed function permits."""
    iam = testbed.stack.aws.iam
    names = (role["RoleName"] for role in iam.list_roles()["Roles"])
    (role,) = (name for name in names if f"-{function}-role" in name)
    actions = {
        action
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
        for statement in iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    return {action.partition(":")[2] for action in actions if action.startswith(("dynamodb:", "sqs:"))}


def wrong(testbed: Testbed, tried: list[Point]) -> dict[str, str]:
    assert tried
    rows = [try_point(testbed, point) for point in tried]
    return {row.point: "; ".join(row.faults) for row in rows if row.faults}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_nothing_is_lost_when_the_process_is_killed_after_a_write_or_a_send(
    testbed: Testbed, scenario: Scenario
) -> None:
    after = list(points(testbed, [KILLED_AFTER], [scenario]))
    after_effects = [point for point in after if point.has_effect]

    assert wrong(testbed, after_effects or after) == {}


@pytest.mark.parametrize("kind", [THROTTLED, UNANSWERED, UNANSWERED_ONCE, UNPROCESSED])
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_nothing_is_lost_when_aws_fails(testbed: Testbed, name: str, kind: str) -> None:
    tried = [
        point for point in points(testbed, [kind], [named(name)]) if point.has_effect or kind == UNPROCESSED
    ]
    if kind == UNPROCESSED and not tried:
        pytest.skip("it reads no batch")

    assert wrong(testbed, tried) == {}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_call_that_a_function_can_make_is_in_a_scenario(testbed: Testbed, function: str) -> None:
    """Given a role that permits exactly what the function needs, as `tests/security` shows."""
    scenarios = [scenario for scenario in SCENARIOS if scenario.function == function]

    calls = {point.fate.call for point in points(testbed, CRASHES, scenarios)}

    by_the_mapping = OF_THE_MAPPING if function == "worker" else set[str]()
    made = {call.split()[0] for call in calls - {RECEIVER}}
    assert made == permitted(testbed, function) - by_the_mapping
    assert (RECEIVER in calls) == (function == "worker")


def test_a_process_that_is_killed_does_not_come_to_its_next_call(testbed: Testbed) -> None:
    testbed.start_over()
    whole = testbed.post(key="k").calls
    testbed.start_over()

    before = testbed.post(Fate(KILLED_BEFORE, "PutItem event"), key="k")
    table = [item["eventId"] for item in testbed.items()]

    assert before.killed
    assert before.answer is None
    assert before.calls == whole[: whole.index("PutItem event") + 1]
    assert len(table) == 1
    assert table[0].startswith("idempotency#")


def test_an_event_whose_worker_dies_at_every_receive_is_delivered_once_it_is_mended(testbed: Testbed) -> None:
    """Given a worker that cannot start, then the DLQ has the message and the event has all its attempts."""
    testbed.start_over()
    testbed.receiver.answer(TYPE, accepts)
    testbed.post()
    for receive in range(1, BUDGET + 1):
        testbed.drain(until_receive=receive)
        assert testbed.work(testbed.receive(), Fate(KILLED_BEFORE, "BatchGetItem event")).killed
    testbed.drain()
    (item,) = testbed.events()
    assert (item["status"], item["attempts"]) == ("PENDING", 0)
    assert testbed.dead_letters() == set(testbed.accepted)

    testbed.run_on()

    assert faults_of(testbed, repeats=0) == []
    assert [item["status"] for item in testbed.events()] == ["DELIVERED"]


def test_the_invariants_see_an_event_that_is_lost_or_was_delivered_too_often(testbed: Testbed) -> None:
    """Given what no function would do, then a fault is reported: a check that cannot fail proves nothing."""
    testbed.start_over()
    testbed.post()
    assert any("still PENDING" in fault for fault in faults_of(testbed, repeats=0))
    assert any("still in the queue" in fault for fault in faults_of(testbed, repeats=0))
    testbed.run_on()
    assert faults_of(testbed, repeats=0) == []

    testbed.accepted.append("evt_gone")
    assert faults_of(testbed, repeats=0) == ["LOST: evt_gone was accepted and is gone"]
    testbed.accepted.remove("evt_gone")
    change(testbed, status="FAILED", lastError="http_500")
    assert {fault.split(", ")[0].split(" ", 1)[1] for fault in faults_of(testbed, repeats=0)} == {"is FAILED"}
    change(testbed, status="DELIVERED")
    assert faults_of(testbed, repeats=0) == []


def test_every_kind_of_fault_is_tried_at_some_call(testbed: Testbed) -> None:
    tried = points(testbed, AWS_FAULTS, [named("an attempt that fails")])

    assert {point.fate.kind for point in tried} == set(AWS_FAULTS)


def change(testbed: Testbed, **attributes: str) -> None:
    (item,) = testbed.events()
    testbed.stack.aws.dynamodb.put_item(TableName=testbed.events_table, Item=typed(item | attributes))
