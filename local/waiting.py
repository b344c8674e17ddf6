"""Waiting for what another process does: by looking, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

from local.errors import DeadlineError

T = TypeVar("T")

_PAUSE_SECONDS = 0.02


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float) -> T:
    """Look again and again until there is something true to see, and return it.

    Args:
        what: what is waited for, for the message; completes "... did not happen".
        look: gives something true once it is there.
        seconds: how long to wait at most.

    Raises:
        DeadlineError: it was not there in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            raise DeadlineError(f"{what} did not happen within {seconds:g} s")
        time.sleep(_PAUSE_SECONDS)
