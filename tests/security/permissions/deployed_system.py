"""The deployed functions, each with its own role, and the table and queues that they work on."""

import json
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from handlers.model.delivery import Delivery, Status
from handlers.model.tenant import NewTenant
from handlers.store.deliveries import DeliveryStore
from handlers.store.events import EventStore
from handlers.store.queue import Queue
from handlers.store.table import Table
from local import loopback
from local.deployer.resources.functions import invoke
from local.errors import LocalStackError
from local.stack import LocalStack
from tests.faults.invocation import Outcome
from tests.faults.testbed import Testbed, open_testbed, switch_mapping
from tests.security.permissions.roles import Role, read_roles
from tests.support.factories import a_delivery

TYPE = "order.created"
_SHARDS = 1
_RETENTION = timedelta(days=30)


class FlowBrokenError(AssertionError):
    """A user of the system would have noticed this."""


def promise(held: bool, text: str) -> None:
    """Check a promise.

    Raises:
        FlowBrokenError: it does not hold.
    """
    if not held:
        raise FlowBrokenError(f"not so: {text}")


class DeployedSystem(Testbed):
    """The handlers are the deployed functions: what their roles do not grant is refused."""

    def __init__(self, stack: LocalStack) -> None:
        self.roles: Mapping[str, Role] = read_roles(stack.aws)
        super().__init__(stack)

    def start_over(self) -> None:
        """Empty the table and the queues, and create a tenant whose key no function has seen."""
        super().start_over()
        self.receiver.trust(self.tenant.webhook_secret)

    def run(self, function: str, event: Any, _fate: None = None, *, seconds: float = 0) -> Outcome:
        """Invoke the deployed function, with the timeout that it is deployed with, and no fate.

        Raises:
            FlowBrokenError: it failed.
        """
        try:
            answer = invoke(self.stack.aws, self.roles[function].function_name, json.dumps(event))
        except LocalStackError as error:
            raise FlowBrokenError(str(error)) from error
        return Outcome(answer=json.loads(answer))

    def post_over_http(self, *, key: str) -> requests.Response:
        """Post an event over HTTP, under an idempotency key."""
        with loopback.session() as session:
            return session.post(
                self.stack.outputs["events_url"],
                json={"type": TYPE, "data": {}},
                headers={"Authorization": f"Bearer {self.tenant.api_key}", "Idempotency-Key": key},
                timeout=35,
            )

    def other_tenant(self) -> NewTenant:
        """A second tenant, beside the one whose events are followed."""
        return self.stack.create_tenant(f"{self.tenant.tenant_id}-other", self.receiver.url)

    def store(
        self, tenant: NewTenant | None = None, *, age: timedelta = timedelta(), **changes: Any
    ) -> Delivery:
        """Store an event of this age for a tenant."""
        tenant = tenant or self.tenant
        delivery = a_delivery(
            tenant_id=tenant.tenant_id, target_url=tenant.target_url, now=datetime.now(UTC) - age, type_=TYPE
        )
        delivery = replace(delivery, **changes)
        EventStore(table=self._table, shards=_SHARDS, retention=_RETENTION).put(delivery)
        return delivery

    def queue(self, delivery: Delivery, where: str = "queue_url") -> Delivery:
        """Send a message that names the event to this queue."""
        Queue(self.stack.aws.sqs, self.stack.outputs[where]).send(delivery.key)
        return delivery

    def failed(self, tenant: NewTenant | None = None, **changes: Any) -> Delivery:
        """Store an event that failed for good, with its message in the dead-letter queue."""
        return self.queue(self.store(tenant, status=Status.FAILED, attempts=6, **changes), "dlq_url")

    def found(self, delivery: Delivery) -> Delivery:
        """A delivery as the table has it now."""
        return DeliveryStore(table=self._table).read([delivery.key]).deliveries[delivery.key]

    @contextmanager
    def consumer(self) -> Generator[None]:
        """While the context lasts, the event source mapping hands the queue's messages to the worker."""
        switch_mapping(self.stack, on=True)
        try:
            yield
        finally:
            switch_mapping(self.stack, on=False)

    @property
    def _table(self) -> Table:
        return Table(self.stack.aws.dynamodb, self.stack.outputs["events_table_name"])


def open_deployed_system() -> AbstractContextManager[DeployedSystem]:
    """A stack as it is deployed, with its event source mapping off, and a receiver on this machine."""
    return open_testbed(DeployedSystem, shards=_SHARDS)
