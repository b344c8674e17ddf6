"""When a failed event is tried again, and when it is given up."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_SECONDS = 3600
_JITTER = 0.1


@dataclass(frozen=True, kw_only=True)
class RetrySchedule:
    """The waits between the attempts of one event.

    Attributes:
        delays_seconds: one wait per retry; one attempt more than that is made in all.
        jitter: draws from [0, 1); spreads each wait by up to a tenth so that retries do not march in step.
    """

    delays_seconds: Sequence[int]
    jitter: Callable[[], float] = random.random

    @property
    def max_attempts(self) -> int:
        """The first attempt and its retries."""
        return len(self.delays_seconds) + 1

    def delay_after(self, attempt: int, retry_after_seconds: int | None = None) -> int | None:
        """Seconds to wait after the failed attempt of this number (from 1), or None when it was the last.

        What a receiver asks for by `Retry-After` may lengthen the wait, never shorten it, up to an hour.
        """
        if attempt >= self.max_attempts:
            return None
        scheduled = self.delays_seconds[attempt - 1]
        spread = round(scheduled * (1 + _JITTER * self.jitter()))
        return max(spread, min(retry_after_seconds or 0, MAX_RETRY_AFTER_SECONDS))


def parse_retry_after(value: str | None, now: datetime) -> int | None:
    """The seconds that a `Retry-After` header asks for, in either form of RFC 9110, section 10.2.3.

    None when there is no header or it is neither a number of seconds nor a date.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Longer than any wait that is granted; int() itself refuses thousands of digits.
        return int(text) if len(text) <= len(str(MAX_RETRY_AFTER_SECONDS)) else MAX_RETRY_AFTER_SECONDS
    try:
        moment = parsedate_to_datetime(text)
        return max(0, round((moment - now).total_seconds())) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
