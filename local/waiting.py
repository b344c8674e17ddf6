"""Waits for what another process does: looks again and again until a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

from local.errors import DeadlineError

T = TypeVar("T")

_PAUSE_SECONDS = 0.02


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float) -> T:
    """Call `look` until it gives something true, and return that.

    Args:
        what: what the wait is for; the error says "`what` did not happen".
        look: gives something true once it has happened.
        seconds: the longest wait.

    Raises:
        DeadlineError: it did not happen in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            raise DeadlineError(f"{what} did not happen within {seconds:g} s")
        time.sleep(_PAUSE_SECONDS)
