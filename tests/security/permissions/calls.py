"""The calls that each function's role tries: what it is granted, and above all what it is not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.store import schema
from local.constants import ACCOUNT_ID, REGION

SPECIFIC = "SPECIFIC_ATTRIBUTES"
"""What DynamoDB's `Select` is when a read names its attributes."""

NOBODY = "probe"

SECRETS = (schema.WEBHOOK_SECRET, schema.PREVIOUS_WEBHOOK_SECRET)
PAYLOADS = (schema.PAYLOAD, schema.PAYLOAD_ENCODING)
READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "PartiQLSelect"})
WRITES = frozenset(
    {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}
    | {"PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"}
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of AWS, harmless where it is answered.

    Attributes:
        service, operation, arguments: as boto3 names them.
        action: what IAM has to grant for it, by AWS's Service Authorization Reference.
        resource: the ARN on which; `*` for an operation that has none.
        names: the attributes that a read or an update of DynamoDB names; a read that names none asks for all.
        select: of a read of DynamoDB.
        returns: of a write of DynamoDB: which state of the item it is answered with.
    """

    service: str
    operation: str
    arguments: Mapping[str, Any]
    action: str
    resource: str
    names: tuple[str, ...] = ()
    select: str = "ALL_ATTRIBUTES"
    returns: str = "NONE"

    def __str__(self) -> str:
        named = f" naming {', '.join(self.names)}" if self.names else ""
        returning = f" returning {self.returns}" if self.returns != "NONE" else ""
        return f"{self.service}.{self.operation}{named}{returning} on {self.resource.split(':', 5)[-1]}"

    @property
    def verb(self) -> str:
        """The action without its service."""
        return self.action.partition(":")[2]

    def asks_for(self, attributes: Iterable[str]) -> bool:
        """Whether it reads one of these attributes, by name or because it reads all."""
        return self.verb in READS and (not self.names or not set(attributes).isdisjoint(self.names))

    def document(self) -> dict[str, Any]:
        """What `probe` is told of it."""
        return {"service": self.service, "operation": self.operation, "arguments": self.arguments}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with its index.

    Attributes:
        key, index_key: attributes of DynamoDB's type S, unless told otherwise.
        attributes: all that its items may have.
    """

    name: str
    key: tuple[str, ...]
    index: str
    index_key: tuple[str, ...]
    attributes: tuple[str, ...]

    @property
    def arn(self) -> str:
        return f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{self.name}"

    @property
    def index_arn(self) -> str:
        return f"{self.arn}/index/{self.index}"


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What the calls are aimed at.

    Attributes:
        functions, roles, log_groups: names, by the function that they belong to.
        rule: the name of the rule that runs the reconciler.
        mapping: the id of the event source mapping.
    """

    tenants: Table
    events: Table
    queue_url: str
    dlq_url: str
    functions: Mapping[str, str]
    roles: Mapping[str, str]
    log_groups: Mapping[str, str]
    rule: str
    mapping: str


def tenants_table(name: str) -> Table:
    return Table(
        name=name,
        key=(schema.API_KEY,),
        index=schema.TENANT_ID_INDEX,
        index_key=(schema.TENANT_ID,),
        attributes=(
            schema.API_KEY,
            schema.TENANT_ID,
            schema.TARGET_URL,
            *SECRETS,
            schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT,
            schema.STATE,
            schema.CREATED_AT,
        ),
    )


def events_table(name: str) -> Table:
    return Table(
        name=name,
        key=(schema.TENANT_ID, schema.EVENT_ID),
        index=schema.STATUS_INDEX,
        index_key=(schema.STATUS, schema.SHARD),
        attributes=(
            *schema.LIFE_SIGNS,
            *PAYLOADS,
            schema.TYPE,
            schema.SHARD,
            schema.TARGET_URL,
            schema.ATTEMPTS,
            schema.ATTEMPT_HISTORY,
            schema.DELIVERED_AT,
            schema.HELD_UNTIL,
            schema.LAST_ERROR,
            schema.BODY_HASH,
            schema.FIRST_EVENT_ID,
            schema.QUEUED,
        ),
    )


def typed_key(names: tuple[str, ...]) -> dict[str, Any]:
    """A key that no item has."""
    return {name: {"N": "0"} if name == schema.SHARD else {"S": NOBODY} for name in names}


def reads(table: Table) -> Iterator[Call]:
    """Every way to read a table and its index: each attribute by itself, all of them, and none named."""
    for names in ((), table.attributes, *((name,) for name in table.attributes)):
        yield from _reads_naming(table, names)
    select = {"Select": "ALL_ATTRIBUTES"}
    for index in (False, True):
        yield _query(table, index=index, names=(), more=select)
        yield _query(table, index=index, names=(), more={"Select": "COUNT"})
        yield _read("scan", table, "Scan", select, index=index)
    yield _query(table, index=True, names=(), more={"Select": "ALL_PROJECTED_ATTRIBUTES"})
    legacy = {"Key": typed_key(table.key), "AttributesToGet": list(table.attributes)}
    yield _read("get_item", table, "GetItem", legacy, names=table.attributes)
    get = {"TableName": table.name, "Key": typed_key(table.key)}
    yield Call(
        service="dynamodb",
        operation="transact_get_items",
        arguments={"TransactItems": [{"Get": get}]},
        action="dynamodb:GetItem",
        resource=table.arn,
    )


def _reads_naming(table: Table, names: tuple[str, ...]) -> Iterator[Call]:
    projection = projection_of(names)
    key = typed_key(table.key)
    yield _read("get_item", table, "GetItem", {"Key": key, **projection}, names=names)
    yield Call(
        service="dynamodb",
        operation="batch_get_item",
        arguments={"RequestItems": {table.name: {"Keys": [key], **projection}}},
        action="dynamodb:BatchGetItem",
        resource=table.arn,
        names=names,
        select=SPECIFIC if names else "ALL_ATTRIBUTES",
    )
    for index in (False, True):
        yield _query(table, index=index, names=names)
        if len(names) != 1:
            yield _read("scan", table, "Scan", projection, names=names, index=index)


def _query(
    table: Table, *, index: bool, names: tuple[str, ...], more: Mapping[str, Any] | None = None
) -> Call:
    key = typed_key(table.index_key if index else table.key[:1])
    arguments = {
        "KeyConditionExpression": " AND ".join(f"#k{n} = :k{n}" for n in range(len(key))),
        "ExpressionAttributeValues": {f":k{n}": value for n, value in enumerate(key.values())},
        **projection_of(names),
        **(more or {}),
    }
    arguments["ExpressionAttributeNames"] = {f"#k{n}": name for n, name in enumerate(key)} | arguments.get(
        "ExpressionAttributeNames", {}
    )
    return _read("query", table, "Query", arguments, names=names, index=index)


def _read(
    operation: str,
    table: Table,
    action: str,
    arguments: Mapping[str, Any],
    *,
    names: tuple[str, ...] = (),
    index: bool = False,
) -> Call:
    return Call(
        service="dynamodb",
        operation=operation,
        arguments={"TableName": table.name, **({"IndexName": table.index} if index else {}), **arguments},
        action=f"dynamodb:{action}",
        resource=table.index_arn if index else table.arn,
        names=names,
        select=SPECIFIC if names else "ALL_ATTRIBUTES",
    )


def projection_of(names: tuple[str, ...]) -> dict[str, Any]:
    """The keywords by which a read names its attributes; none when it names none."""
    if not names:
        return {}
    return {
        "ProjectionExpression": ", ".join(f"#a{n}" for n in range(len(names))),
        "ExpressionAttributeNames": {f"#a{n}": name for n, name in enumerate(names)},
    }
