"""Whatever a producer sends, the front door answers as the contract says, and nothing else happens.

Each run tries the same inputs. This tries others, and more of them:
`FRONT_DOOR_SEED=7 FRONT_DOOR_INPUTS=20000 .venv/bin/python -m pytest tests/security/front_door`
"""

import os
from collections.abc import Mapping
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from handlers.store.schema import EVENT_ID, TENANT_ID
from tests.security.front_door.fuzzing import bytes_taker, can_be_guided, explore, guided
from tests.security.front_door.inputs import requests, right_requests
from tests.security.front_door.promises import ACCEPTED, STATUS_OF, broken_promise
from tests.security.front_door.run import run_front_door, try_edges
from tests.security.front_door.tally import REPLAYED, Tally
from tests.support.front_door import TENANT_ROWS, USED_KEY, FrontDoor, InMemory, Outcome, Rows
from tests.support.moto_aws import EVENTS_TABLE, TENANT_TABLE, Aws, aws, moto_clients

__all__ = ["aws", "moto_clients"]

SEED = int(os.environ.get("FRONT_DOOR_SEED", "1"))
INPUTS = int(os.environ.get("FRONT_DOOR_INPUTS", "4000"))
NO_ATHERIS = "atheris has no wheel for this platform or this Python"

few = settings(
    max_examples=150,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def explored() -> Tally:
    return explore(INPUTS, seed=SEED)


def test_no_hostile_request_breaks_a_promise(explored: Tally) -> None:
    assert explored.faults == {}
    assert explored.inputs == INPUTS


def test_the_hostile_requests_cause_every_answer_that_a_request_can_cause(explored: Tally) -> None:
    """This fails if the fuzzing gets stuck at one refusal."""
    assert set(explored.statuses) == {ACCEPTED, *STATUS_OF.values()}
    assert set(explored.kinds) == {"accepted", REPLAYED, *STATUS_OF}


def test_no_edge_case_breaks_a_promise() -> None:
    tally = try_edges()

    assert tally.faults == {}
    assert tally.inputs > 800


def test_a_request_with_nothing_wrong_in_it_is_accepted() -> None:
    door = FrontDoor()

    @seed(SEED)
    @few
    @given(right_requests())
    def ask(request: dict[str, Any]) -> None:
        outcome = door.ask(request)
        assert broken_promise(outcome) is None
        assert outcome.answer["statusCode"] == ACCEPTED

    ask()


@pytest.mark.skipif(not can_be_guided(), reason=NO_ATHERIS)
def test_coverage_guides_exactly_as_many_inputs_as_it_is_asked_for() -> None:
    tally = guided(500, SEED)

    assert tally.faults == {}
    assert tally.inputs == 500
    assert len(tally.kinds) > 5


@pytest.mark.parametrize(
    "by_coverage",
    [False, pytest.param(True, marks=pytest.mark.skipif(not can_be_guided(), reason=NO_ATHERIS))],
)
def test_the_long_run_adds_both_halves_up_and_says_if_it_had_no_guidance(by_coverage: bool) -> None:
    part = run_front_door(300, seed=SEED, by_coverage=by_coverage)

    assert part.faults == []
    inputs, details = part.counts["inputs fuzzed"], part.details
    assert inputs == details["edge cases"] + 300
    assert details["made up by structure"] == (150 if by_coverage else 300)
    assert details["bytes guided by coverage"] == (150 if by_coverage else 0)
    assert sum(count for name, count in details.items() if name.startswith("answered ")) == inputs
    assert any("atheris" in remark for remark in part.remarks) != by_coverage


def test_no_bytes_break_a_promise() -> None:
    tally, random = Tally(), Random(SEED)  # noqa: S311 - the same on every run
    take = bytes_taker(FrontDoor(), tally)

    while tally.inputs < INPUTS // 2:
        take(random.randbytes(2048))

    assert tally.faults == {}
    assert len(tally.kinds) > 5


class Telling(FrontDoor):
    """A front door that gives its table's name to whoever repeats a request."""

    def ask(self, request: Mapping[str, Any]) -> Outcome:
        outcome = super().ask(request)
        if "Idempotent-Replayed" in outcome.answer["headers"]:
            outcome.answer["headers"]["X-Table"] = "stack-events-5c1e"
        return outcome


BROKEN = "the answer gives nothing internal away"


def assert_told_with_a_minimal_request(tally: Tally) -> None:
    assert list(tally.faults) == [BROKEN]
    assert f"'idempotency-key': '{USED_KEY}'" in tally.faults[BROKEN]
    # The rest is as simple as can be: one key in one header, and nothing that does not matter.
    assert len(tally.faults[BROKEN]) < 400


def test_a_fault_is_found_by_structure_and_told_with_a_minimal_request() -> None:
    assert_told_with_a_minimal_request(explore(2000, seed=SEED, door=Telling()))


def test_a_fault_is_found_in_bytes_and_told_with_a_minimal_request() -> None:
    tally, random = Tally(), Random(SEED)  # noqa: S311 - the same on every run
    take = bytes_taker(Telling(), tally)

    while not tally.faults and tally.inputs < INPUTS:
        take(random.randbytes(2048))

    assert_told_with_a_minimal_request(tally)


class Moto(InMemory):
    """The tables and the queue as moto keeps them."""

    tables = (TENANT_TABLE, EVENTS_TABLE)

    def __init__(self, aws: Aws) -> None:
        self._aws, self.dynamodb, self.sqs, self.queue_url = aws, aws.dynamodb, aws.sqs, aws.queue_url
        for row in TENANT_ROWS:
            aws.dynamodb.put_item(TableName=TENANT_TABLE, Item=row)

    def rows(self) -> Rows:
        return {(EVENTS_TABLE, row[TENANT_ID]["S"], row[EVENT_ID]["S"]): row for row in self._aws.items()}

    def messages(self) -> list[str]:
        return self._aws.bodies(self.queue_url)

    def reset(self, rows: Rows) -> None:
        for key, row in self.rows().items():
            if key not in rows:
                names = (TENANT_ID, EVENT_ID)
                self.dynamodb.delete_item(TableName=EVENTS_TABLE, Key={name: row[name] for name in names})
        for row in rows.values():
            self.dynamodb.put_item(TableName=EVENTS_TABLE, Item=row)
        while messages := self.sqs.receive_message(QueueUrl=self.queue_url).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])


def test_what_the_fake_answers_moto_answers(aws: Aws) -> None:
    """Status, document, rows and messages are alike; only the ids of events differ."""
    in_memory, by_moto, numbers = FrontDoor(), FrontDoor(Moto(aws)), count(1)

    @seed(SEED)
    @few
    @given(requests())
    def ask(request: dict[str, Any]) -> None:
        fakes, moto = in_memory.ask(request), by_moto.ask(request)
        assert broken_promise(moto) is None
        assert fakes.answer["statusCode"] == moto.answer["statusCode"]
        if moto.answer["statusCode"] != ACCEPTED:
            assert fakes.answer == moto.answer
        assert (fakes.changed, len(fakes.queued)) == (moto.changed, len(moto.queued))
        next(numbers)

    ask()
    assert next(numbers) > 150
