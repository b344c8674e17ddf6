"""The whole stack on this machine: the emulator with the program deployed into it."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import requests

from handlers.model.delivery import Delivery
from handlers.model.event import EventKey
from handlers.model.tenant import NewTenant, new_api_key
from handlers.store.deliveries import DeliveryStore
from handlers.store.table import Table
from handlers.store.tenant_registry import TenantRegistry
from local import loopback
from local.deployer.resources.functions import invoke
from local.emulator.aws import Aws
from local.emulator.control import QueueClock
from local.emulator.launcher import Emulator, running_emulator
from local.errors import LocalStackError

LOCAL_CONFIG: Mapping[str, Any] = MappingProxyType({"allowPrivateTargets": True, "bundleTarget": "host"})
"""Everything that differs from a deployed stack."""

_ANSWER_SECONDS = 35  # the ingest function may run that long


@dataclass(frozen=True, kw_only=True)
class QueuedMessage:
    """A message in a queue, read without receiving it.

    Attributes:
        visible_at: when the queue hands it out next, in whole seconds by the queues' clock, rounded down.
        receive_count: how often the queue has handed it out.
    """

    body: str
    visible_at: int
    receive_count: int
    group_id: str | None

    @property
    def event_id(self) -> str:
        """The id of the event that the message names."""
        return json.loads(self.body)["eventId"]


class LocalStack:
    """A running stack while its context lasts.

    Attributes:
        outputs: the stack's outputs; their URLs can be reached on this machine.
        url: answers for AWS (`aws_endpoint_url`) and for the HTTP API.
        aws: clients of its resources.
        clock: the queues' clock.
    """

    outputs: Mapping[str, Any]
    emulator: Emulator
    url: str
    aws: Aws
    clock: QueueClock

    def __init__(
        self, *, config: Mapping[str, Any] | None = None, port: int = 0, ready_file: Path | None = None
    ) -> None:
        """Prepare a stack.

        Args:
            config: stack configuration by key, without namespace; it overrides `LOCAL_CONFIG`.
            port: the port to answer on, on 127.0.0.1; 0 for a free one.
            ready_file: a file that goes when the stack goes, even if this process is killed.
        """
        self._config = {**LOCAL_CONFIG, **(config or {})}
        self._port = port
        self._ready_file = ready_file
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start the emulator, deploy the program, and return once everything answers.

        Raises:
            ProgramError: the program refused the configuration.
            LocalStackError: the stack did not start; the message says why.
        """
        with ExitStack() as starting:
            self.emulator = starting.enter_context(
                running_emulator(port=self._port, ready_file=self._ready_file)
            )
            self.url = self.emulator.url
            self.aws, self.clock = Aws(self.url), QueueClock(self.url)
            self.outputs = _reachable(_deploy(self.emulator, self.aws, self._config), self.url)
            self._wait_until_it_answers()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop everything and leave nothing behind."""
        self._running.close()

    def create_tenant(self, tenant_id: str, target_url: str) -> NewTenant:
        """Create a tenant with an API key and a webhook secret; raises what `TenantRegistry.create` does."""
        tenants = TenantRegistry(Table(self.aws.dynamodb, self.outputs["tenant_table_name"]))
        return tenants.create(tenant_id=tenant_id, target_url=target_url, now=datetime.now(UTC))

    def post_event(self, api_key: str, event_type: str, data: Mapping[str, Any]) -> str:
        """Send an event as a producer does; gives its id.

        Raises:
            LocalStackError: the API did not accept it.
        """
        answer = self.request("POST", api_key, json={"type": event_type, "data": data})
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise LocalStackError(f"the API did not accept an event: {answer.status_code}, {answer.text}")
        return answer.json()["id"]

    def request(
        self, method: str, api_key: str, *, path: str | None = None, **content: Any
    ) -> requests.Response:
        """Send a request with this key to `events_url`, or to another path of the API."""
        url = self.outputs["events_url"] if path is None else self.outputs["endpoint_url"] + path
        with loopback.session() as session:
            return session.request(
                method,
                url,
                headers={"Authorization": f"Bearer {api_key}"},
                timeout=_ANSWER_SECONDS,
                **content,
            )

    def delivery(self, tenant_id: str, event_id: str) -> Delivery | None:
        """A delivery as it stands in the table, without the event's body."""
        key = EventKey(tenant_id=tenant_id, event_id=event_id)
        store = DeliveryStore(table=Table(self.aws.dynamodb, self.outputs["events_table_name"]))
        return store.read([key], bodies=False).deliveries.get(key)

    def requeue(self, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Invoke the requeue function; gives its report.

        Raises:
            LocalStackError: the function refused the request.
        """
        name = self.outputs["requeue_function_name"]
        return json.loads(invoke(self.aws, name, json.dumps(request or {})))

    def queued(self) -> list[QueuedMessage]:
        """The messages of the delivery queue, including those that wait for a retry."""
        return self._peek(self.outputs["queue_url"])

    def dead_letters(self) -> list[QueuedMessage]:
        """The messages of the dead-letter queue."""
        return self._peek(self.outputs["dlq_url"])

    def _peek(self, queue_url: str) -> list[QueuedMessage]:
        with loopback.session() as session:
            answer = session.get(
                f"{self.url}/_ministack/sqs/messages", params={"QueueUrl": queue_url}, timeout=_ANSWER_SECONDS
            )
        answer.raise_for_status()
        return [
            QueuedMessage(
                body=message["Body"],
                visible_at=message["VisibleAt"],
                receive_count=message["ReceiveCount"],
                group_id=message["MessageGroupId"],
            )
            for regions in answer.json()["messages"].values()
            for queues in regions.values()
            for messages in queues.values()
            for message in messages
        ]

    def _wait_until_it_answers(self) -> None:
        """Send one request and one empty batch; after them both functions run, and ingest reads its table."""
        with ThreadPoolExecutor() as pool:
            batch = pool.submit(invoke, self.aws, self.outputs["worker_function_name"], '{"Records": []}')
            answer = self.request("POST", new_api_key(), json={})
            batch.result()
        if answer.status_code != HTTPStatus.UNAUTHORIZED:
            raise LocalStackError(
                f"{self.outputs['events_url']} answered {answer.status_code}, {answer.text}, to an unknown "
                f"key; the emulator's log:\n{self.emulator.log()}"
            )


def _deploy(emulator: Emulator, aws: Aws, config: Mapping[str, Any]) -> dict[str, Any]:
    # The SDK of the provider takes as long to import as the emulator takes to start.
    import pulumi_aws  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] - the program's own import is instant then

    from local.deployer.program import deploy  # noqa: PLC0415

    emulator.wait_until_it_answers()
    return deploy(aws, config)


def _reachable(outputs: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The outputs with URLs that lead here, where a custom domain would lead to a deployed stack."""
    endpoint_url, events_url = outputs["endpoint_url"], outputs["events_url"]
    return {**outputs, "endpoint_url": url, "events_url": events_url.replace(endpoint_url, url, 1)}
