"""Requeue under fire: killed half-way and run again, each failed event is sent, and once."""

from tests.faults.requeue_under_fire import requeue_under_fire
from tests.faults.testbed import open_testbed


def test_a_requeue_that_is_killed_half_way_and_run_again_delivers_each_failed_event_once() -> None:
    with open_testbed() as testbed:
        row = requeue_under_fire(testbed, events=100, rate=200)

    assert row.faults == []
    assert row.what == "requeue: 100 failed events, 5 delivered ones beside them"
