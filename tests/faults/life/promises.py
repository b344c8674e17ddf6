"""What must hold at every write to an event, and whenever an attempt begins: one promise per function."""

from typing import Any

from handlers.delivery.outcomes import Outcome
from handlers.model.delivery import Status
from handlers.store.schema import ATTEMPTS, LAST_ERROR, STATUS
from tests.faults import BUDGET
from tests.faults.life.records import Life

# What must hold at every write to an event ----------------------------------------------------------------


def a_status_moves_along_its_edges(life: Life, after: dict[str, Any], *, reset: bool) -> bool:
    """PENDING may become anything; FAILED becomes PENDING by a requeue alone, or DELIVERED after all."""
    edge = (life.status, after[STATUS])
    return (
        life.status == Status.PENDING
        or edge == (Status.FAILED, Status.DELIVERED)
        or (edge == (Status.FAILED, Status.PENDING) and reset)
    )


def what_is_delivered_is_left_alone(life: Life, after: dict[str, Any], *, reset: bool) -> bool:
    """Once an event is DELIVERED, nothing more is written to it."""
    return life.status != Status.DELIVERED


def delivered_means_taken(life: Life, after: dict[str, Any], *, reset: bool) -> bool:
    """DELIVERED only if the receiver answered 2xx."""
    return after[STATUS] != Status.DELIVERED or life.taken()


def failed_means_that_no_attempt_is_left(life: Life, after: dict[str, Any], *, reset: bool) -> bool:
    """FAILED only after the last attempt, or after one that no later attempt could improve on."""
    refused = bool(life.attempts) and life.attempts[-1].answer == "http_410"
    return after[STATUS] != Status.FAILED or after[ATTEMPTS] >= BUDGET or refused


def a_success_is_not_recorded_as_a_failure(life: Life, after: dict[str, Any], *, reset: bool) -> bool:
    """FAILED although the receiver took the last attempt: only if that answer was never heard."""
    taken_last = bool(life.of_round) and life.of_round[-1].answer == "http_200"
    return after[STATUS] != Status.FAILED or not taken_last or after[LAST_ERROR] == Outcome.ATTEMPTS_USED_UP


def nothing_fails_during_an_attempt(life: Life, after: dict[str, Any], *, reset: bool) -> bool:
    """FAILED only when no attempt that may still succeed is under way."""
    return after[STATUS] != Status.FAILED or not life.under_way


# What must hold whenever an attempt, the last one in `attempts`, begins ---------------------------


def no_attempt_is_one_too_many(life: Life) -> bool:
    """Six attempts at the most since the event was created or requeued."""
    return len(life.of_round) <= BUDGET


def an_attempt_is_counted_before_it_is_made(life: Life) -> bool:
    """The table has counted all attempts since the last requeue, including this one."""
    return life.item[ATTEMPTS] >= len(life.of_round)


def nothing_delivered_is_attempted(life: Life) -> bool:
    """Once DELIVERED, never attempted again."""
    return life.status != Status.DELIVERED


def no_two_attempts_overlap(life: Life) -> bool:
    """One attempt at a time, as long as the clock is not put back during it."""
    return len(life.under_way) <= 1


ON_WRITE = (
    a_status_moves_along_its_edges,
    what_is_delivered_is_left_alone,
    delivered_means_taken,
    failed_means_that_no_attempt_is_left,
    a_success_is_not_recorded_as_a_failure,
    nothing_fails_during_an_attempt,
)
ON_ATTEMPT = (
    no_attempt_is_one_too_many,
    an_attempt_is_counted_before_it_is_made,
    nothing_delivered_is_attempted,
    no_two_attempts_overlap,
)
