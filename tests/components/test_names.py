"""Names: the logical ones are equal in every stack, and the physical ones keep within AWS's limits."""

import pulumi
import pytest

from components.stack_name import LONGEST, checked
from tests.support.configurations import DEV, PROD
from tests.support.recorder import Recording, record


def logical_names(recording: Recording) -> set[tuple[str, str]]:
    return {(resource.type, resource.name) for resource in recording.resources.values()}


@pytest.mark.parametrize("config", [DEV, PROD], ids=["dev", "prod"])
def test_no_logical_name_depends_on_the_stacks_name_so_that_a_rename_replaces_nothing(config: dict[str, str]):
    assert logical_names(record(config=config, stack="before")) == logical_names(
        record(config=config, stack="after")
    )


@pytest.mark.parametrize("stack", ["dev", "prod", "local", "a", "team_a-staging", "x" * LONGEST])
def test_a_stack_may_be_called(stack: str):
    assert checked(stack) == stack


@pytest.mark.parametrize("stack", ["", "a.b", "a/b", "-a", "a-", "ä", "a b", "x" * (LONGEST + 1), "x" * 41])
def test_another_name_of_a_stack_is_refused_before_anything_is_declared(stack: str):
    with pytest.raises(pulumi.RunError) as refused:
        checked(stack)

    assert repr(stack) in str(refused.value)
    assert f"1 to {LONGEST} letters" in str(refused.value)
    assert "`pulumi stack rename NAME`" in str(refused.value)


def test_the_program_looks_at_the_stacks_name_first():
    with pytest.raises(pulumi.RunError, match=r"the stack's name is 'a\.b'"):
        record(config={"nosuchKey": "1"}, stack="a.b")
