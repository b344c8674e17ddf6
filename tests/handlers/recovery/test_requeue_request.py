"""The inputs of the requeue function, and the answers to wrong ones."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from handlers.recovery.requeue_request import MAX_EVENT_IDS_NAMED, RequeueInputError, RequeueRequest
from tests.support.factories import NOON

REFUSED_TIMES = [
    *("20261126", "2026", "1795435200", "1795435200.5", "-1", "2026-11-26", "2026-11-26 10:00", "10:00"),
    *("2026-W48", "2026-W48-4T10:00:00Z", "2026-330T10:00:00Z", "20261126T100000Z", "now", "yesterday", ""),
    *("2026-11-26T10:00:00", "2026-11-26T10:00", "2026-11-26T10Z", "2026-11-26 10:00:00Z"),
    *("2026-11-26t10:00:00z", "2026-11-26T10:00:00+0100", "2026-11-26T10:00:00 Z", "2026-11-26T10:00:00Z\n"),
    *("2026-02-30T10:00:00Z", "2026-11-26T24:00:00Z", "2026-11-26T10:60:00Z", "2026-11-26T10:00:00+24:00"),
    *("26-11-26T10:00:00Z", "2026-11-26T10:00:00,5Z", "٢٠٢٦-11-26T10:00:00Z"),
]


@pytest.mark.parametrize("field", ["since", "until"])
@pytest.mark.parametrize("text", REFUSED_TIMES)
def test_a_time_in_any_other_form_is_refused_with_an_example(field: str, text: str) -> None:
    with pytest.raises(RequeueInputError, match=rf": {field}: .* 2026-11-23T10:00:00Z$") as refused:
        RequeueRequest.parse({field: text})

    assert not text or text not in str(refused.value).replace("2026-11-23T10:00:00Z", "")


@pytest.mark.parametrize("number", [20261126, 1_795_435_200, 1_795_435_200.5, -1, True])
def test_a_number_is_no_time_and_is_repeated(number: float) -> None:
    with pytest.raises(RequeueInputError) as refused:
        RequeueRequest.parse({"since": number})

    assert str(refused.value).endswith(f"for example 2026-11-23T10:00:00Z (got {number!r})")


@given(st.text(alphabet="0123456789-+:.TZW ", max_size=30))
def test_nothing_but_a_date_with_time_and_zone_passes(text: str) -> None:
    try:
        since = RequeueRequest.parse({"since": text}).since
    except RequeueInputError:
        return
    assert since is not None
    assert since.utcoffset() is not None
    assert text.startswith(since.strftime("%Y-%m-%dT%H:%M").rjust(16, "0"))


@given(
    st.datetimes(timezones=st.timezones()),
    st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
)
def test_a_time_is_read_as_it_was_written(moment: datetime, precision: str) -> None:
    offset = moment.utcoffset()
    assume(offset is not None and not offset % timedelta(minutes=1))  # ISO 8601 has no others
    text = moment.isoformat(timespec=precision)

    assert RequeueRequest.parse({"since": text}).since == datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-23T10:00Z", "2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z", "2026-11-23T11:00+01:00"),
        *("2026-11-23T11:00:00+01:00", "2026-11-23T04:30:00-05:30", "2026-11-23T10:00:00.0000000001Z"),
    ],
)
def test_seconds_fractions_and_the_zone_may_be_written_in_any_way(text: str) -> None:
    since = RequeueRequest.parse({"since": text}).since

    assert since == NOON - timedelta(hours=2)


@pytest.mark.parametrize(
    "since", ["2026-11-23T12:00:00+01:00", "2026-11-23T11:00:00.001Z", "2027-01-01T00:00Z"]
)
def test_an_until_that_is_not_after_since_is_refused_by_both_names(since: str) -> None:
    with pytest.raises(
        RequeueInputError, match=r"until: must be later than since, but until is 2026-11-23T11"
    ):
        RequeueRequest.parse({"since": since, "until": "2026-11-23T11:00:00Z"})


def test_a_since_that_is_wrong_is_all_that_is_said_of_it() -> None:
    with pytest.raises(RequeueInputError, match=r"since: must be") as refused:
        RequeueRequest.parse({"since": "2027", "until": "2026-11-23T11:00:00Z"})

    assert "until" not in str(refused.value)


@pytest.mark.parametrize(
    ("event_ids", "remedy"),
    [
        ([], "eventIds: is empty: name at least one, or leave it out"),
        (
            ["evt_1"] * (MAX_EVENT_IDS_NAMED + 1),
            "eventIds: holds 10001 ids: name at most 10000, and run it again",
        ),
        ([""], "eventIds.0: String should have at least 1 character"),
        (["e" * 65], "eventIds.0: String should have at most 64 characters"),
    ],
)
def test_event_ids_that_name_nothing_are_refused_with_the_remedy(event_ids: list[str], remedy: str) -> None:
    with pytest.raises(RequeueInputError, match=f"nothing was sent: {remedy}"):
        RequeueRequest.parse({"eventIds": event_ids})


BAD_INPUTS: dict[str, Any] = {
    "tenant": {"tenant": "acme"},
    "tenantId": {"tenantId": 7},
    "tenantId ": {"tenantId": ""},
    "eventIds": {"eventIds": "evt_1"},
    "eventIds.0": {"eventIds": [1]},
    "since": {"since": "yesterday"},
    "until": {"until": 1_700_000_000},
    "since.": {"since": "2026-11-23T10:00:00"},
    "limit": {"limit": 0},
    "limit ": {"limit": "5"},
    "ratePerSecond": {"ratePerSecond": -1},
    "ratePerSecond ": {"ratePerSecond": 0},
    "dryRun": {"dryRun": "yes"},
    "input": ["evt_1"],
}


@pytest.mark.parametrize(("field", "payload"), BAD_INPUTS.items())
def test_a_wrong_input_is_refused_by_field_before_anything_is_sent(field: str, payload: Any) -> None:
    with pytest.raises(RequeueInputError, match="nothing was sent") as refused:
        RequeueRequest.parse(payload)

    assert f"{field.rstrip('. ')}: " in str(refused.value)


def test_what_was_given_for_a_field_that_is_unknown_is_not_repeated() -> None:
    with pytest.raises(RequeueInputError, match="apiKey: ") as refused:
        RequeueRequest.parse({"apiKey": "whk_given-by-mistake"})

    assert "whk_" not in str(refused.value)
    assert "whk_" not in str(refused.value.__cause__)
