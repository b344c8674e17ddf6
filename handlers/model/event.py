"""Events: what a producer sends, and what the system keeps of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.model.attempt import Attempt
from handlers.model.delivery import MAX_ATTEMPT_HISTORY

EVENT_ID_PREFIX = "evt_"
MAX_ID_CHARACTERS = 64  # a tenant's id may have as many, an event's has 30


@dataclass(frozen=True, kw_only=True)
class EventKey:
    """What names one event."""

    tenant_id: str
    event_id: str


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event as it is stored.

    Attributes:
        attempts: attempts made so far, of this round if it was requeued.
        body: the exact bytes that every attempt sends; None where they were not read.
        attempt_history: the latest attempts as `Attempt.to_item` made them, oldest first.
    """

    key: EventKey
    type: str
    status: str
    attempts: int
    target_url: str
    created_at: datetime
    body: bytes | None = None
    attempt_history: tuple[dict[str, Any], ...] = ()

    def history_with(self, attempt: Attempt) -> list[dict[str, Any]]:
        """The attempt history with one more entry, the oldest dropped beyond the bound."""
        return [*self.attempt_history, attempt.to_item()][-MAX_ATTEMPT_HISTORY:]
