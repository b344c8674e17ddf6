"""What happened: an event, as a producer told it."""

from dataclasses import dataclass
from datetime import datetime

EVENT_ID_PREFIX = "evt_"
MAX_ID_CHARACTERS = 64  # of a tenant's id; an event's has 30


@dataclass(frozen=True, kw_only=True)
class EventKey:
    """What names one event."""

    tenant_id: str
    event_id: str


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event; it never changes once it is accepted.

    Attributes:
        body: the exact bytes that every attempt sends; None where they were not read.
    """

    key: EventKey
    type: str
    created_at: datetime
    body: bytes | None = None
