"""The deployed tables and queues, functions in processes of their own, and a clock that can be moved.

The event source mapping is switched off. The testbed hands messages to the worker instead, as Lambda does, so
that everything happens in one known order and any one invocation can be killed.
"""

import json
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any, TypeVar

from handlers.model.delivery import Status
from handlers.store import schema
from handlers.store.table import plain, typed
from local.receiver import Delivery, Receiver
from local.stack import LocalStack
from tests.faults.fates import KILLED_AFTER, RECEIVER, Fate
from tests.faults.invocation import Outcome, invoke
from tests.support.event_source import batch_of, done
from tests.support.factories import a_request

TYPE = "order.created"
STATUS_CODE = "statusCode"
_ACCEPTED = 202
_MAX_ROUNDS = 60
_SECONDS_LEFT = 50.0
# Longer than a run of requeue hides the messages that it looks at.
_DLQ_HIDDEN_SECONDS = 1000
# Does not compress, so it is stored in an item of its own.
_LARGE = Random(1).randbytes(4000).hex()  # noqa: S311 - the same on every run


class Testbed:
    """One stack, one receiver, and one tenant at a time whose events are followed.

    Attributes:
        accepted: the events that ingest answered 202 for, in order.
        requeues: how often each event was requeued.
    """

    __test__ = False

    def __init__(self, stack: LocalStack, receiver: Receiver | None = None) -> None:
        """Use a running stack whose event source mapping is off, and a receiver of its own unless given."""
        self.stack = stack
        self.receiver = receiver or Receiver(clock=stack.clock.now, on_delivery=self._on_delivery)
        self.accepted: list[str] = []
        self.requeues: Counter[str] = Counter()
        self._environment = cache(self._declared_environment)
        self._process_id = 0
        self._dies_of_the_answer = False
        self.start_over()

    def start_over(self) -> None:
        """Empty the table and the queues, and create a new tenant."""
        self.purge("queue_url")
        self.purge("dlq_url")
        for item in self.items():
            self.stack.aws.dynamodb.delete_item(TableName=self.events_table, Key=typed(_key_of(item)))
        self.tenant = self.stack.create_tenant(f"tenant-{uuid.uuid4()}", self.receiver.url)
        self.accepted.clear()
        self.requeues.clear()

    def run(
        self, function: str, event: Any, fate: Fate | None = None, *, seconds: float = _SECONDS_LEFT
    ) -> Outcome:
        """Invoke a function once, with so many seconds left to it."""
        self._dies_of_the_answer = fate == Fate(KILLED_AFTER, RECEIVER)
        return invoke(
            function,
            event,
            environment=self._environment(function),
            clock_ahead_seconds=self.stack.clock.now() - time.time(),
            remaining_seconds=seconds,
            fate=fate,
            started=self._started,
        )

    def post(self, fate: Fate | None = None, *, key: str | None = None, large: bool = False) -> Outcome:
        """Post an event as the tenant; once ingest answers 202, the event is owed."""
        body = json.dumps({"type": TYPE, "data": {"blob": _LARGE if large else ""}})
        headers = {"idempotency-key": key} if key else {}
        request = a_request(body, api_key=self.tenant.api_key, headers=headers)
        outcome = self.run("ingest", request, fate)
        if outcome.answer and outcome.answer[STATUS_CODE] == _ACCEPTED:
            event_id = json.loads(outcome.answer["body"])["id"]
            if event_id not in self.accepted:
                self.accepted.append(event_id)
        return outcome

    def receive(self) -> dict[str, Any]:
        """The next batch of messages as the worker's input; without records if none is ready."""
        return batch_of(
            self.stack.aws.sqs.receive_message(
                QueueUrl=self.stack.outputs["queue_url"],
                MaxNumberOfMessages=10,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        )

    def work(self, batch: Mapping[str, Any], fate: Fate | None = None) -> Outcome:
        """Hand a batch to the worker, and delete the messages that it is done with."""
        outcome = self.run("worker", batch, fate)
        for record in done(batch, outcome.answer) if outcome.answer is not None else ():
            self.stack.aws.sqs.delete_message(
                QueueUrl=self.stack.outputs["queue_url"], ReceiptHandle=record["receiptHandle"]
            )
        return outcome

    def requeue(self, fate: Fate | None = None, *, seconds: float = _SECONDS_LEFT, **request: Any) -> Outcome:
        """Requeue the tenant's failed events; each one that is reset gets a new budget of attempts."""
        before = {item[schema.EVENT_ID]: item.get(schema.QUEUED_AT) for item in self.events()}
        request = {"tenantId": self.tenant.tenant_id, **request}
        outcome = self.run("requeue", request, fate, seconds=seconds)
        for item in self.events():
            if item.get(schema.QUEUED_AT) != before.get(item[schema.EVENT_ID]):
                self.requeues[item[schema.EVENT_ID]] += 1
        return outcome

    def requeue_again(self) -> None:
        """Requeue once the messages that a dead run had hidden are visible again."""
        self.wait_until_dlq_is_visible()
        self.requeue()

    def reconcile(self, fate: Fate | None = None, *, seconds: float = _SECONDS_LEFT) -> Outcome:
        """Wait until PENDING events count as stalled, and run the reconciler."""
        stalled_after = float(self._environment("reconciler")["STALLED_AFTER_SECONDS"])
        self.stack.clock.advance(stalled_after + 1)
        return self.run("reconciler", {}, fate, seconds=seconds)

    def drain(self, *, until_receive: int | None = None, rounds: int = _MAX_ROUNDS) -> None:
        """Hand out messages, and let the time between pass, until the queue is empty.

        Args:
            until_receive: stop before a message would be received for that time.
            rounds: how many batches it may take.

        Raises:
            AssertionError: the queue did not become empty.
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
        """Let deliveries, retries and the reconciler go on until nothing is owed."""
        self.drain()
        while any(item[schema.STATUS] == Status.PENDING for item in self.events()):
            report = self.reconcile().answer
            if not report or not report["queued"]:
                return
            self.drain()

    @property
    def events_table(self) -> str:
        """The name of the table `Events`."""
        return self.stack.outputs["events_table_name"]

    def items(self) -> list[dict[str, Any]]:
        """All items of the table `Events`, including idempotency keys and payloads."""
        pages = self.stack.aws.dynamodb.get_paginator("scan").paginate(
            TableName=self.events_table, ConsistentRead=True
        )
        return [plain(item) for page in pages for item in page["Items"]]

    def events(self) -> list[dict[str, Any]]:
        """The items of events."""
        return [item for item in self.items() if schema.STATUS in item]

    def queued(self) -> set[str]:
        """The events that have a message in the delivery queue."""
        return {message.event_id for message in self.stack.queued()}

    def dead_letters(self) -> set[str]:
        """The events that have a message in the dead-letter queue."""
        return {message.event_id for message in self.stack.dead_letters()}

    def enqueue(self, queue: str, *event_ids: str) -> None:
        """Send a message for each of these events to the queue of that stack output, as the system does."""
        for begin in range(0, len(event_ids), 10):
            self.stack.aws.sqs.send_message_batch(
                QueueUrl=self.stack.outputs[queue],
                Entries=[
                    {
                        "Id": event_id,
                        "MessageBody": json.dumps({"tenantId": self.tenant.tenant_id, "eventId": event_id}),
                        "MessageGroupId": self.tenant.tenant_id,
                    }
                    for event_id in event_ids[begin : begin + 10]
                ],
            )

    def purge(self, queue: str) -> None:
        """Purge the queue of that stack output."""
        self.stack.aws.sqs.purge_queue(QueueUrl=self.stack.outputs[queue])

    def wait_until_dlq_is_visible(self) -> None:
        """Let the time pass for which a requeue that died still hides the dead letters it looked at."""
        self.stack.clock.advance(_DLQ_HIDDEN_SECONDS)

    def _on_delivery(self, _delivery: Delivery) -> None:
        """The request has come in: a process that is to die after it must not get the answer."""
        if self._dies_of_the_answer:
            os.kill(self._process_id, signal.SIGKILL)

    def _started(self, process_id: int) -> None:
        self._process_id = process_id

    def _declared_environment(self, function: str) -> dict[str, str]:
        """The environment that the program declares for the function, and where the emulator answers."""
        lambda_ = self.stack.aws.lambda_
        names = [found["FunctionName"] for found in lambda_.list_functions()["Functions"]]
        (name,) = (name for name in names if f"-{function}-function" in name)
        variables = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        return {**variables, "AWS_ENDPOINT_URL": self.stack.url}


AnyTestbed = TypeVar("AnyTestbed", bound=Testbed)


@contextmanager
def open_testbed(
    kind: Callable[[LocalStack], AnyTestbed] = Testbed, *, shards: int = 1
) -> Generator[AnyTestbed]:
    """Run the stack as it is deployed, but for its event source mapping, and a receiver on this machine.

    With one shard, a scenario makes the same calls every time.
    """
    with LocalStack(config={"statusIndexShards": shards}) as stack:
        switch_mapping(stack, on=False)
        testbed = kind(stack)
        with testbed.receiver:
            yield testbed


def switch_mapping(stack: LocalStack, *, on: bool) -> None:
    """Whether the event source mapping hands the queue's messages to the worker."""
    lambda_ = stack.aws.lambda_
    (mapping,) = lambda_.list_event_source_mappings()["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)


def _key_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in (schema.TENANT_ID, schema.EVENT_ID)}
