"""The calls that each function's role tries, and every way to read a table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.store import schema
from local.constants import ACCOUNT_ID, REGION

SPECIFIC = "SPECIFIC_ATTRIBUTES"
"""DynamoDB's `Select` where a read names its attributes."""

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
    """A call of AWS, harmless where it is granted.

    Attributes:
        service, operation, arguments: as boto3 names them.
        action: what IAM must grant for it, by AWS's Service Authorization Reference.
        resource: the ARN of what it is made on; `*` for an operation without a resource.
        names: the attributes that a read or an update of DynamoDB names; a read that names none asks for all.
        returns: the state of the item that a write of DynamoDB asks to be answered with.
    """

    service: str
    operation: str
    arguments: Mapping[str, Any]
    action: str
    resource: str
    names: tuple[str, ...] = ()
    returns: str = "NONE"

    def __str__(self) -> str:
        named = f" naming {', '.join(self.names)}" if self.names else ""
        returning = f" returning {self.returns}" if self.returns != "NONE" else ""
        return f"{self.service}.{self.operation}{named}{returning} on {self.resource.split(':', 5)[-1]}"

    @property
    def verb(self) -> str:
        """The action without its service."""
        return self.action.partition(":")[2]

    @property
    def is_specific(self) -> bool:
        """Whether it is a read whose `Select` is `SPECIFIC`."""
        return self.verb in READS and bool(self.names)

    def asks_for(self, attributes: Iterable[str]) -> bool:
        """Whether it reads one of these attributes, by name or because it reads all."""
        return self.verb in READS and (not self.names or not set(attributes).isdisjoint(self.names))

    def document(self) -> dict[str, Any]:
        """What `probe` gets of it."""
        return {"service": self.service, "operation": self.operation, "arguments": self.arguments}


def call(
    name: str,
    resource: str = "*",
    *,
    action: str = "",
    names: tuple[str, ...] = (),
    returns: str = "NONE",
    **arguments: Any,
) -> Call:
    """A call `service.operation`; its action has the same name unless another is given."""
    service, operation = name.split(".")
    same = "".join(word.capitalize() for word in operation.split("_"))
    return Call(
        service=service,
        operation=operation,
        arguments=arguments,
        action=action or f"{service}:{same}",
        resource=resource,
        names=names,
        returns=returns,
    )


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with its index.

    Attributes:
        key, index_key: names of attributes, of DynamoDB's type S but for the shard.
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
        functions, roles, log_groups: names, by function.
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
    for index in (False, True):
        for select in ("ALL_ATTRIBUTES", "COUNT"):
            yield _query(table, index=index, Select=select)
        yield _read("scan", table, index=index, Select="ALL_ATTRIBUTES")
    yield _query(table, index=True, Select="ALL_PROJECTED_ATTRIBUTES")
    key, every = typed_key(table.key), table.attributes
    yield _read("get_item", table, names=every, Key=key, AttributesToGet=list(every))
    get = [{"Get": {"TableName": table.name, "Key": key}}]
    yield call("dynamodb.transact_get_items", table.arn, action="dynamodb:GetItem", TransactItems=get)


def _reads_naming(table: Table, names: tuple[str, ...]) -> Iterator[Call]:
    key, projection = typed_key(table.key), projection_of(names)
    yield _read("get_item", table, names=names, Key=key, **projection)
    asked = {table.name: {"Keys": [key], **projection}}
    yield call("dynamodb.batch_get_item", table.arn, names=names, RequestItems=asked)
    for index in (False, True):
        yield _query(table, index=index, names=names)
        if len(names) != 1:
            yield _read("scan", table, index=index, names=names, **projection)


def _query(table: Table, *, index: bool, names: tuple[str, ...] = (), **more: Any) -> Call:
    key, projection = typed_key(table.index_key if index else table.key[:1]), projection_of(names)
    key_names = {f"#k{n}": name for n, name in enumerate(key)}
    arguments = {
        "KeyConditionExpression": " AND ".join(f"#k{n} = :k{n}" for n in range(len(key))),
        "ExpressionAttributeValues": {f":k{n}": value for n, value in enumerate(key.values())},
        **projection,
        "ExpressionAttributeNames": key_names | projection.get("ExpressionAttributeNames", {}),
    }
    return _read("query", table, index=index, names=names, **arguments, **more)


def _read(
    operation: str, table: Table, *, index: bool = False, names: tuple[str, ...] = (), **arguments: Any
) -> Call:
    where = {"TableName": table.name} | ({"IndexName": table.index} if index else {})
    resource = table.index_arn if index else table.arn
    return call(f"dynamodb.{operation}", resource, names=names, **where, **arguments)


def projection_of(names: tuple[str, ...]) -> dict[str, Any]:
    """The keywords by which a read names its attributes; none if it names none."""
    if not names:
        return {}
    return {
        "ProjectionExpression": ", ".join(f"#a{n}" for n in range(len(names))),
        "ExpressionAttributeNames": {f"#a{n}": name for n, name in enumerate(names)},
    }
