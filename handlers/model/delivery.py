"""Where an event stands on its way to an endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from handlers.model.event import Event, EventKey


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
        attempt_history: the latest attempts, oldest first, as the store keeps them.
    """

    event: Event
    status: str
    attempts: int
    target_url: str
    attempt_history: tuple[Mapping[str, Any], ...] = ()

    @property
    def key(self) -> EventKey:
        """What names the delivery: each event has one."""
        return self.event.key
