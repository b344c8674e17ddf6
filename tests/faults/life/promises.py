"""What must hold at every write to an event and whenever an attempt begins, in words and in code."""

from collections.abc import Callable, Mapping
from typing import Any

from handlers.delivery.outcomes import Outcome
from handlers.model.delivery import Status
from handlers.store.schema import ATTEMPTS, LAST_ERROR, STATUS
from tests.faults import BUDGET
from tests.faults.life.records import Life

Item = Mapping[str, Any]

ON_WRITE: Mapping[str, Callable[[Life, Item, bool], bool]] = {
    "PENDING may become anything; FAILED becomes PENDING by a requeue alone, or DELIVERED after all": (
        lambda life, after, reset: (
            life.status == Status.PENDING
            or (life.status, after[STATUS]) == (Status.FAILED, Status.DELIVERED)
            or ((life.status, after[STATUS]) == (Status.FAILED, Status.PENDING) and reset)
        )
    ),
    "once an event is DELIVERED, nothing more is written to it": (
        lambda life, _after, _reset: life.status != Status.DELIVERED
    ),
    "DELIVERED only if the receiver answered 2xx": (
        lambda life, after, _: after[STATUS] != Status.DELIVERED or life.taken()
    ),
    "FAILED only after the last attempt, or after one that no later attempt could improve on": (
        lambda life, after, _: (
            after[STATUS] != Status.FAILED
            or after[ATTEMPTS] >= BUDGET
            or (bool(life.attempts) and life.attempts[-1].answer == "http_410")
        )
    ),
    "FAILED although the receiver took the last attempt: only if that answer was never heard": (
        lambda life, after, _: (
            after[STATUS] != Status.FAILED
            or not (life.of_round and life.of_round[-1].answer == "http_200")
            or after[LAST_ERROR] == Outcome.ATTEMPTS_USED_UP
        )
    ),
    "FAILED only when no attempt that may still succeed is under way": (
        lambda life, after, _: after[STATUS] != Status.FAILED or not life.under_way
    ),
}
"""Given an event before a write, the item after it, and whether the write began a new round of attempts."""

ON_ATTEMPT: Mapping[str, Callable[[Life], bool]] = {
    "six attempts at most since the event was created or requeued": lambda life: len(life.of_round) <= BUDGET,
    "the table has counted all attempts since the last requeue, including this one": (
        lambda life: life.item[ATTEMPTS] >= len(life.of_round)
    ),
    "once DELIVERED, never attempted again": lambda life: life.status != Status.DELIVERED,
    "one attempt at a time, as long as the clock is not put back during it": (
        lambda life: len(life.under_way) <= 1
    ),
}
"""Given an event whose last attempt begins."""
