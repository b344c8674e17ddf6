"""The moment at which an attempt ends, whatever it is doing.

Each wait may take only the time that the waits before it have left. So even a receiver that sends one byte a
second is cut off in time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """A moment of a monotonic clock, in seconds."""

    ends_at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """The deadline so many seconds from now."""
        return cls(ends_at=clock() + seconds, clock=clock)

    def remaining(self) -> float:
        """Seconds left, always above zero.

        Raises:
            TimeoutError: the time is up.
        """
        left = self.ends_at - self.clock()
        if left <= 0:
            raise TimeoutError("the time for this attempt is up")
        return left
