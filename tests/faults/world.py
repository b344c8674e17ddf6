"""The deployed tables and queues, handlers that run in processes of their own, and time that can be passed.

The event source mapping is switched off: here, this process hands messages to the worker, as Lambda does,
so that everything happens in one known order and one invocation of many can be killed.
"""

import json
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from random import Random
from typing import Any

from handlers.model.delivery import Status
from handlers.store import schema
from handlers.store.items import plain, typed
from local.receiver import Delivery, Receiver
from local.stack import LocalStack
from tests.faults.aws_faults import AwsFault
from tests.faults.invocation import Crash, Invocation, Outcome, invoke
from tests.handlers.factories import a_request

BUDGET = 6
"""Attempts at one event, and again for each time it was requeued: the deployed schedule's."""

STATUS_CODE = "statusCode"
_ACCEPTED = 202
_MAX_ROUNDS = 60
_SECONDS_LEFT = 50.0
# Longer than a run of requeue hides what it looks at.
_DLQ_HIDDEN_SECONDS = 1000
# Does not compress, so that it lies in an item of its own.
_LARGE = Random(1).randbytes(4000).hex()  # noqa: S311 - the same on every run


class World:
    """One stack, with one tenant at a time whose events are followed."""

    def __init__(self, stack: LocalStack, receiver: Receiver) -> None:
        """Use a running stack whose event source mapping is off."""
        self.stack, self.receiver = stack, receiver
        self.accepted: list[str] = []
        self.requeues: Counter[str] = Counter()
        self._environment = cache(self._declared_environment)
        self._process_id = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """A new tenant, with nothing in the table and the queues."""
        outputs, aws = self.stack.outputs, self.stack.aws
        for queue in ("queue_url", "dlq_url"):
            aws.sqs.purge_queue(QueueUrl=outputs[queue])
        for item in self.items():
            key = typed({name: item[name] for name in (schema.TENANT_ID, schema.EVENT_ID)})
            aws.dynamodb.delete_item(TableName=outputs["events_table_name"], Key=key)
        self.tenant = self.stack.create_tenant(f"tenant-{uuid.uuid4()}", self.receiver.url)
        self.accepted.clear()
        self.requeues.clear()

    def run(
        self,
        function: str,
        event: Any,
        fate: Crash | AwsFault | None = None,
        *,
        seconds: float = _SECONDS_LEFT,
    ) -> Outcome:
        """Invoke a function once, with so many seconds left to it."""
        return invoke(
            Invocation(
                function=function,
                event=event,
                environment=self._environment(function),
                clock_ahead_seconds=self.stack.clock.now() - time.time(),
                remaining_seconds=seconds,
                fate=fate,
            ),
            started=self._started,
        )

    def post(
        self,
        event_type: str = "order.created",
        *,
        key: str | None = None,
        large: bool = False,
        fate: Crash | AwsFault | None = None,
    ) -> Outcome:
        """Post an event as the tenant; what is answered 202 is owed from then on."""
        body = json.dumps({"type": event_type, "data": {"blob": _LARGE if large else ""}})
        headers = {"idempotency-key": key} if key else {}
        request = a_request(body, api_key=self.tenant.api_key, headers=headers)
        outcome = self.run("ingest", request, fate)
        if outcome.answer and outcome.answer[STATUS_CODE] == _ACCEPTED:
            event_id = json.loads(outcome.answer["body"])["id"]
            if event_id not in self.accepted:
                self.accepted.append(event_id)
        return outcome

    def receive(self) -> dict[str, Any]:
        """The next batch of messages, as Lambda hands it to the worker; without records if none is ready."""
        answer = self.stack.aws.sqs.receive_message(
            QueueUrl=self.stack.outputs["queue_url"],
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                }
                for message in answer.get("Messages", [])
            ]
        }

    def work(self, batch: Mapping[str, Any], fate: Crash | AwsFault | None = None) -> Outcome:
        """Let the worker have a batch, and delete what it is done with, as Lambda does."""
        outcome = self.run("worker", batch, fate)
        if outcome.answer is not None:
            undone = {failure["itemIdentifier"] for failure in outcome.answer["batchItemFailures"]}
            for record in batch["Records"]:
                if record["messageId"] not in undone:
                    self.stack.aws.sqs.delete_message(
                        QueueUrl=self.stack.outputs["queue_url"], ReceiptHandle=record["receiptHandle"]
                    )
        return outcome

    def requeue(
        self, fate: Crash | AwsFault | None = None, *, seconds: float = _SECONDS_LEFT, **request: Any
    ) -> Outcome:
        """Send the tenant's failed events again; each that is has a new budget of attempts."""
        before = {item[schema.EVENT_ID]: item.get(schema.QUEUED_AT) for item in self.events()}
        request = {"tenantId": self.tenant.tenant_id, **request}
        outcome = self.run("requeue", request, fate, seconds=seconds)
        for item in self.events():
            if item.get(schema.QUEUED_AT) != before.get(item[schema.EVENT_ID]):
                self.requeues[item[schema.EVENT_ID]] += 1
        return outcome

    def reconcile(self, fate: Crash | AwsFault | None = None, *, seconds: float = _SECONDS_LEFT) -> Outcome:
        """Let the time pass after which an event is stalled, and run the reconciler."""
        stalled_after = float(self._environment("reconciler")["STALLED_AFTER_SECONDS"])
        self.stack.clock.advance(stalled_after + 1)
        return self.run("reconciler", {}, fate, seconds=seconds)

    def drain(self, *, until_receive: int | None = None, rounds: int = _MAX_ROUNDS) -> None:
        """Hand out messages, and pass the time between, until the queue is empty.

        Args:
            until_receive: stop before a message would be handed out for that time.
            rounds: how many batches it may take.

        Raises:
            AssertionError: it does not become empty.
        """
        for _ in range(rounds):
            queued = self.stack.queued()
            if not queued:
                return
            due = min(message.visible_at for message in queued)
            self.stack.clock.advance(max(due + 1 - self.stack.clock.now(), 0))
            if until_receive in {message.receive_count + 1 for message in queued}:
                return
            if (batch := self.receive())["Records"]:
                self.work(batch)
        raise AssertionError(f"the queue is not empty after {rounds} rounds: {self.stack.queued()[:10]}")

    def run_on(self) -> None:
        """Let the system go on by itself until nothing is owed: deliveries, retries, and the reconciler."""
        self.drain()
        while any(item[schema.STATUS] == Status.PENDING for item in self.events()):
            report = self.reconcile().answer
            if not report or not report["queued"]:
                return
            self.drain()

    def events(self) -> list[dict[str, Any]]:
        """The events that the table has."""
        return [item for item in self.items() if schema.STATUS in item]

    def items(self) -> list[dict[str, Any]]:
        """All that the table of events has, idempotency keys and payloads included."""
        pages = self.stack.aws.dynamodb.get_paginator("scan").paginate(
            TableName=self.stack.outputs["events_table_name"], ConsistentRead=True
        )
        return [plain(item) for page in pages for item in page["Items"]]

    def dead_letters(self) -> set[str]:
        """The events that have a message in the dead-letter queue."""
        return {message.event_id for message in self.stack.dead_letters()}

    def let_requeue_see_the_dlq(self) -> None:
        """Let the time pass for which a run of requeue that died hides what it looked at."""
        self.stack.clock.advance(_DLQ_HIDDEN_SECONDS)

    def delivered(self, _delivery: Delivery) -> None:
        """Called by the receiver as a delivery came in, before it is answered."""

    @contextmanager
    def killing_whoever_posts(self) -> Generator[None]:
        """The process whose request comes in is killed before it gets an answer."""
        self.delivered = lambda _delivery: os.kill(self._process_id, signal.SIGKILL)
        try:
            yield
        finally:
            del self.delivered

    def _started(self, process_id: int) -> None:
        self._process_id = process_id

    def _declared_environment(self, function: str) -> dict[str, str]:
        """What the program gives the deployed function, and how the emulator is reached."""
        lambda_ = self.stack.aws.lambda_
        names = [found["FunctionName"] for found in lambda_.list_functions()["Functions"]]
        (name,) = (name for name in names if f"-{function}-function" in name)
        variables = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        return {**variables, "AWS_ENDPOINT_URL": self.stack.url}


@contextmanager
def open_world() -> Generator[World]:
    """A stack as it is deployed, its event source mapping off, and a receiver on this machine."""
    with ExitStack() as stage:
        # One shard, so that an event is found at the same call every time.
        stack = stage.enter_context(LocalStack(config={"statusIndexShards": 1}))
        (mapping,) = stack.aws.lambda_.list_event_source_mappings()["EventSourceMappings"]
        stack.aws.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        world: World

        def delivered(delivery: Delivery) -> None:
            world.delivered(delivery)

        receiver = stage.enter_context(Receiver(clock=stack.clock.now, on_delivery=delivered))
        world = World(stack, receiver)
        yield world
