"""Asks the guard in front of the emulator: which API answers, and what time it is for the queues."""

import threading
import time
from typing import Any

import requests

from local.errors import LocalStackError
from local.guard import API_PATH, CLOCK_PATH

_SECONDS = 10


def answer_with_api(url: str, api_id: str) -> None:
    """Let this API answer at the emulator's root.

    Raises:
        LocalStackError: another one does already.
    """
    _post(url + API_PATH, {"apiId": api_id})


class QueueClock:
    """The clock by which the queues hide and hand out messages: the time of day until it is advanced."""

    def __init__(self, url: str) -> None:
        """Read and advance the clock of the emulator at `url`."""
        self._url = url + CLOCK_PATH
        self._lock = threading.Lock()
        self._advanced_seconds = 0.0

    def now(self) -> float:
        """The queues' time, in seconds since the epoch."""
        with self._lock:  # whatever is asked while the clock is set was caused by its being set
            return time.time() + self._advanced_seconds

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once, for the queues."""
        with self._lock:
            self._advanced_seconds = _post(self._url, {"advanceSeconds": seconds})["advancedSeconds"]


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False  # proxies are for other hosts
        answer = session.post(url, json=body, timeout=_SECONDS)
    if not answer.ok:
        raise LocalStackError(f"{url} with {body}: {answer.status_code}, {answer.text}")
    return answer.json()
