"""Names that the provider makes up."""

import re

import pytest

from components.stack_name import LONGEST
from engine.names import NAMED, Mode, Naming, NamingError, Proposal, make_name
from engine.replacements import FORCES_NEW
from tests.engine.recorded import declared, declared_types

QUEUE = Naming(property="name", longest=80)


def test_every_type_that_the_program_declares_is_in_the_table():
    missing = declared_types() - NAMED.keys()
    assert not missing, f"say in engine/names.py how {', '.join(sorted(missing))} are named"
    assert NAMED.keys() == FORCES_NEW.keys()


@pytest.mark.parametrize("type_token", sorted(NAMED))
def test_a_name_at_the_limit_is_taken_and_one_beyond_it_is_not(type_token: str):
    naming = NAMED[type_token]
    if naming is None:
        return
    longest = "n" * (naming.longest - len("-1234567"))
    assert len(make_name(naming, longest, seed=b"1")) == naming.longest
    with pytest.raises(
        NamingError, match=f"{naming.longest + 1} characters where AWS takes {naming.longest}"
    ):
        make_name(naming, f"{longest}n", seed=b"1")


def test_every_name_of_the_program_is_short_enough_in_the_stack_with_the_longest_name():
    for resource in declared():
        if naming := NAMED[resource.type]:
            name = f"{resource.name}-{'s' * LONGEST}-0123456"
            assert make_name(naming, "", seed=b"1", proposal=Proposal(name=name, mode=Mode.PROPOSE)) == name


def test_a_name_is_the_programs_with_seven_digits():
    assert re.fullmatch(r"queue-[0-9a-f]{7}", make_name(QUEUE, "queue", seed=b"1"))


def test_the_digits_come_from_the_seed():
    assert make_name(QUEUE, "queue", seed=b"1") == make_name(QUEUE, "queue", seed=b"1")
    assert make_name(QUEUE, "queue", seed=b"1") != make_name(QUEUE, "queue", seed=b"2")


@pytest.mark.parametrize("mode", [Mode.PROPOSE, Mode.ENFORCE])
def test_the_engines_own_name_is_taken(mode: Mode):
    assert (
        make_name(QUEUE, "queue", seed=b"1", proposal=Proposal(name="acme-queue", mode=mode)) == "acme-queue"
    )


@pytest.mark.parametrize("mode", [Mode.PROPOSE, Mode.ENFORCE])
def test_the_engines_own_name_is_held_to_the_limit_too(mode: Mode):
    with pytest.raises(NamingError, match="81 characters where AWS takes 80"):
        make_name(QUEUE, "queue", seed=b"1", proposal=Proposal(name="n" * 81, mode=mode))


def test_where_the_engine_allows_no_made_up_names_the_program_must_give_one():
    with pytest.raises(NamingError, match="'queue' no name, and autonaming is disabled"):
        make_name(QUEUE, "queue", seed=b"1", proposal=Proposal(name="", mode=Mode.DISABLE))
