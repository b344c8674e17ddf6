"""Where an event stands on its way to an endpoint."""

from dataclasses import dataclass
from enum import StrEnum

from handlers.model.attempt import Attempt
from handlers.model.event import Event, EventKey

MAX_ATTEMPT_HISTORY = 12  # two full schedules; the item must stay small


class Status(StrEnum):
    """Of a delivery."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        status: a `Status`; but an operator may have written any other text into the item.
        attempts: attempts made so far; since the last requeue, if it was requeued.
        attempt_history: the latest attempts, oldest first.
    """

    event: Event
    status: str
    attempts: int
    target_url: str
    attempt_history: tuple[Attempt, ...] = ()

    @property
    def key(self) -> EventKey:
        """What names the delivery: each event has one."""
        return self.event.key

    def history_with(self, attempt: Attempt) -> tuple[Attempt, ...]:
        """The attempt history with one more entry; beyond the bound, the oldest is dropped."""
        return (*self.attempt_history, attempt)[-MAX_ATTEMPT_HISTORY:]
