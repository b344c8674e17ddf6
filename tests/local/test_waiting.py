import pytest

from local.errors import DeadlineError
from local.waiting import wait_for


def test_what_is_seen_in_the_end_is_returned():
    looks = iter([None, [], ["event"]])

    assert wait_for("an event", lambda: next(looks), seconds=10) == ["event"]


def test_what_does_not_happen_is_named_with_the_time_it_was_given():
    with pytest.raises(DeadlineError, match=r"^an event did not happen within 0.01 s$"):
        wait_for("an event", lambda: None, seconds=0.01)
