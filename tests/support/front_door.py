"""The ingest function in front of AWS in memory: fast enough to be asked 100,000 times.

The fake keeps to what DynamoDB documents of items and keys; moto evaluates the conditions. A request through
all of moto takes dozens of times as long; a test compares the two.
"""

# ruff: noqa: N803 - requests are spelled as the client spells them

import gc
import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from botocore.exceptions import ClientError
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from handlers import ingest, logs
from handlers.intake.acceptance import Acceptance
from handlers.intake.authentication import Authenticator
from handlers.intake.routes import SEND_EVENT
from handlers.model.delivery import Delivery
from handlers.model.event import EventKey
from handlers.model.tenant import KeyState, hash_api_key
from handlers.store import schema
from handlers.store.deliveries import DeliveryStore
from handlers.store.events import EventStore
from handlers.store.idempotency import IdempotencyStore
from handlers.store.queue import Queue
from handlers.store.table import Table, typed
from handlers.store.tenants import TenantStore
from tests.support.factories import NOON, TARGET_URL, LambdaContext, a_body
from tests.support.fake_sqs import FakeSqs

# No request holds these names by chance: an answer with one of them gives something away.
ACCOUNT = "123456789012"
TENANT_TABLE, EVENTS_TABLE = "stack-tenants-5c1e", "stack-events-5c1e"
QUEUE_URL = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/stack-deliveries-5c1e"

API_KEY = "whk_" + "a" * 43
DISABLED_KEY = "whk_" + "d" * 43
UNKNOWN_KEY = "whk_" + "u" * 43
USED_KEY = "order-42"
"""An idempotency key that was used before, with `USED_BODY`."""
USED_BODY = a_body()

_MAX_ITEM_BYTES, _MAX_KEY_BYTES = 409_600, 1024
_KEYS = {TENANT_TABLE: (schema.API_KEY,), EVENTS_TABLE: (schema.TENANT_ID, schema.EVENT_ID)}

Row = Mapping[str, Mapping[str, Any]]
Rows = dict[tuple[str, ...], Row]
"""Rows by table and key."""


def a_request(
    headers: Mapping[str, str] | None = None,
    *,
    path: str = SEND_EVENT.path,
    method: str = "POST",
    body: str = USED_BODY,
    encoded: bool = False,
) -> dict[str, Any]:
    """A request of the HTTP API, payload format 2.0, that is right except for what is passed."""
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {"content-type": "application/json"} | dict(headers or {"x-api-key": API_KEY}),
        "requestContext": {"http": {"method": method, "path": path}},
        "body": body,
        "isBase64Encoded": encoded,
    }


def tenant_row(api_key: str, state: str) -> Row:
    """The tenant's row for an API key."""
    return typed(
        {
            schema.API_KEY: hash_api_key(api_key),
            schema.TENANT_ID: "acme",
            schema.TARGET_URL: TARGET_URL,
            schema.WEBHOOK_SECRET: "whsec_of-acme",
            schema.STATE: state,
            schema.CREATED_AT: "2026-11-23T12:00:00.000Z",
        }
    )


TENANT_ROWS = (tenant_row(API_KEY, KeyState.ACTIVE), tenant_row(DISABLED_KEY, KeyState.DISABLED))


class FakeDynamoDb:
    """As much of the DynamoDB client as the ingest function calls, and a read of whole events."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get_item(self, *, TableName: str, Key: Row, **_: Any) -> dict[str, Any]:
        row = self._rows.get(_row_key(TableName, Key))
        return {} if row is None else {"Item": row}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        ((table, asked),) = RequestItems.items()
        found = (self._rows.get(_row_key(table, key)) for key in asked["Keys"])
        return {"Responses": {table: [row for row in found if row is not None]}}

    def put_item(
        self,
        *,
        TableName: str,
        Item: Row,
        ConditionExpression: str,
        ExpressionAttributeNames: dict[str, str],
        ExpressionAttributeValues: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        key = _row_key(TableName, Item)
        if sum(len(name.encode()) + _size(value) for name, value in Item.items()) > _MAX_ITEM_BYTES:
            raise _refused("ValidationException")
        condition = get_filter_expression(
            ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues
        )
        if not condition.expr(_moto_item(self._rows.get(key, {}))):
            raise _refused("ConditionalCheckFailedException")
        self._rows[key] = Item
        return {}


def _row_key(table: str, row: Row) -> tuple[str, ...]:
    values = tuple(row[name]["S"] for name in _KEYS[table])
    if not all(0 < len(value.encode()) <= _MAX_KEY_BYTES for value in values):
        raise _refused("ValidationException")
    return (table, *values)


def _size(value: Mapping[str, Any]) -> int:
    (content,) = value.values()
    return len(content.encode()) if isinstance(content, str) else len(bytes(content))


def _moto_item(row: Row) -> Item:
    return Item(DynamoType({"S": "unused"}), None, dict(row))


def _refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}"}}, "call")


class InMemory:
    """What the ingest function is wired to, and what can be seen of it afterwards."""

    queue_url, tables = QUEUE_URL, (TENANT_TABLE, EVENTS_TABLE)

    def __init__(self) -> None:
        self._rows: Rows = {_row_key(TENANT_TABLE, row): row for row in TENANT_ROWS}
        self._tenants = dict(self._rows)
        self.dynamodb: Any = FakeDynamoDb(self._rows)
        self.sqs: Any = FakeSqs(lambda: 0.0)
        self.sqs.create_queue(QUEUE_URL)

    def rows(self) -> Rows:
        """All rows of the table of events."""
        return {key: row for key, row in self._rows.items() if key[0] == EVENTS_TABLE}

    def messages(self) -> list[str]:
        """The bodies of all messages."""
        return self.sqs.bodies(QUEUE_URL)

    def reset(self, rows: Rows) -> None:
        """Leave only these rows of events, and no message."""
        self._rows.clear()
        self._rows.update(self._tenants | rows)
        self.sqs.purge_queue(QueueUrl=QUEUE_URL)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one request.

    Attributes:
        answer: what the function returned; empty if it raised `error` instead.
        stored: the events that are new in the table.
        changed: how many rows are new or changed, events included.
        queued: the ids that messages name.
        used_event_id: the id of the event that was made under `USED_KEY` before.
        logged: all lines of the log.
        cpu_ms: processor time of this thread.
    """

    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    error: Exception | None
    stored: list[Delivery]
    changed: int
    queued: list[str]
    used_event_id: str
    logged: str
    cpu_ms: float


class FrontDoor:
    """The ingest function with a tenant, a disabled key and a used idempotency key, anew for each request."""

    def __init__(self, backend: InMemory | None = None) -> None:
        self._backend = backend or InMemory()
        self._before: Rows = {}
        self._used_event_id = ""
        used = self.ask(a_request({"x-api-key": API_KEY, "idempotency-key": USED_KEY}))
        (self._used_event_id,) = used.queued
        self._before = self._backend.rows()

    def ask(self, request: Mapping[str, Any]) -> Outcome:
        """What comes of a request, whatever was asked before it."""
        self._backend.reset(self._before)
        service, log, answer, error = self._service(), io.StringIO(), {}, None
        with _logging_to(log), _no_garbage_collection():
            logs.begin(LambdaContext())
            began = time.thread_time()
            try:
                answer = ingest.respond(dict(request), service)
            except Exception as raised:  # noqa: BLE001 - every exception is a fault to report
                error = raised
            cpu_ms = (time.thread_time() - began) * 1000
        rows = self._backend.rows()
        changed = [key for key, row in rows.items() if self._before.get(key) != row]
        keys = [EventKey(tenant_id=tenant_id, event_id=event_id) for _, tenant_id, event_id in changed]
        return Outcome(
            request=request,
            answer=answer,
            error=error,
            stored=list(self._deliveries().read(keys).deliveries.values()),
            changed=len(changed),
            queued=[json.loads(body)["eventId"] for body in self._backend.messages()],
            used_event_id=self._used_event_id,
            logged=log.getvalue(),
            cpu_ms=cpu_ms,
        )

    def _deliveries(self) -> DeliveryStore:
        return DeliveryStore(table=self._tables()[1], clock=lambda: NOON)

    def _tables(self) -> tuple[Table, Table]:
        tenants, events = self._backend.tables
        return Table(self._backend.dynamodb, tenants), Table(self._backend.dynamodb, events)

    def _service(self) -> ingest.Service:
        tenants, events = self._tables()
        return ingest.Service(
            authenticator=Authenticator(TenantStore(tenants), lambda: 0.0),
            acceptance=Acceptance(
                events=EventStore(table=events, shards=1, retention=timedelta(days=30)),
                idempotency=IdempotencyStore(table=events, lifetime=timedelta(hours=24)),
                queue=Queue(self._backend.sqs, self._backend.queue_url),
                clock=lambda: NOON,
                pause=lambda _: None,
            ),
        )


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep the collector off: it would walk all that a fuzzer holds, and count as the function's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _logging_to(stream: io.StringIO) -> Iterator[None]:
    """Log as in production, but to a stream."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(stream))
    try:
        yield
    finally:
        structlog.configure(**before)
