"""Tells the guard which API answers, and sets the queues' clock."""

import threading
import time
from typing import Any

from local import loopback
from local.emulator.guard import API_PATH, CLOCK_PATH
from local.errors import LocalStackError

_SECONDS = 10


def answer_with_api(url: str, api_id: str) -> None:
    """Let this API answer at the emulator's root.

    Raises:
        LocalStackError: another API answers there already.
    """
    _post(url + API_PATH, {"apiId": api_id})


class QueueClock:
    """The clock by which queues hide and hand out messages; shows the time of day until it is advanced."""

    def __init__(self, url: str) -> None:
        """Read and advance the clock of the emulator at `url`."""
        self._url = url + CLOCK_PATH
        self._lock = threading.Lock()
        self._advanced_seconds = 0.0

    def now(self) -> float:
        """The queues' time, in seconds since the epoch."""
        with self._lock:  # what asks during `advance` was caused by it, and gets the time after it
            return time.time() + self._advanced_seconds

    def advance(self, seconds: float) -> None:
        """Let these seconds pass at once for the queues."""
        with self._lock:
            self._advanced_seconds = _post(self._url, {"advanceSeconds": seconds})["advancedSeconds"]


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    with loopback.session() as session:
        answer = session.post(url, json=body, timeout=_SECONDS)
    if not answer.ok:
        raise LocalStackError(f"{url} answered {answer.status_code} to {body}: {answer.text}")
    return answer.json()
