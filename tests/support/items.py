"""DynamoDB items as plain Python values, and back."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_to_python, _to_dynamodb = TypeDeserializer().deserialize, TypeSerializer().serialize


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an item."""
    return {name: _to_python(value) for name, value in item.items()}


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """An item of these values."""
    return {name: _to_dynamodb(value) for name, value in values.items()}
