"""The queues' clock: the time of day plus the seconds it was advanced."""

import time
import types
from typing import Any


class ShiftedTime(types.ModuleType):
    """Replaces the module `time`; only `time()` differs."""

    def __init__(self) -> None:
        """Start with the time of day."""
        super().__init__("time")
        self.advanced_seconds = 0.0

    def time(self) -> float:
        """Seconds since the epoch, by this clock."""
        return time.time() + self.advanced_seconds

    def __getattr__(self, name: str) -> Any:
        """Take everything else from the module `time`."""
        return getattr(time, name)
