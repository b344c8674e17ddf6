"""A query that a role limits to attributes says itself that it asks for those alone.

The role's condition is about the parameter `Select`; what stands there if nobody says it is AWS's to choose.
"""

from collections.abc import Callable
from typing import Any

import pytest

from handlers.store.events import EventStore
from handlers.store.tenants import TenantStore

QUERIES: dict[str, Callable[[Any], Any]] = {
    "where a tenant's events go": lambda client: TenantStore(client, "TenantApiKeys").target_url_of("acme"),
    "how far a tenant's events have come": lambda client: EventStore(client, "Events").reached("acme"),
}


class Asked:
    """A DynamoDB client that has nothing, and notes how it is queried."""

    def __init__(self) -> None:
        self.queries: list[dict[str, Any]] = []

    def query(self, **request: Any) -> dict[str, Any]:
        self.queries.append(request)
        return {"Items": []}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "query"
        asked = self

        class Pages:
            def paginate(self, **request: Any) -> list[dict[str, Any]]:
                return [asked.query(**request)]

        return Pages()


@pytest.mark.parametrize("ask", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_for_attributes_says_so(ask: Callable[[Any], Any]) -> None:
    client = Asked()

    ask(client)

    (query,) = client.queries
    assert query["ProjectionExpression"]
    assert query["Select"] == "SPECIFIC_ATTRIBUTES"
