"""One POST of an event to an endpoint, and what came of it."""

from dataclasses import dataclass
from datetime import datetime

MAX_ANSWER_BYTES = 256

_HTTP = "http_"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt, as it is recorded.

    Attributes:
        at: when it began.
        outcome: `http_<status>`, or the class of the error, for example `timeout`.
        answer: the first 256 bytes of the answer's body, as text.
    """

    at: datetime
    outcome: str
    duration_ms: int
    answer: str = ""

    @property
    def status_code(self) -> int | None:
        """The HTTP status; None when there was no answer."""
        return int(self.outcome.removeprefix(_HTTP)) if self.outcome.startswith(_HTTP) else None

    @property
    def succeeded(self) -> bool:
        """Success is a 2xx answer and nothing else."""
        return self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004 - RFC 9110


def http_outcome(status: int) -> str:
    """The outcome of an attempt that was answered with this HTTP status."""
    return f"{_HTTP}{status}"
