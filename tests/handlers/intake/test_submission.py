"""Data reaches receivers byte by byte; data that cannot be passed on is refused, with the reason."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from handlers.intake.new_event import new_delivery
from handlers.intake.problems import Problem
from handlers.intake.submission import MAX_BODY_BYTES, parse_submission, require_json
from handlers.model.tenant import ApiKeyHolder, KeyState
from tests.support.factories import NOON
from tests.support.json_texts import submissions


def delivered(body: bytes) -> bytes:
    """The body that receivers get for a body that a producer sends."""
    submission = parse_submission(body)
    holder = ApiKeyHolder(tenant_id="acme", target_url="", state=KeyState.ACTIVE)
    event = new_delivery(holder, submission, event_id="evt_1", at=NOON).event
    assert event.body is not None
    return event.body


def refusal(body: bytes) -> dict[str, Any]:
    with pytest.raises(Problem) as refused:
        parse_submission(body)
    return refused.value.document()


def with_data(data: str) -> bytes:
    return b'{"type": "a", "data": %b}' % data.encode()


@settings(max_examples=500)
@given(submissions())
def test_data_is_delivered_as_the_bytes_that_were_sent(sent: tuple[str, str]) -> None:
    body, data = sent

    assert delivered(body.encode()) == (
        b'{"id":"evt_1","object":"event","type":"order.created","created":%d,"data":%b}'
        % (NOON.timestamp(), data.encode())
    )


@settings(max_examples=500)
@given(submissions())
def test_what_is_delivered_means_what_was_sent(sent: tuple[str, str]) -> None:
    body, _ = sent

    # As text: Python takes 1, 1.0 and true for equal, and -0.0 for 0.0.
    assert json.dumps(json.loads(delivered(body.encode()))["data"]) == json.dumps(json.loads(body)["data"])


@pytest.mark.parametrize(
    "data",
    [
        '{"price": 1.10, "count": 1e2, "big": 9007199254740993.0, "zero": -0}',
        r'{"html": "\u003cb\u003e", "slash": "a\/b", "name": "Zoë \u00eb"}',
        '{ "b" : 1,\r\n\t"a" : [ ] ,"b":2 }',
        "{}",
        "{\n}",
        '{"data": {"data": 1}, "type": "not this one"}',
        '{"large": ' + "9" * 4300 + "}",
        r'{"\"data\":": "}{"}',
        '{"list": [' + "1e15," * 50_000 + "0]}",
    ],
    ids=[
        "numbers",
        "escapes",
        "white space and a name twice",
        "empty",
        "a line",
        "data in data",
        "large",
        "quotes",
        "long",
    ],
)
def test_data_stays_as_it_was_written(data: str) -> None:
    assert parse_submission(with_data(data)).data == data.encode()


def test_what_is_delivered_is_hardly_larger_than_what_was_sent() -> None:
    body = with_data('{"a":[' + "1e15," * 52_000 + "0]}")

    assert len(body) <= MAX_BODY_BYTES
    assert len(delivered(body)) < len(body) + 200


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"\xef\xbb\xbf" + with_data("{}"), "byte order mark"),
        (with_data("{}").decode().encode("utf-16"), "not UTF-8: byte 0xff at position 0"),
        (b'{"type": "a", "data": {"x": "\xe9"}}', "not UTF-8: byte 0xe9 at position 29"),
        (b'{"type": "a", "data": {"x": "\xed\xa0\x80"}}', "not UTF-8: byte 0xed at position 29"),
        (with_data(r'{"x": "\ud83d"}'), r"holds \ud83d, half of a surrogate pair"),
        (with_data(r'{"x": "\uDE00\uD83D"}'), r"holds \ude00, half of a surrogate pair"),
        (with_data(r'{"\udfff": 1}'), r"holds \udfff, half of a surrogate pair"),
        (with_data(r'{"m": {"a": "\ud83d", "a": "ok"}}'), r"holds \ud83d, half of a surrogate pair"),
        (with_data(r'{"a": "\ud83d"}, "data": {}'), r"holds \ud83d, half of a surrogate pair"),
        (with_data(r'{"a": "\\ud83d \ud83d\ude00 \ud83e"}'), r"holds \ud83e, half of a surrogate pair"),
        (with_data('{"x":' * 200 + '"' + "9" * 4400 + '"' + "}" * 200), "deeper than 200 levels"),
        (with_data('{"x": ' + "9" * 4301 + "}"), "more than 4,300 digits"),
        (with_data('{"x": ' + "9" * 4301 + ".0}"), "more than 4,300 digits"),
        (with_data('{"x": ' + "1" * 4301 + "e-4300}"), "more than 4,300 digits"),
        (with_data('{"x":' * 200 + "1" + "}" * 200), "deeper than 200 levels"),
        (with_data("{'x': 1}"), "not valid JSON: Expecting property name"),
        (with_data("{}") + b"x", "not valid JSON: Extra data at line 1 column 26"),
        (with_data('{"x": "\t"}'), "not valid JSON: Invalid control character at line 1 column 30"),
    ],
)
def test_what_is_no_json_or_cannot_be_passed_on_is_told_by_its_name(body: bytes, told: str) -> None:
    document = refusal(body)

    assert document["type"] == "/problems/malformed-json"
    assert told in document["detail"]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 400 + ".0", "NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("place", ['{"x": [{"y": %s}]}', '{}, "data": {"x": %s}', '{"x": %s}, "data": {}'])
def test_a_number_that_cannot_be_passed_on_is_named(number: str, place: str) -> None:
    document = refusal(with_data(place % number))

    (error,) = document["errors"]
    assert error["field"] == "data"
    assert number[:40] in error["message"]
    assert "string" in error["message"]


def refused_headers(**headers: str | None) -> Problem:
    with pytest.raises(Problem) as refused:
        require_json(**({"content_type": "application/json", "content_encoding": None} | headers))
    assert refused.value.status == 415
    return refused.value


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON ; Charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json;charset=utf8",
        "application/json; charset=us-ascii",
        "application/json; profile=x; charset=utf-8",
        'application/json; profile="a;charset=latin-1"',
        "application/json;a;;=",
    ],
)
@pytest.mark.parametrize("content_encoding", [None, "", "identity", "Identity", "identity, identity"])
def test_json_in_utf_8_is_taken_however_it_is_declared(
    content_type: str, content_encoding: str | None
) -> None:
    require_json(content_type=content_type, content_encoding=content_encoding)


@pytest.mark.parametrize(
    "charset", ["iso-8859-1", " latin1", '"windows-1252"', "UTF-16", "utf-7", '""', "utf-8, latin-1"]
)
def test_another_charset_is_refused_and_named(charset: str) -> None:
    problem = refused_headers(content_type=f"application/json; charset={charset}")

    assert "charset" in problem.detail
    assert "UTF-8" in problem.detail
    assert charset.split(",", maxsplit=1)[0].strip() in problem.detail


@pytest.mark.parametrize("parameters", ["charset=utf-8; charset=latin-1", "charset =latin-1"])
def test_no_charset_is_overlooked(parameters: str) -> None:
    refused_headers(content_type=f"application/json; {parameters}")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate, gzip", "identity, gzip", "nonsense"])
def test_a_compressed_body_is_refused_by_the_header_that_says_so(coding: str) -> None:
    problem = refused_headers(content_encoding=coding)

    assert f"Content-Encoding is '{coding}'" in problem.detail
    assert problem.headers == {"Accept-Encoding": "identity"}
