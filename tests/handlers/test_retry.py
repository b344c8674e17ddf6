"""The waits between attempts, and what a receiver may ask for."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from handlers.domain.retry import RetrySchedule, parse_retry_after
from tests.handlers.factories import NOON

CONTRACT = (60, 120, 240, 480, 960)


def schedule(jitter: float = 0.0) -> RetrySchedule:
    return RetrySchedule(delays_seconds=CONTRACT, jitter=lambda: jitter)


def test_five_retries_wait_1_2_4_8_and_16_minutes_and_then_it_is_over() -> None:
    assert [schedule().delay_after(n) for n in range(1, 7)] == [60, 120, 240, 480, 960, None]
    assert schedule().max_attempts == 6


def test_jitter_lengthens_a_wait_by_a_tenth_at_most_and_never_shortens_it() -> None:
    assert schedule(jitter=0.999999).delay_after(5) == 1056
    assert schedule(jitter=0.0).delay_after(5) == 960


def test_a_longer_retry_after_is_granted() -> None:
    assert schedule().delay_after(1, retry_after_seconds=300) == 300


def test_a_shorter_retry_after_never_shortens_the_wait() -> None:
    assert schedule().delay_after(3, retry_after_seconds=1) == 240


def test_retry_after_is_capped_at_an_hour() -> None:
    assert schedule().delay_after(1, retry_after_seconds=86_400) == 3600


def test_retry_after_does_not_buy_another_attempt() -> None:
    assert schedule().delay_after(6, retry_after_seconds=10) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        (format_datetime(NOON + timedelta(minutes=5), usegmt=True), 300),
        (format_datetime(NOON - timedelta(minutes=5), usegmt=True), 0),
        ("Mon, 23 Nov 2026 12:05:00", None),  # no zone: it names no moment
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("٣٠", None),  # digits, but not those of HTTP
        ("9" * 5000, 3600),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_nonsense_is_ignored(
    value: str | None, seconds: int | None
) -> None:
    assert parse_retry_after(value, NOON) == seconds
