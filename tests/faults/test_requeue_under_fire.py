"""Requeue under fire: killed half-way and run again, each failed event is sent, and once."""

from tests.faults.requeue_under_fire import requeue_under_fire
from tests.faults.world import open_world


def test_a_requeue_that_is_killed_half_way_and_run_again_delivers_each_failed_event_once() -> None:
    with open_world() as world:
        result = requeue_under_fire(world, events=100, rate=200)

    assert result.faults == []
    assert result.delivered == 5
