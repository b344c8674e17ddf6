"""Which header carries the API key."""

from collections.abc import Mapping

import pytest

from handlers.intake.authentication import Authenticator
from handlers.intake.problems import Problem
from handlers.model.tenant import ApiKeyHolder, KeyState, new_api_key
from tests.support.factories import TARGET_URL

KEY, OTHER_KEY = new_api_key(), new_api_key()
BASIC = "Basic dXNlcjpwYXNzd29yZA=="


class Tenants:
    """One tenant with one key."""

    def holder_of(self, api_key: str) -> ApiKeyHolder | None:
        acme = ApiKeyHolder(tenant_id="acme", target_url=TARGET_URL, state=KeyState.ACTIVE)
        return acme if api_key == KEY else None


def authenticate(headers: Mapping[str, str]) -> ApiKeyHolder:
    return Authenticator(Tenants()).authenticate(
        authorization=headers.get("authorization"), x_api_key=headers.get("x-api-key")
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY},
        {"authorization": f"Bearer {KEY}", "x-api-key": KEY},
        {"authorization": BASIC, "x-api-key": KEY},
        {"authorization": "Digest username=producer", "x-api-key": KEY},
        {"authorization": OTHER_KEY, "x-api-key": KEY},
        {"authorization": "", "x-api-key": KEY},
        {"authorization": "Bearer", "x-api-key": KEY},
        {"authorization": f"Bearer {KEY}", "x-api-key": ""},
    ],
)
def test_only_bearer_and_a_header_that_is_not_empty_carry_a_key(headers: dict[str, str]) -> None:
    assert authenticate(headers).tenant_id == "acme"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": BASIC}, {"authorization": KEY}, {"authorization": "Bearer "}, {"x-api-key": ""}],
)
def test_without_a_key_the_request_is_nobodys(headers: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        authenticate(headers)

    assert refused.value.status == 401


def test_two_different_keys_are_refused_even_if_one_is_good() -> None:
    with pytest.raises(Problem) as refused:
        authenticate({"authorization": f"Bearer {KEY}", "x-api-key": OTHER_KEY})

    assert refused.value.status == 400
