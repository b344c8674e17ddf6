"""One invocation of a function in a story: its clients, which see what it does, and what befalls it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ReadTimeoutError

from handlers.delivery.attempt import Result
from handlers.intake.idempotency import IdempotencyStore
from handlers.model.delivery import Status
from handlers.model.event import Event, EventKey
from handlers.model.tenant import ApiKeyHolder, KeyState, Tenant
from handlers.store.aws import AWS_ERRORS
from handlers.store.events import EventStore
from handlers.store.items import plain
from handlers.store.queue import Queue
from handlers.store.schema import ATTEMPTS, QUEUED_AT
from handlers.store.tenants import TenantStore
from tests.faults.life.records import (
    API_KEYS,
    HOUR,
    KEY_SECONDS,
    Dies,
    Fault,
    Interlude,
    Kind,
    key_in_item,
    key_in_message,
)
from tests.handlers.conftest import EVENTS_TABLE
from tests.handlers.factories import TARGET_URL, a_tenant, an_attempt

if TYPE_CHECKING:
    from tests.faults.life.world import World


class Process:
    """One invocation of a function: what it calls, what befalls it, and what it changes."""

    def __init__(
        self, world: "World", fault: Fault | None = None, interlude: Interlude | None = None
    ) -> None:
        self.world, self.fault, self.interlude = world, fault, interlude
        self.calls = 0
        self.last_attempt: int | None = None
        self.dead = self.failed = False
        self.use: tuple[str, str] | None = None
        self.requeues = False
        self.silent_since: datetime | None = None
        self.waiting = 0
        self.received: dict[str, EventKey] = {}
        self.marked: set[EventKey] = set()
        self.sent: list[EventKey] = []
        self.changes: list[Any] = []

    def run(self, invocation: Callable[[], Any]) -> Any:
        """What it answers; None if it died or raised."""
        try:
            answer = invocation()
        except Dies:
            return None
        except AWS_ERRORS as error:
            self.world.require("AWS errors only when AWS fails", self.failed, repr(error))
            return None
        # Threads of the worker keep to themselves that they died.
        return None if self.dead else answer

    def call(self, make: Callable[[], Any]) -> Any:
        """Make a call to AWS."""
        self._begin_call()
        self._interrupt()
        kind = self._befalls()
        if kind is Kind.DIES_BEFORE:
            self._die()
        if kind is Kind.THROTTLED:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "operation")
        answer = make()
        if kind is Kind.DIES_AFTER:
            self._die()
        if kind is Kind.UNANSWERED:
            raise ReadTimeoutError(endpoint_url="https://aws.example")
        return make() if kind is Kind.REPEATED else answer

    def deliver(self, event: Event, _: Tenant | None) -> Result:
        """Make an attempt."""
        self._begin_call()
        kind = self._befalls()
        attempt = self.world.attempt_begins(event)
        self._interrupt(attempting=True)
        attempt.over = True
        if kind is Kind.DIES_BEFORE:
            self._die()
        attempt.answer, self.last_attempt = next(self.world.answers), self.calls
        if kind is Kind.DIES_AFTER:
            self._die()
        return Result(
            attempt=an_attempt(attempt.answer, at=attempt.at),
            permanent=attempt.answer == "http_410",
            retry_after_seconds=HOUR if attempt.answer == "http_429" else None,
        )

    def _begin_call(self) -> None:
        if self.dead:
            raise Dies
        self.calls += 1

    def _interrupt(self, *, attempting: bool = False) -> None:
        if self.interlude and self.interlude.call in (self.calls, None if attempting else self.calls):
            self.world.happen(self.interlude, within=self)

    def _befalls(self) -> Kind | None:
        records = self.last_attempt is not None and self.calls == self.last_attempt + 1
        if self.fault is None or self.fault.call not in (self.calls, None if records else self.calls):
            return None
        self.failed = True
        return self.fault.kind

    def _die(self) -> None:
        self.dead = True
        raise Dies

    @property
    def events(self) -> EventStore:
        return EventStore(Table(self), EVENTS_TABLE, clock=self.world.clock, pause=no_pause)

    @property
    def idempotency(self) -> IdempotencyStore:
        lifetime = timedelta(seconds=KEY_SECONDS)
        return IdempotencyStore(Table(self), EVENTS_TABLE, lifetime=lifetime, pause=no_pause)

    def queue(self, url: str) -> Queue:
        return Queue(Sqs(self), url)


class Table:
    """The DynamoDB client of one process; what it writes is seen."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._client = process.world.dynamodb

    def get_item(self, **request: Any) -> Any:
        return self._process.call(lambda: self._client.get_item(**request))

    def batch_get_item(self, **request: Any) -> Any:
        return self._process.call(lambda: self._client.batch_get_item(**request))

    def query(self, **request: Any) -> Any:
        return self._process.call(lambda: self._client.query(**request))

    def get_paginator(self, operation: str) -> Any:
        return Pages(self._process, self._client, operation)

    def put_item(self, **request: Any) -> Any:
        def put() -> Any:
            answer = self._client.put_item(**request)
            self._process.changes.append(request)
            self._process.world.stored(plain(request["Item"]), self._process.use)
            return answer

        return self._process.call(put)

    def update_item(self, **request: Any) -> Any:
        def update() -> Any:
            answer = self._client.update_item(**request)
            self._process.changes.append(request)
            self._seen(request)
            return answer

        return self._process.call(update)

    def _seen(self, request: dict[str, Any]) -> None:
        world, since = self._process.world, self._process.silent_since
        key, sets = key_in_item(plain(request["Key"])), _sets(request)
        life = world.lives[key]
        if since is not None:
            world.require("the reconciler lets be what shows a sign of life", life.silent_since(since), life)
        reset = sets.get(ATTEMPTS) == 0
        world.require("only a requeue begins anew", not reset or self._process.requeues, life)
        world.updated(
            life, {name: life.item[name] for name in life.item.keys() - _removes(request)} | sets, reset=reset
        )
        if QUEUED_AT in sets:
            self._process.marked.add(key)
            life.queued_again_at = world.clock()


@dataclass(frozen=True)
class Pages:
    """A paginator of one process; no table of a story needs more than a page."""

    process: Process
    client: Any
    operation: str

    def paginate(self, **request: Any) -> Iterator[Any]:
        yield self.process.call(lambda: getattr(self.client, self.operation)(**request))


class Sqs:
    """The SQS client of one process; what it sends and deletes is seen."""

    def __init__(self, process: Process) -> None:
        self._process, self._sqs = process, process.world.sqs

    def receive_message(self, **request: Any) -> Any:
        def receive() -> Any:
            answer = self._sqs.receive_message(**request)
            for message in answer.get("Messages", []):
                self._process.received[message["ReceiptHandle"]] = key_in_message(message["Body"])
            return answer

        return self._process.call(receive)

    def change_message_visibility(self, **request: Any) -> Any:
        return self._process.call(lambda: self._sqs.change_message_visibility(**request))

    def get_queue_attributes(self, **request: Any) -> Any:
        def count() -> Any:
            answer = self._sqs.get_queue_attributes(**request)
            self._process.waiting = int(answer["Attributes"]["ApproximateNumberOfMessages"])
            return answer

        return self._process.call(count)

    def send_message(self, **request: Any) -> Any:
        def send() -> Any:
            key = key_in_message(request["MessageBody"])
            self._process.world.require(
                "what is queued is in the table", key in self._process.world.lives, key
            )
            marked = self._process.silent_since is None or key in self._process.marked
            self._process.world.require("the reconciler sends only what it has marked", marked, key)
            self._process.changes.append(request)
            self._process.sent.append(key)
            return self._sqs.send_message(**request)

        return self._process.call(send)

    def delete_message(self, **request: Any) -> Any:
        def delete() -> Any:
            key, process = self._process.received[request["ReceiptHandle"]], self._process
            safe = key in process.sent or process.world.lives[key].status == Status.DELIVERED
            process.world.require("a dead letter goes only once its event was sent anew", safe, key)
            process.changes.append(request)
            return self._sqs.delete_message(**request)

        return self._process.call(delete)


class KnownTenants(TenantStore):
    """The tenants, without their table; asking for them is a call all the same."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def holder_of(self, api_key: str) -> ApiKeyHolder | None:
        tenant_id = next(tenant_id for tenant_id, known in API_KEYS.items() if known == api_key)
        holder = ApiKeyHolder(tenant_id=tenant_id, target_url=TARGET_URL, state=KeyState.ACTIVE)
        return self._process.call(lambda: holder)

    def find(self, tenant_id: str) -> Tenant | None:
        return self._process.call(lambda: a_tenant(tenant_id=tenant_id))

    def target_url_of(self, tenant_id: str) -> str | None:
        return self._process.call(lambda: TARGET_URL)


def _sets(update: dict[str, Any]) -> dict[str, Any]:
    """The values that an update sets, by attribute: `SET #a = :a, #b = :b` is all that the store says."""
    values, names = plain(update["ExpressionAttributeValues"]), update["ExpressionAttributeNames"]
    pairs = re.findall(r"(#\w+) = (:\w+)", update["UpdateExpression"])
    return {names[name]: values[value] for name, value in pairs}


def _removes(update: dict[str, Any]) -> set[str]:
    """The attributes that an update takes away."""
    _, _, removed = update["UpdateExpression"].partition(" REMOVE ")
    return {update["ExpressionAttributeNames"][name] for name in re.findall(r"#\w+", removed)}


def no_pause(_: float) -> None: ...
