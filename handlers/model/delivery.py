"""Where the delivery of an event stands."""

from enum import StrEnum

MAX_ATTEMPT_HISTORY = 12  # two full schedules; the item must stay small


class Status(StrEnum):
    """Of a delivery."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
