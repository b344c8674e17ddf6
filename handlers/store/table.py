"""One DynamoDB table, and the only place that writes DynamoDB's expressions.

Callers give keys, attributes and conditions (`boto3.dynamodb.conditions`) as plain values. Every method
raises botocore's ClientError or BotoCoreError when DynamoDB did not do it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_BATCH_GET_ROUNDS = 5

Item: TypeAlias = Mapping[str, Any]
"""An item, or its key: values by attribute."""

_to_python = TypeDeserializer().deserialize
_to_dynamodb = TypeSerializer().serialize


def typed(item: Item) -> dict[str, Any]:
    """An item in DynamoDB's own form."""
    return {name: _to_dynamodb(value) for name, value in item.items()}


def plain(item: Item) -> dict[str, Any]:
    """An item in DynamoDB's own form, as Python's values."""
    return {name: _to_python(value) for name, value in item.items()}


class ConflictError(Exception):
    """Somebody else's write stands in the way of ours."""


class Table:
    """A table, read consistently where DynamoDB can."""

    def __init__(
        self, client: "DynamoDBClient", name: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """Open the table.

        Args:
            client: a DynamoDB client.
            name: the table's.
            pause: waits so many seconds between the rounds of a throttled batch read.
        """
        self._client = client
        self._name = name
        self._pause = pause

    def get(self, key: Item, attributes: Sequence[str]) -> dict[str, Any] | None:
        """These attributes of one item, or None."""
        answer = self._client.get_item(
            TableName=self._name, Key=typed(key), ConsistentRead=True, **_Request().projecting(attributes)
        )
        return None if (item := answer.get("Item")) is None else plain(item)

    def batch_get(
        self, keys: Sequence[Item], attributes: Sequence[str] = ()
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read up to 100 items, asking again for those that DynamoDB left out for its own load.

        Args:
            keys: of the items.
            attributes: to read; all unless some are named.

        Returns:
            The items that are there, and the keys that DynamoDB did not get to.
        """
        left: list[Any] = [typed(key) for key in keys]
        items: list[dict[str, Any]] = []
        for round_ in range(_BATCH_GET_ROUNDS):
            if not left:
                break
            if round_:
                self._pause(0.05 * 2**round_)
            asked: Any = {"Keys": left, "ConsistentRead": True, **_Request().projecting(attributes)}
            answer = self._client.batch_get_item(RequestItems={self._name: asked})
            items += map(plain, answer["Responses"].get(self._name, []))
            unprocessed: dict[str, Any] = dict(answer.get("UnprocessedKeys", {}))
            left = unprocessed.get(self._name, {}).get("Keys", [])
        return items, [plain(key) for key in left]

    def query(
        self,
        *conditions: ConditionBase,
        index: str | None = None,
        attributes: Sequence[str] = (),
        newest: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The items that conditions on their keys select, in the order of the sort key.

        Eventually consistent.

        Args:
            conditions: of one `Key` each; all must be met.
            index: asked instead of the table.
            attributes: to read; all that the index has unless some are named.
            newest: give so many from the end backwards; all from the beginning unless given.
        """
        request = _Request()
        selected = " AND ".join(request.condition(each, of_keys=True) for each in conditions)
        arguments: dict[str, Any] = {"KeyConditionExpression": selected}
        if index:
            arguments["IndexName"] = index
        if attributes:
            # DynamoDB's default where attributes are named; stated, since the roles' conditions ask for it.
            arguments["Select"] = "SPECIFIC_ATTRIBUTES"
        if newest:
            arguments |= {"ScanIndexForward": False, "PaginationConfig": _first(newest)}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name, **arguments, **request.projecting(attributes)
        )
        for page in pages:
            yield from map(plain, page["Items"])

    def scan(
        self, *, only_if: ConditionBase | None = None, attributes: Sequence[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """All items, or those that meet a condition; all attributes unless some are named."""
        request = _Request()
        arguments = {"FilterExpression": request.condition(only_if)} if only_if else {}
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._name, ConsistentRead=True, **arguments, **request.projecting(attributes)
        )
        for page in pages:
            yield from map(plain, page["Items"])

    def put(self, item: Item, *, only_if: ConditionBase | None = None) -> bool:
        """Write a whole item.

        Returns:
            False when the item that is there does not meet the condition: nothing is written then.
        """
        request = _Request()
        arguments = {"ConditionExpression": request.condition(only_if)} if only_if else {}
        return _is_met(
            lambda: self._client.put_item(
                TableName=self._name, Item=typed(item), **arguments, **request.placeholders()
            )
        )

    def update(self, key: Item, changes: Item, *, only_if: ConditionBase) -> bool:
        """Change attributes of one item.

        Args:
            key: the item's.
            changes: values by attribute; None removes the attribute.
            only_if: what the item must meet.

        Returns:
            False when the item does not meet the condition: nothing is written then.
        """
        update: Any = self.updating(key, changes, only_if=only_if)["Update"]
        return _is_met(lambda: self._client.update_item(**update))

    def delete(self, key: Item) -> None:
        """Remove an item."""
        self._client.delete_item(TableName=self._name, Key=typed(key))

    def updating(self, key: Item, changes: Item, *, only_if: ConditionBase) -> dict[str, Any]:
        """An update, as `write_together` takes it. Arguments as in `update`."""
        request = _Request()
        update = {
            "TableName": self._name,
            "Key": typed(key),
            "UpdateExpression": request.update(changes),
            "ConditionExpression": request.condition(only_if),
        }
        return {"Update": update | request.placeholders()}

    def putting(self, item: Item) -> dict[str, Any]:
        """A put without a condition, as `write_together` takes it."""
        return {"Put": {"TableName": self._name, "Item": typed(item)}}

    def write_together(self, writes: Sequence[Any]) -> None:
        """Make up to 100 writes, or none of them.

        Raises:
            ConflictError: a condition was not met, or somebody else wrote to an item at the same time.
        """
        try:
            self._client.transact_write_items(TransactItems=writes)
        except ClientError as error:
            response: Mapping[str, Any] = error.response
            reasons = {reason.get("Code") for reason in response.get("CancellationReasons", ())}
            if reasons.isdisjoint({"ConditionalCheckFailed", "TransactionConflict"}):
                raise
            raise ConflictError from error


class _Request:
    """The expressions of one request, and the placeholders that stand in them for names and values."""

    def __init__(self) -> None:
        self._builder = ConditionExpressionBuilder()
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def condition(self, condition: ConditionBase, *, of_keys: bool = False) -> str:
        built = self._builder.build_expression(condition, is_key_condition=of_keys)
        self._names |= built.attribute_name_placeholders
        self._values |= built.attribute_value_placeholders
        return built.condition_expression

    def update(self, changes: Item) -> str:
        sets = {name: value for name, value in changes.items() if value is not None}
        self._values |= {f":{name}": value for name, value in sets.items()}
        clauses = {
            "SET": [f"{self._name(name)} = :{name}" for name in sets],
            "REMOVE": [self._name(name) for name in changes if name not in sets],
        }
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)

    def projecting(self, attributes: Sequence[str]) -> dict[str, Any]:
        """The request's arguments, with a projection to these attributes unless there are none."""
        projection = {"ProjectionExpression": ", ".join(map(self._name, attributes))} if attributes else {}
        return projection | self.placeholders()

    def placeholders(self) -> dict[str, Any]:
        """The request's arguments that tell what the placeholders stand for; DynamoDB refuses empty ones."""
        arguments = {
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": typed(self._values),
        }
        return {name: value for name, value in arguments.items() if value}

    def _name(self, attribute: str) -> str:
        self._names[f"#{attribute}"] = attribute
        return f"#{attribute}"


def _first(count: int) -> dict[str, int]:
    return {"MaxItems": count, "PageSize": count}


def _is_met(write: Callable[[], object]) -> bool:
    try:
        write()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            return False
        raise
    return True
