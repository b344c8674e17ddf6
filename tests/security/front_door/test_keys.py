"""Unknown keys get the same answer, to the byte, and cause the same calls, whatever they look like."""

from typing import Any
from unittest.mock import Mock

import pytest

from handlers.model.tenant import hash_api_key
from tests.support.front_door import API_KEY, UNKNOWN_KEY, FrontDoor, InMemory, a_request


def answer_and_calls(headers: dict[str, str]) -> tuple[Any, list[Any]]:
    """What a request with these credentials is answered, and what DynamoDB is asked, hashes left out."""
    backend = InMemory()
    door = FrontDoor(backend)
    backend.dynamodb = Mock(wraps=backend.dynamodb)
    request = a_request()
    request["headers"] = {"content-type": "application/json"} | headers
    outcome = door.ask(request)
    assert outcome.error is None
    return outcome.answer, [(name, shape_of(asked)) for name, _, asked in backend.dynamodb.method_calls]


def shape_of(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape_of(inner) for name, inner in value.items()}
    is_hash = isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
    return "a hash" if is_hash else value


NO_KEYS: dict[str, dict[str, str]] = {
    "unknown": {"x-api-key": UNKNOWN_KEY},
    "unknown, as a bearer": {"authorization": f"Bearer {UNKNOWN_KEY}"},
    "malformed": {"x-api-key": "nonsense"},
    "malformed, as a bearer": {"authorization": "Bearer nonsense"},
    "one character short": {"x-api-key": API_KEY[:-1]},
    "one character long": {"x-api-key": API_KEY + "a"},
    "in another case": {"x-api-key": API_KEY.upper()},
    "said twice": {"x-api-key": f"{API_KEY},{API_KEY}"},
    "empty": {"x-api-key": ""},
    "empty, as a bearer": {"authorization": "Bearer "},
    "an empty Authorization": {"authorization": ""},
    "very long": {"x-api-key": "whk_" + "u" * 100_000},
    "of another scheme": {"authorization": "Basic dXNlcjpwYXNz"},
    "without a scheme": {"authorization": API_KEY},
    "beyond ASCII": {"x-api-key": "whk_" + "ä" * 43},
    "a lone surrogate": {"x-api-key": "whk_" + "\ud800" * 43},
    "control characters": {"x-api-key": API_KEY + "\r\n\x00"},
    "a hash of a key": {"x-api-key": hash_api_key(API_KEY)},
}


@pytest.mark.parametrize("headers", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_whatever_is_no_key_gets_the_answer_and_the_work_of_an_unknown_key(headers: dict[str, str]) -> None:
    answer, calls = answer_and_calls(headers)

    expected_answer, expected_calls = answer_and_calls(NO_KEYS["unknown"])
    assert answer == expected_answer
    assert answer["statusCode"] == 401
    assert calls == expected_calls
    assert [name for name, _ in calls] == ["get_item"]


def test_without_any_key_the_answer_is_the_same() -> None:
    answer, calls = answer_and_calls({})

    assert answer == answer_and_calls(NO_KEYS["unknown"])[0]
    # There is nothing to look up, and the sender knows that they sent no key.
    assert calls == []


def test_a_lone_surrogate_does_not_stand_for_any_character_of_a_key() -> None:
    """It is looked up as '?', which is in no key: a key with a hole in it is never a known one."""
    for place in range(len(API_KEY)):
        for rest in (API_KEY[place:], API_KEY[place + 1 :]):
            with_a_hole = f"{API_KEY[:place]}\ud800{rest}"

            assert answer_and_calls({"x-api-key": with_a_hole})[0]["statusCode"] == 401
