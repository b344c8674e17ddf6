"""One try to deliver an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.model.timestamps import to_iso

MAX_ANSWER_BYTES = 256


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to deliver an event, as it is recorded.

    Attributes:
        at: when it began.
        outcome: `http_<status>` or the class of the error, for example `timeout`.
        status_code: the HTTP status, or None when there was no answer.
        answer: the first 256 bytes of the answer's body, as text.
    """

    at: datetime
    outcome: str
    status_code: int | None
    duration_ms: int
    answer: str = ""

    @property
    def succeeded(self) -> bool:
        """Success is a 2xx answer and nothing else."""
        return self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004 - RFC 9110

    def to_item(self) -> dict[str, Any]:
        """The attempt as an entry of the item's history."""
        entry = {"at": to_iso(self.at), "outcome": self.outcome, "durationMs": self.duration_ms}
        return entry | ({"answer": self.answer} if self.answer else {})
