"""A query for single attributes sets `Select` itself.

The role's condition is on that parameter; its value where a query does not set it is AWS's to choose.
"""

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from handlers.store.stalled import StalledEvents
from handlers.store.table import Table
from handlers.store.tenants import TenantStore

QUERIES: dict[str, Callable[[Any], Any]] = {
    "where a tenant's events go": lambda client: TenantStore(Table(client, "T")).target_url_of("acme"),
    "how far a tenant's events have come": lambda client: StalledEvents(
        table=Table(client, "T")
    ).newest_attempted("acme"),
}


@pytest.mark.parametrize("ask", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_for_attributes_says_so(ask: Callable[[Any], Any]) -> None:
    client = Mock()
    client.query.return_value = {"Items": []}
    client.get_paginator.return_value.paginate.return_value = [{"Items": []}]

    ask(client)

    (query,) = [call.kwargs for call in client.mock_calls if "KeyConditionExpression" in call.kwargs]
    assert query["ProjectionExpression"]
    assert query["Select"] == "SPECIFIC_ATTRIBUTES"
