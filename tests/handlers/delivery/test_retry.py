"""The waits between attempts, and what a receiver may ask for."""

from datetime import timedelta

import pytest

from handlers.delivery.retry import RetrySchedule, parse_retry_after
from tests.support.factories import NOON

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
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("0000000120", 120),
        ("0" * 60_000 + "7", 7),
        ("40.0", 40),
        ("40.05", 41),
        ("1.5", 2),
        ("40.", 40),
        ("Mon, 23 Nov 2026 12:05:00 GMT", 300),
        ("Mon, 23 Nov 2026 11:55:00 GMT", 0),
        ("Monday, 23-Nov-26 12:05:00 GMT", 300),
        ("Mon Nov 23 12:05:00 2026", 300),
        ("Mon, 23 Nov 2026 12:05:00 -0000", 300),
        ("Mon, 23 Nov 2026 12:05:00", 300),
        ("Mon, 23 Nov 2026 13:05:00 +0100", 300),
        ("120, 60", 120),
        ("60,120", 120),
        ("Mon, 23 Nov 2026 12:05:00 GMT, 5", 300),
        ("5, Mon, 23 Nov 2026 12:05:00 GMT", 300),
        ("Mon, 23 Nov 2026 12:01:00 GMT, Monday, 23-Nov-26 12:05:00 GMT", 300),
        ("soon", None),
        ("-5", None),
        ("+5", None),
        ("1e3", None),
        ("120s", None),
        (".5", None),
        ("2026-11-23T12:05:00Z", None),
        ("", None),
        (",", None),
        ("٣٠", None),  # digits, but not those of HTTP
        ("9" * 5000, 3600),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Fri, 31 Nov 2026 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form_that_is_seen_and_nonsense_is_ignored(
    value: str, seconds: int | None
) -> None:
    assert parse_retry_after([value], NOON) == seconds


def test_part_of_a_second_that_is_left_until_a_date_counts_as_one() -> None:
    now = NOON + timedelta(milliseconds=300)

    assert parse_retry_after(["Mon, 23 Nov 2026 12:05:00 GMT"], now) == 300


@pytest.mark.parametrize(
    ("values", "seconds"),
    [([], None), (["60", "120"], 120), (["120", "60"], 120), (["soon", "60"], 60), (["soon", "never"], None)],
)
def test_of_several_headers_the_longest_wait_counts(values: list[str], seconds: int | None) -> None:
    assert parse_retry_after(values, NOON) == seconds
