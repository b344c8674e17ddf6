"""Fills in IAM's condition keys of DynamoDB where the emulator does not.

The emulator looks for attributes only in the projection at the top of a request. A batch or an update has
none there, so the emulator would refuse both to a role that must name its attributes. It does not know
`dynamodb:ReturnValues` at all.
"""

import importlib
import json
import re
from collections.abc import Callable
from typing import Any

_ContextOf = Callable[[bytes], dict[str, Any]]
"""Gives the condition keys of a request, by its body."""

# DynamoDB developer guide, "Using update expressions" and "Condition and filter expressions".
_EXPRESSION_WORDS = frozenset(
    {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN", "IF_NOT_EXISTS", "LIST_APPEND"}
    | {"ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS", "ATTRIBUTE_TYPE", "BEGINS_WITH", "CONTAINS", "SIZE"}
)


def install() -> None:
    """Let policies see which attributes a batch or an update names, and whether a write returns the item."""
    iam: Any = importlib.import_module("ministack.core.iam_actions")
    emulators_own: _ContextOf = iam.dynamodb_service_context

    def of_batches_too(body: bytes) -> dict[str, Any]:
        try:
            tables: list[Any] = list(json.loads(body)["RequestItems"].values())
        except (ValueError, LookupError, TypeError, AttributeError):
            return emulators_own(body)
        contexts = [emulators_own(json.dumps(table).encode()) for table in tables]
        named = [context.get("dynamodb:Attributes") for context in contexts]
        # A batch that asks one table for everything counts as asking for everything.
        if not all(named):
            return emulators_own(body)
        return {
            "dynamodb:Attributes": [name for names in named for name in names or ()],
            "dynamodb:Select": "SPECIFIC_ATTRIBUTES",
        }

    def of_writes_too(body: bytes) -> dict[str, Any]:
        context = of_batches_too(body)
        try:
            request: dict[str, Any] = dict(json.loads(body))
        except (ValueError, TypeError):
            return context
        # It always has a value (DynamoDB developer guide, "Specifying conditions").
        context["dynamodb:ReturnValues"] = request.get("ReturnValues") or "NONE"
        if "UpdateExpression" in request or "AttributeUpdates" in request:
            context["dynamodb:Attributes"] = _named_by_update(request)
        return context

    iam.dynamodb_service_context = of_writes_too


def _named_by_update(request: dict[str, Any]) -> list[str]:
    """The top-level attributes that an UpdateItem names: its key, what it changes and what it checks."""
    names: dict[str, str] = request.get("ExpressionAttributeNames") or {}
    expressions = f"{request.get('UpdateExpression', '')} {request.get('ConditionExpression', '')}"
    # Only the first segment of a path. What follows a dot lies inside it; what follows a colon is a value.
    words: list[str] = re.findall(r"(?<![\w.:#])#?[A-Za-z_]\w*", expressions)
    attributes = {names.get(word, word) for word in words if word.upper() not in _EXPRESSION_WORDS}
    return sorted({*request.get("Key", {}), *request.get("AttributeUpdates", {}), *attributes})
