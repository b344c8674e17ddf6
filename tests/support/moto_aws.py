"""AWS in this process (moto), with the tables and queues of the contract."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from handlers.model.delivery import Delivery
from handlers.store import schema
from handlers.store.deliveries import DeliveryStore
from handlers.store.events import EventStore
from handlers.store.idempotency import IdempotencyStore
from handlers.store.queue import Queue
from handlers.store.stalled import StalledEvents
from handlers.store.status_index import StatusIndex
from handlers.store.table import Table
from handlers.store.tenant_registry import TenantRegistry
from handlers.store.tenants import TenantStore
from tests.support.factories import Clock, an_attempt

TENANT_TABLE, EVENTS_TABLE = "TenantApiKeys", "Events"
SHARDS = 4
RETENTION = timedelta(days=30)


def events_table(client: Any, pause: Callable[[float], None] = lambda _: None) -> Table:
    return Table(client, EVENTS_TABLE, pause=pause)


def tenant_table(client: Any) -> Table:
    return Table(client, TENANT_TABLE)


@dataclass
class Aws:
    """Clients, stores and queues over one moto account."""

    dynamodb: Any
    sqs: Any
    clock: Clock
    queue_url: str
    dlq_url: str

    @property
    def table(self) -> Table:
        return events_table(self.dynamodb)

    @property
    def events(self) -> EventStore:
        return EventStore(table=self.table, shards=SHARDS, retention=RETENTION)

    @property
    def deliveries(self) -> DeliveryStore:
        return DeliveryStore(table=self.table, clock=self.clock)

    @property
    def index(self) -> StatusIndex:
        return StatusIndex(table=self.table, shards=SHARDS)

    @property
    def stalled(self) -> StalledEvents:
        return StalledEvents(table=self.table, clock=self.clock)

    @property
    def idempotency(self) -> IdempotencyStore:
        return IdempotencyStore(table=self.table, lifetime=timedelta(hours=24))

    @property
    def tenant_store(self) -> TenantStore:
        return TenantStore(tenant_table(self.dynamodb))

    @property
    def tenants(self) -> TenantRegistry:
        return TenantRegistry(tenant_table(self.dynamodb))

    @property
    def queue(self) -> Queue:
        return Queue(self.sqs, self.queue_url)

    @property
    def dlq(self) -> Queue:
        return Queue(self.sqs, self.dlq_url)

    def items(self, table: str = EVENTS_TABLE) -> list[dict[str, Any]]:
        return self.dynamodb.scan(TableName=table)["Items"]

    def item(self, delivery: Delivery) -> dict[str, Any]:
        """The stored item as plain values."""
        key = {"tenantId": {"S": delivery.key.tenant_id}, "eventId": {"S": delivery.key.event_id}}
        item = self.dynamodb.get_item(TableName=EVENTS_TABLE, Key=key, ConsistentRead=True)["Item"]
        deserialize = boto3.dynamodb.types.TypeDeserializer().deserialize
        return {name: deserialize(value) for name, value in item.items()}

    def attempted(self, delivery: Delivery, outcome: str, number: int = 1, **attempt: Any) -> bool:
        """Claim a delivery for an attempt and record what came of it: delivered, or to be tried again."""
        seen = self.deliveries.read([delivery.key]).deliveries[delivery.key]
        made = an_attempt(outcome, **attempt)
        self.deliveries.claim(seen, number=number, hold_seconds=60)
        if made.succeeded:
            return self.deliveries.mark_delivered(seen, made)
        return self.deliveries.mark_retry(seen, made, number)

    def failed(self, delivery: Delivery, outcome: str = "http_500", number: int = 6) -> bool:
        """Claim a delivery for its last attempt and record that it failed."""
        self.deliveries.claim(delivery, number=number, hold_seconds=60)
        return self.deliveries.mark_failed(delivery, an_attempt(outcome), number)

    def bodies(self, url: str) -> list[str]:
        """The bodies of all messages visible in a queue, which stay visible."""
        messages: list[Any] = []
        while found := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            messages += found
        for message in messages:
            self.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return [message["Body"] for message in messages]


class Impatient:
    """An SQS client that does not wait for messages: moto has them all or none."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def receive_message(self, **request: Any) -> Any:
        return self._client.receive_message(**request | {"WaitTimeSeconds": 0})


@pytest.fixture(scope="session")
def moto_clients() -> Iterator[tuple[Any, Any]]:
    """A DynamoDB and an SQS client for all tests: making them takes longer than most of the tests."""
    credentials = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in credentials:
            environment.setenv(name, "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.delenv("AWS_PROFILE", raising=False)
        yield boto3.client("dynamodb"), boto3.client("sqs")


@pytest.fixture
def aws(moto_clients: tuple[Any, Any]) -> Iterator[Aws]:
    dynamodb, sqs = moto_clients
    _create_tables(dynamodb)
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("deliveries", "deliveries-dlq")]
    yield Aws(dynamodb, Impatient(sqs), Clock(), *urls)
    for table in (TENANT_TABLE, EVENTS_TABLE):
        dynamodb.delete_table(TableName=table)
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def _create_tables(dynamodb: Any) -> None:
    dynamodb.create_table(
        TableName=TENANT_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[_hash(schema.API_KEY)],
        AttributeDefinitions=[_attribute(schema.API_KEY), _attribute(schema.TENANT_ID)],
        GlobalSecondaryIndexes=[
            {
                "IndexName": schema.TENANT_ID_INDEX,
                "KeySchema": [_hash(schema.TENANT_ID)],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    dynamodb.create_table(
        TableName=EVENTS_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[_hash(schema.TENANT_ID), _range(schema.EVENT_ID)],
        AttributeDefinitions=[
            _attribute(schema.TENANT_ID),
            _attribute(schema.EVENT_ID),
            _attribute(schema.STATUS),
            _attribute(schema.SHARD, "N"),
            _attribute(schema.CREATED_AT),
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": schema.STATUS_INDEX,
                "KeySchema": [_hash(schema.STATUS), _hash(schema.SHARD), _range(schema.CREATED_AT)],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )


def _hash(name: str) -> dict[str, str]:
    return {"AttributeName": name, "KeyType": "HASH"}


def _range(name: str) -> dict[str, str]:
    return {"AttributeName": name, "KeyType": "RANGE"}


def _attribute(name: str, kind: str = "S") -> dict[str, str]:
    return {"AttributeName": name, "AttributeType": kind}


class FailingClient:
    """A client whose named operations fail as AWS fails; everything else goes through to the real one."""

    def __init__(self, client: Any, **failures: BaseException) -> None:
        self._client, self._failures = client, failures
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name in self._failures:
                raise self._failures[name]
            return getattr(self._client, name)(*args, **kwargs)

        return call
