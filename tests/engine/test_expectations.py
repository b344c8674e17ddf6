"""The expectations of the steps: each of them can fail."""

from typing import Any

import pytest

from engine.cli import Operation
from engine.events import Changes
from engine.expectations import exactly, listed, never, nothing_changed, only
from engine.report import AbandonedError, Step

QUEUE, TABLE = "aws:sqs/queue:Queue", "aws:dynamodb/table:Table"


def operation(
    code: int = 0, text: str = "", errors: list[str] | None = None, **kinds: list[str]
) -> Operation:
    """An operation that changed resources of these types in this way."""
    changes = Changes(errors=errors or [])
    for kind, types in kinds.items():
        setattr(changes, kind, {f"urn:pulumi:dev::project::{type_}::{n}" for n, type_ in enumerate(types)})
    return Operation(code=code, text=text, changes=changes, planned=False)


def faults(expectation: Any, *arguments: Any) -> list[str]:
    step = Step(name="a step")
    expectation(step, *arguments)
    return step.faults


def test_only_wants_each_of_its_kinds_and_no_other():
    assert faults(only, operation(created=[QUEUE], updated=[TABLE]), "created", "updated") == []
    assert faults(only, operation(created=[QUEUE], deleted=[TABLE]), "created", "updated") == [
        "nothing was updated",
        "1 deleted: 1 Table",
    ]


def test_never_wants_none_of_its_kinds():
    assert faults(never, operation(created=[QUEUE]), "deleted", "replaced") == []
    assert faults(never, operation(replaced=[QUEUE, QUEUE]), "deleted", "replaced") == ["2 replaced: 2 Queue"]


def test_exactly_wants_these_types_and_no_others():
    assert faults(exactly, operation(created=[QUEUE, TABLE]), "created", [TABLE, QUEUE]) == []
    assert faults(exactly, operation(created=[QUEUE]), "created", [QUEUE, QUEUE]) == [
        "created: 1 Queue, where 2 Queue was expected"
    ]
    assert faults(exactly, operation(), "created", [QUEUE]) == [
        "created: nothing, where 1 Queue was expected"
    ]


def test_nothing_changed_wants_everything_to_be_there():
    assert faults(nothing_changed, operation(same=[QUEUE, TABLE]), 2) == []
    assert faults(nothing_changed, operation(same=[QUEUE]), 2) == ["1 resources were found, not 2"]
    assert faults(nothing_changed, operation(same=[QUEUE], updated=[TABLE]), 1) == ["1 updated: 1 Table"]


def test_an_operation_that_fails_ends_the_steps_that_build_on_it():
    step = Step(name="a step")
    with pytest.raises(AbandonedError):
        step.succeeded(operation(code=255, text="much\n\nmore", errors=["no such key"]))
    assert step.faults == ["it ended with code 255:\nno such key"]


def test_a_refusal_must_be_one_and_say_why():
    assert faults(Step.refused, operation(code=255, text="domainName is wrong"), "domainName") == []
    assert faults(Step.refused, operation(text="fine"), "domainName") == [
        "it was not refused",
        "its message lacks 'domainName':\nfine",
    ]


def test_types_are_listed_in_few_words():
    assert listed([QUEUE, TABLE, QUEUE]) == "2 Queue, 1 Table"
    assert listed([]) == "nothing"
