"""What a producer sends: validated, and kept as the bytes that were sent.

A producer may have signed `data` itself, and a number means what is written, not what a parser makes of it.
So parsing only validates: `data` goes on as it stands in the body, byte by byte.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, from_json

from handlers.intake import problems
from handlers.intake.problems import FieldError, shown

MAX_BODY_BYTES = 262_144
# An answer must stay small, whatever the number and the length of a body's unknown fields.
MAX_FIELD_ERRORS = 10
MAX_FIELD_NAME = 128
MAX_NUMBER_SHOWN = 40

MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not a field of an event: remove it",
    "string_type": "must be a string",
    "string_pattern_mismatch": "must be 1 to 128 characters of A-Z, a-z, 0-9, '_', '.' and '-'",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object with the fields type and data",
}

_JSON_TYPE = "application/json"
_PARAMETER = re.compile(r';[ \t]*([^=;\s]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;\s]*)')
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})  # ASCII is UTF-8 as well
# Whole pairs, then all other escapes (also `\\`). What is left, and captured, is half of a pair.
_SURROGATES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\[^u]|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """An event as a producer sends it.

    Attributes:
        data: the JSON object, to the byte as it was sent.
    """

    type: str
    data: bytes


class _Body(BaseModel):
    """The body of `POST /v1/events`."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    type: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
    data: dict[str, Any]


class _NoNumberError(ValueError):
    """A number that receivers could not read; the message says why and what to do."""


def require_json(*, content_type: str | None, content_encoding: str | None) -> None:
    """Refuse a body that is not declared as uncompressed JSON in UTF-8.

    Args:
        content_type: the header's value, None without one.
        content_encoding: likewise.

    Raises:
        Problem: 415, naming the header.
    """
    kind, _, parameters = (content_type or "").partition(";")
    if kind.strip(" \t").lower() != _JSON_TYPE:
        raise problems.unsupported_media_type(content_type)
    for name, value in _PARAMETER.findall(f";{parameters}"):
        if name.lower() == "charset" and value.strip('"').lower() not in _CHARSETS:
            raise problems.unsupported_charset(value)
    codings = {coding.strip(" \t").lower() for coding in (content_encoding or "").split(",")}
    if codings - {"", "identity"}:
        raise problems.unsupported_content_encoding(content_encoding or "")


def parse_submission(body: bytes) -> Submission:
    """Read an event as a producer sends it.

    Where a name occurs twice, the last one counts.

    Raises:
        Problem: 413 above 262,144 bytes; 400 if the body is not JSON in UTF-8 or not an event, naming the
            fields and what is wrong with each.
    """
    if len(body) > MAX_BODY_BYTES:
        raise problems.body_too_large(len(body), MAX_BODY_BYTES)
    if not body.strip():
        raise problems.malformed_json("The body is empty. Send a JSON object with the fields type and data.")
    try:
        valid = _Body.model_validate(from_json(body))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise problems.invalid_event(list(_field_errors(faults))) from error
    except ValueError as error:
        raise problems.malformed_json(_refusal(body)) from error
    return Submission(type=valid.type, data=_data_of(body.decode()))


def _data_of(text: str) -> bytes:
    """The value of `data` as it stands in the text of an object that has one."""
    place, found = _after_space(text, _after_space(text, 0) + 1), ""
    while text[place] != "}":
        name, place = _decode(text, place)
        begin = _after_space(text, _after_space(text, place) + len(":"))
        try:
            _, end = _decode(text, begin)
        except _NoNumberError as error:
            raise problems.invalid_event([FieldError(field=name, message=str(error))]) from error
        if name == "data":
            found = text[begin:end]
        place = _after_space(text, end)
        if text[place] == ",":
            place = _after_space(text, place + 1)
    return found.encode()


def _after_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    return space.end() if space else place


def _finite(number: str) -> float:
    """Receivers would fail on such a number, or read infinity, which most of them cannot write."""
    value = float(number)
    if not math.isfinite(value):
        told = shown(number, MAX_NUMBER_SHOWN)
        raise _NoNumberError(f"holds the number {told}, which is too large for a double: send it as a string")
    return value


def _no_constant(name: str) -> NoReturn:
    raise _NoNumberError(f"holds {name}, which is not a number of JSON: send null or a string")


_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant).raw_decode


def _refusal(body: bytes) -> str:
    try:
        return _refusal_of_text(body.decode())
    except UnicodeDecodeError as error:
        wrong = f"byte {body[error.start]:#04x} at position {error.start}"
        return f"The body is not UTF-8: {wrong}. Encode it as UTF-8."


def _refusal_of_text(text: str) -> str:
    """Why a body is refused: a second parser tells malformed JSON from JSON that cannot be passed on."""
    if text.startswith("\ufeff"):
        return "The body begins with a byte order mark (the bytes EF BB BF). Leave it out."
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        return f"The body is not valid JSON: {error.msg.removesuffix(' at')} at {place}."
    except RecursionError:
        return _TOO_DEEP
    except ValueError:  # of `int`
        return _TOO_MANY_DIGITS
    if half := next((found[1] for found in _SURROGATES.finditer(text) if found[1]), None):
        return (
            f"The body holds {half.lower()}, half of a surrogate pair without the other half, "
            "which no text in UTF-8 can hold. Send whole characters."
        )
    return _TOO_MANY_DIGITS if _LONG_NUMBER.search(_STRING.sub("", text)) else _TOO_DEEP


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LONG_NUMBER = re.compile(r"[0-9]{4301}")
_TOO_MANY_DIGITS = "The body holds a number of more than 4,300 digits. Send it as a string."
_TOO_DEEP = "The body is nested deeper than 200 levels. Flatten it, or send the inner part as a string."


def _field_errors(faults: Sequence[ErrorDetails]) -> Iterator[FieldError]:
    for fault in faults[:MAX_FIELD_ERRORS]:
        message = MESSAGES.get(fault["type"], "is not valid")
        yield FieldError(field=_field_name(fault["loc"]), message=message)


def _field_name(place: Sequence[int | str]) -> str:
    if not place:
        return "body"
    return shown(".".join(map(str, place)), MAX_FIELD_NAME) or '""'
