"""The queues' clock: the time of day, plus what it was advanced by."""

import time
import types
from typing import Any


class ShiftedTime(types.ModuleType):
    """Stands in for the module `time`; only `time()` differs."""

    def __init__(self) -> None:
        """Start with the time of day."""
        super().__init__("time")
        self.advanced_seconds = 0.0

    def time(self) -> float:
        """Seconds since the epoch, by this clock."""
        return time.time() + self.advanced_seconds

    def __getattr__(self, name: str) -> Any:
        """Everything else of the module `time`."""
        return getattr(time, name)
