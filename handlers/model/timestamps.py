"""Moments in time, as the contract writes them."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the present moment, with its zone; tests pass one that they move by hand."""


def utc_now() -> datetime:
    """The present moment in UTC: the clock of production."""
    return datetime.now(UTC)


def to_iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, for example `2026-11-23T10:00:00.000Z`; it sorts by time as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Read what `to_iso` wrote.

    Raises:
        ValueError: the text is not ISO 8601.
    """
    return datetime.fromisoformat(text)
