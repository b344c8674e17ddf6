"""When a failed event is tried again, and when it is given up."""

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_SECONDS = 3600
JITTER = 0.1  # at most this share is added to a wait
_PART = re.compile(r"\s*[A-Za-z]{3,9},[^,]*|[^,]+")  # dates have a comma after the weekday
_SECONDS = re.compile(r"(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]*))?")
_MAX_DIGITS = len(str(MAX_RETRY_AFTER_SECONDS))
_MAX_DATE_LENGTH = 64  # the longest form has 33 characters; the e-mail parser gets nothing longer than this


@dataclass(frozen=True, kw_only=True)
class RetrySchedule:
    """The waits between the attempts of one event.

    Attributes:
        delays_seconds: one wait per retry, so there is one attempt more than waits.
        jitter: draws from [0, 1); lengthens each wait by up to a tenth so that retries spread out.
    """

    delays_seconds: Sequence[int]
    jitter: Callable[[], float] = random.random

    @property
    def max_attempts(self) -> int:
        """The first attempt and its retries."""
        return len(self.delays_seconds) + 1

    def delay_after(self, attempt: int, retry_after_seconds: int | None = None) -> int | None:
        """Seconds to wait after failed attempt number `attempt` (from 1); None after the last one.

        The receiver's `Retry-After` may lengthen the wait to an hour at most, and never shortens it.
        """
        if attempt >= self.max_attempts:
            return None
        scheduled = self.delays_seconds[attempt - 1]
        spread = round(scheduled * (1 + JITTER * self.jitter()))
        return max(spread, min(retry_after_seconds or 0, MAX_RETRY_AFTER_SECONDS))


def parse_retry_after(values: Sequence[str], now: datetime) -> int | None:
    """The wait that `Retry-After` asks for, in whole seconds (RFC 9110, sections 10.2.3 and 5.6.7).

    Args:
        values: of every such header of the answer; one may hold several values, since a proxy may join them.
        now: dates are counted from here.

    Returns:
        The longest valid wait; None if there is none. Valid are a number of seconds, whole or not, and a date
        in any of the three forms. Fractions of a second are rounded up: no wait is shortened.
    """
    asked = [_seconds_asked_for(part.strip(), now) for value in values for part in _PART.findall(value)]
    return max((seconds for seconds in asked if seconds is not None), default=None)


def _seconds_asked_for(text: str, now: datetime) -> int | None:
    if (number := _SECONDS.fullmatch(text)) is not None:
        return _rounded_up(number)
    if len(text) > _MAX_DATE_LENGTH:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # Dates without a zone (asctime's form) or with the zone -0000 are in UTC.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, math.ceil((moment - now).total_seconds()))


def _rounded_up(number: re.Match[str]) -> int:
    whole, part = number["whole"].lstrip("0"), number["part"] or ""
    # More digits than the longest wait has exceed it anyway, and int() refuses thousands of them.
    seconds = int(whole or "0") if len(whole) <= _MAX_DIGITS else MAX_RETRY_AFTER_SECONDS
    return seconds + bool(part.strip("0"))
