"""When a failed event is tried again, and when it is given up."""

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_SECONDS = 3600
JITTER = 0.1  # of a wait, at the most
_PART = re.compile(r"\s*[A-Za-z]{3,9},[^,]*|[^,]+")  # dates have a comma behind the day
_SECONDS = re.compile(r"(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]*))?")
_MAX_DIGITS = len(str(MAX_RETRY_AFTER_SECONDS))
_MAX_DATE_LENGTH = 64  # the longest form has 33 characters; a parser of e-mail is not for what is longer


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
        spread = round(scheduled * (1 + JITTER * self.jitter()))
        return max(spread, min(retry_after_seconds or 0, MAX_RETRY_AFTER_SECONDS))


def parse_retry_after(values: Sequence[str], now: datetime) -> int | None:
    """The whole seconds that the header `Retry-After` asks for (RFC 9110, sections 10.2.3 and 5.6.7).

    Args:
        values: of every such header of the answer; also several in one, since a proxy may join them.
        now: what a date is counted from.

    Returns:
        The longest of those that are a number of seconds, whole or not, or a date in any of the three forms;
        None when none is. What is asked for is never shortened: parts of a second count as one.
    """
    asked = [_asked_for(part.strip(), now) for value in values for part in _PART.findall(value)]
    return max((seconds for seconds in asked if seconds is not None), default=None)


def _asked_for(text: str, now: datetime) -> int | None:
    if (number := _SECONDS.fullmatch(text)) is not None:
        return _rounded_up(number)
    if len(text) > _MAX_DATE_LENGTH:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # A date without a zone, as in asctime's form, or with the zone -0000, is one in UTC.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, math.ceil((moment - now).total_seconds()))


def _rounded_up(number: re.Match[str]) -> int:
    whole, part = number["whole"].lstrip("0"), number["part"] or ""
    # int() refuses thousands of digits; more of them than these is longer than any wait that is granted.
    seconds = int(whole or "0") if len(whole) <= _MAX_DIGITS else MAX_RETRY_AFTER_SECONDS
    return seconds + bool(part.strip("0"))
