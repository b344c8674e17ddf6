"""The ingest function in front of AWS in memory: fast enough to be asked 100,000 times.

The fakes keep to what DynamoDB documents of items, keys and conditions, and refuse what they do not know.
Over moto, one request takes dozens of times as long; a test holds the fakes against it.
"""

# ruff: noqa: N803 - requests are spelled as the client spells them

import gc
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import structlog
from botocore.exceptions import ClientError

from handlers import ingest, logs
from handlers.intake.acceptance import Intake
from handlers.intake.authentication import Authenticator
from handlers.intake.idempotency import IdempotencyStore
from handlers.model.event import Event
from handlers.model.tenant import KeyState, hash_api_key
from handlers.store import schema
from handlers.store.events import EventStore
from handlers.store.items import event_of, plain, typed
from handlers.store.queue import Queue
from handlers.store.tenants import TenantStore
from tests.faults.fake_sqs import FakeSqs
from tests.handlers.factories import NOON, TARGET_URL, LambdaContext, a_body, a_request

# Names that no request has in it by chance: an answer with one of them gives something away.
ACCOUNT = "123456789012"
TENANT_TABLE, EVENTS_TABLE = "stack-tenants-5c1e", "stack-events-5c1e"
QUEUE_URL = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/stack-deliveries-5c1e"

API_KEY = "whk_" + "a" * 43
DISABLED_KEY = "whk_" + "d" * 43
USED_KEY = "order-42"
"""An idempotency key that came before, with `USED_BODY`."""
USED_BODY = a_body()

MAX_ITEM_BYTES = 409_600
_KEYS = {TENANT_TABLE: (schema.API_KEY,), EVENTS_TABLE: (schema.TENANT_ID, schema.EVENT_ID)}
_MAX_KEY_BYTES = 1024
_RECORD = "idempotency#"
_PAYLOAD = "payload#"

Row = Mapping[str, Mapping[str, Any]]
RowKey = tuple[str, ...]

# Every condition that taking an event in makes use of, by its text.
_CONDITIONS: Mapping[str, Callable[[Row | None, Row], bool]] = {
    "attribute_not_exists(#id)": lambda row, _: row is None,
    f"attribute_not_exists(#id) OR #{schema.EXPIRES_AT} <= :now": lambda row, values: (
        row is None or int(row[schema.EXPIRES_AT]["N"]) <= int(values[":now"]["N"])
    ),
    f"#{schema.FIRST_EVENT_ID} = :first": lambda row, values: (
        row is not None and row[schema.FIRST_EVENT_ID] == values[":first"]
    ),
}


class FakeDynamoDb:
    """As much of the DynamoDB client as taking an event in calls."""

    def __init__(self) -> None:
        self.rows: dict[RowKey, Row] = {}

    def get_item(self, *, TableName: str, Key: Row, **_: Any) -> dict[str, Any]:
        row = self.rows.get(_row_key(TableName, Key))
        return {} if row is None else {"Item": row}

    def put_item(
        self,
        *,
        TableName: str,
        Item: Row,
        ConditionExpression: str,
        ExpressionAttributeValues: Row | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        key = _row_key(TableName, Item)
        if sum(len(name.encode()) + _size(value) for name, value in Item.items()) > MAX_ITEM_BYTES:
            raise _refused("ValidationException")
        if not _CONDITIONS[ConditionExpression](self.rows.get(key), ExpressionAttributeValues or {}):
            raise _refused("ConditionalCheckFailedException")
        self.rows[key] = Item
        return {}


def _row_key(table: str, row: Row) -> RowKey:
    values = tuple(row[name]["S"] for name in _KEYS[table])
    if not all(0 < len(value.encode()) <= _MAX_KEY_BYTES for value in values):
        raise _refused("ValidationException")
    return (table, *values)


def _size(value: Mapping[str, Any]) -> int:
    ((_, content),) = value.items()
    return len(content.encode()) if isinstance(content, str) else len(bytes(content))


def _refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}"}}, "call")


class Backend(Protocol):
    """What the ingest function is wired to, and what can be seen of it afterwards."""

    dynamodb: Any
    sqs: Any
    queue_url: str
    tables: tuple[str, str]

    def rows(self) -> dict[RowKey, Row]:
        """All rows of the table of events, by table and key."""
        ...

    def messages(self) -> list[str]:
        """The bodies of all messages."""
        ...

    def reset(self, rows: Mapping[RowKey, Row]) -> None:
        """Only these rows, and no message."""
        ...


class InMemory:
    """The backend of the fuzzing."""

    queue_url, tables = QUEUE_URL, (TENANT_TABLE, EVENTS_TABLE)

    def __init__(self) -> None:
        self.dynamodb, self.sqs = FakeDynamoDb(), FakeSqs(lambda: 0.0)
        self.sqs.create_queue(QUEUE_URL)
        for api_key, state in ((API_KEY, KeyState.ACTIVE), (DISABLED_KEY, KeyState.DISABLED)):
            row = typed(a_tenant_row(api_key, state))
            self.dynamodb.rows[_row_key(TENANT_TABLE, row)] = row
        self._tenants = dict(self.dynamodb.rows)

    def rows(self) -> dict[RowKey, Row]:
        return {key: row for key, row in self.dynamodb.rows.items() if key[0] == EVENTS_TABLE}

    def messages(self) -> list[str]:
        return self.sqs.bodies(QUEUE_URL)

    def reset(self, rows: Mapping[RowKey, Row]) -> None:
        self.dynamodb.rows = {**self._tenants, **rows}
        self.sqs.purge_queue(QueueUrl=QUEUE_URL)


def a_tenant_row(api_key: str, state: str) -> dict[str, str]:
    """A tenant's row with its key's hash, as it lies in `TenantApiKeys`."""
    return {
        schema.API_KEY: hash_api_key(api_key),
        schema.TENANT_ID: "acme",
        schema.TARGET_URL: TARGET_URL,
        schema.WEBHOOK_SECRET: "whsec_of-acme",
        schema.STATE: state,
        schema.CREATED_AT: "2026-11-23T12:00:00.000Z",
    }


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one request.

    Attributes:
        answer: what the function returned; empty when it raised `error` instead.
        stored: the events that are new in the table.
        changed: how many rows are new or other than before, events included.
        queued: the ids that messages name.
        used_event_id: of the event that came under `USED_KEY` before.
        logged: all lines of the log.
        cpu_ms: processor time of this thread.
    """

    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    error: Exception | None
    stored: list[Event]
    changed: int
    queued: list[str]
    used_event_id: str
    logged: str
    cpu_ms: float


class FrontDoor:
    """The ingest function with one tenant, a disabled key and a used idempotency key, the same each time."""

    def __init__(self, backend: Backend | None = None) -> None:
        self._backend = backend or InMemory()
        self._before: dict[RowKey, Row] = {}
        self._used_event_id = ""
        used = self.ask(a_request(USED_BODY, api_key=API_KEY, headers={"idempotency-key": USED_KEY}))
        (self._used_event_id,) = used.queued
        self._before = self._backend.rows()

    def ask(self, request: Mapping[str, Any]) -> Outcome:
        """What comes of a request, whatever came before it."""
        self._backend.reset(self._before)
        service, log, answer, error = self._service(), io.StringIO(), {}, None
        with _logging_to(log), _no_garbage_collection():
            logs.begin(LambdaContext())
            began = time.thread_time()
            try:
                answer = ingest.respond(dict(request), service)
            except Exception as raised:  # noqa: BLE001 - whatever it is, it is a fault to be told
                error = raised
            cpu_ms = (time.thread_time() - began) * 1000
        rows = self._backend.rows()
        new = {key: row for key, row in rows.items() if self._before.get(key) != row}
        return Outcome(
            request=request,
            answer=answer,
            error=error,
            stored=list(self._events(new)),
            changed=len(new),
            queued=[json.loads(body)["eventId"] for body in self._backend.messages()],
            used_event_id=self._used_event_id,
            logged=log.getvalue(),
            cpu_ms=cpu_ms,
        )

    def _service(self) -> ingest.Service:
        dynamodb, (tenants, events) = self._backend.dynamodb, self._backend.tables
        return ingest.Service(
            authenticator=Authenticator(TenantStore(dynamodb, tenants), lambda: 0.0),
            intake=Intake(
                events=EventStore(dynamodb, events),
                idempotency=IdempotencyStore(
                    dynamodb, events, lifetime=timedelta(hours=24), pause=lambda _: None
                ),
                queue=Queue(self._backend.sqs, self._backend.queue_url),
                clock=lambda: NOON,
                shards=1,
                retention=timedelta(days=30),
            ),
        )

    @staticmethod
    def _events(rows: Mapping[RowKey, Row]) -> Iterator[Event]:
        by_id = {key[-1]: plain(row) for key, row in rows.items()}
        for event_id, row in by_id.items():
            if not event_id.startswith((_RECORD, _PAYLOAD)):
                yield event_of(row, by_id.get(_PAYLOAD + event_id, row))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """None meanwhile: it would go through all that a fuzzer holds, and be counted as the function's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _logging_to(stream: io.StringIO) -> Iterator[None]:
    """Log as in production, to a stream rather than to standard output."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(stream))
    try:
        yield
    finally:
        structlog.configure(**before)
