"""A system in memory, all that can happen to it, and every promise that was seen to be broken."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from handlers.delivery.attempt import AttemptResult
from handlers.model.delivery import Delivery, Status
from handlers.model.event import EventKey
from handlers.model.tenant import Tenant
from handlers.recovery.reconciler import OVERTAKEN_BY
from handlers.store.schema import ATTEMPTS, EVENT_ID, TENANT_ID
from handlers.store.table import typed
from tests.faults.life.aws import SimulatedAws
from tests.faults.life.functions import (
    DLQ_HIDDEN_SECONDS,
    RECONCILED_AT_ONCE,
    STALLED_AFTER_SECONDS,
    Functions,
)
from tests.faults.life.process import Process
from tests.faults.life.promises import ON_ATTEMPT, ON_WRITE
from tests.faults.life.records import (
    DLQ,
    HOUR,
    KEY_SECONDS,
    QUEUE,
    Attempt,
    Happening,
    Interlude,
    KeyUse,
    Life,
    attributes,
    key_in_item,
    key_in_message,
)
from tests.support.event_source import batch_of, done
from tests.support.factories import NOON, a_body, a_request
from tests.support.fake_sqs import FakeSqs
from tests.support.moto_aws import EVENTS_TABLE

# Runs of the reconciler until whatever was lost is back, at five events each.
ROUNDS_TO_RECOVER = 12

BODIES = {
    "one": a_body(data={"orderId": 1}),
    "two": a_body(data={"orderId": 2}),
    # Does not compress enough to be stored in the event's item.
    "large": a_body(data={"numbers": [n * n * 7919 % 100_003 for n in range(1500)]}),
}


class Simulation:
    """The system in memory during one story."""

    def __init__(self, aws: SimulatedAws, api_keys: Mapping[str, str], broken: list[str]) -> None:
        """Begin a story with empty queues.

        Args:
            aws: with empty tables but for the tenants.
            api_keys: one of each tenant.
            broken: where to note every promise that is not kept.
        """
        self.aws, self.api_keys, self.broken = aws, api_keys, broken
        self.seconds = NOON.timestamp()
        self.behind = 0
        self.clock_changes = self.purges = 0
        self.answers: Iterator[str] = cycle(["http_200"])
        self.sqs = aws.fake_sqs = FakeSqs(lambda: self.seconds)
        self.sqs.create_queue(DLQ)
        self.sqs.create_queue(QUEUE, dlq_url=DLQ)
        self.lives: dict[EventKey, Life] = {}
        self.uses: dict[tuple[str, str], list[KeyUse]] = defaultdict(list)
        self.made: dict[tuple[str, str], Life] = {}
        self.other_items: set[EventKey] = set()
        self.functions = Functions(aws, self.clock, self._make_attempt)

    def _make_attempt(self, delivery: Delivery, tenant: Tenant | None) -> AttemptResult:
        self.require("an attempt knows its tenant", tenant is not None, delivery.key)
        return self.aws.running[-1].make_attempt(delivery)

    def clock(self) -> datetime:
        """The handlers' clock, which can be put back, unlike that of SQS."""
        return datetime.fromtimestamp(self.seconds - self.behind, UTC)

    def require(self, promise: str, kept: bool, subject: Any) -> None:
        # Collected, since the worker would handle an AssertionError as a failure of its own.
        if not kept:
            self.broken.append(f"{promise} - {subject}")

    def put_clock_back(self, seconds: int) -> None:
        """Put the handlers' clock back, by at most an hour in all."""
        if self.behind < HOUR:
            self.behind = min(self.behind + seconds, HOUR)
            self.clock_changes += 1
            for life in self.lives.values():
                for attempt in life.under_way:
                    attempt.confused = True

    def in_status(self, status: str) -> list[Life]:
        return [life for life in self.lives.values() if life.status == status]

    def purge(self) -> None:
        self.purges += 1
        for body in self.sqs.bodies(QUEUE):
            self.lives[key_in_message(body)].purged = True
        self.sqs.purge_queue(QueueUrl=QUEUE)

    # What processes show

    def stored(self, item: dict[str, Any], use: tuple[str, str] | None) -> None:
        """A process put an item."""
        key = key_in_item(item)
        if not key.event_id.startswith("evt_"):
            self.other_items.add(key)
            return
        self.require("an event is stored once and never over another one", key not in self.lives, key)
        life = self.lives[key] = Life(item=item)
        if use is None:
            return
        earlier = self.made.get(use)
        self.require(
            "no two events under one tenant's key while the key is remembered",
            earlier is None or (life.created_at - earlier.created_at).total_seconds() >= KEY_SECONDS,
            (use, key),
        )
        self.made[use] = life

    def updated(self, life: Life, after: dict[str, Any], *, by_requeue: bool) -> None:
        """A process updated an item."""
        # The count goes down when a new round of attempts begins, and never otherwise.
        reset = after[ATTEMPTS] < life.item[ATTEMPTS]
        self.require("only a requeue starts a new round", not reset or by_requeue, life)
        for promise, kept in ON_WRITE.items():
            self.require(promise, kept(life, after, reset), (life, after))
        life.item = after
        if reset:
            life.first_of_round = len(life.attempts)

    def attempt_begins(self, key: EventKey) -> Attempt:
        """A process begins an attempt."""
        life = self.lives[key]
        attempt = Attempt(at=self.clock())
        life.attempts.append(attempt)
        for promise, kept in ON_ATTEMPT.items():
            self.require(promise, kept(life), life)
        return attempt

    # What processes do

    def post(self, tenant: str, key: str | None, body: str, process: Process) -> None:
        """A producer posts an event."""
        use = KeyUse(body=body, at=self.clock(), clock_changes=self.clock_changes)
        if key:
            process.use = (tenant, key)
            self.uses[process.use].append(use)
        headers = {"idempotency-key": key} if key else {}
        request = a_request(BODIES[body], api_key=self.api_keys[tenant], headers=headers)
        answer = process.run(lambda: self.functions.ingest(request))
        if answer is None:
            return
        last = self._accepted_before(tenant, key, use)
        if answer["statusCode"] == 202:
            life = self.lives.get(EventKey(tenant_id=tenant, event_id=json.loads(answer["body"])["id"]))
            self.require("what is answered 202 is in the table", life is not None, answer)
            if life is not None:
                life.owed, use.event = True, life
                same = last is None or (last.event is life and last.body == body)
                self.require("one key, one body, one event", same, (use, last))
                fresh = key is None or use.within(life.created_at)
                self.require("a key is free once its time is over", fresh, use)
        elif answer["statusCode"] == 409:
            others = [other for other in self.uses[tenant, key or ""] if other.body != body]
            used = any(use.within(other.at) for other in others)
            self.require("409 only if the tenant used the key with another body", used, use)
            self.require("no request is refused for itself", last is None or last.body != body, (use, last))
        else:
            failed = answer["statusCode"] == 503 and process.failed
            self.require("503 only if AWS failed", failed, answer)

    def _accepted_before(self, tenant: str, key: str | None, use: KeyUse) -> KeyUse | None:
        """The last request answered 202 under this key, if the key is certainly still remembered."""
        for other in reversed(self.uses[tenant, key or ""]):
            if other is not use and other.event is not None:
                # Putting the clock back can make an expired key valid again.
                sure = use.within(other.event.created_at) and other.clock_changes == use.clock_changes
                return other if sure else None
        return None

    def work(self, process: Process, *, most: int) -> None:
        """A worker gets the next messages, at most so many."""
        self._work(process, self.sqs.receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=most))

    def work_on_a_duplicate(self, process: Process) -> None:
        """A worker gets a message that is in flight."""
        self._work(process, self.sqs.receive_duplicate(QueueUrl=QUEUE))

    def _work(self, process: Process, received: Mapping[str, Any]) -> None:
        batch = batch_of(received)
        if not batch["Records"]:
            return
        answer = process.run(lambda: self.functions.worker(batch))
        for record in done(batch, answer) if answer is not None else ():
            life = self.lives[key_in_message(record["body"])]
            self.require("only what was delivered is acknowledged", life.status == Status.DELIVERED, life)
            self.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=record["receiptHandle"])

    def requeue(
        self,
        process: Process,
        *,
        tenant: str | None = None,
        limit: int | None = None,
        dry_run: bool = False,
    ) -> None:
        """An operator sends failed events again."""
        request = {"tenantId": tenant, "limit": limit, "dryRun": dry_run}
        process.requeues = True
        report = process.run(lambda: self.functions.requeue(request))
        if dry_run:
            self.require("a dry run changes nothing", not process.changes, process.changes)
        elif report is not None and limit is None and process.interlude is None:
            asked_for = [life for key, life in self.lives.items() if tenant in (None, key.tenant_id)]
            self.require(
                "a requeue that ran to its end leaves nothing FAILED",
                all(life.status != Status.FAILED for life in asked_for) and report["remaining"] == 0,
                report,
            )

    def reconcile(self, process: Process) -> None:
        """The schedule runs the reconciler."""
        process.untouched_since = self.clock() - timedelta(seconds=STALLED_AFTER_SECONDS)
        stalled = [key for key, life in self.lives.items() if life.untouched_since(process.untouched_since)]
        process.run(self.functions.reconciler)
        lost = max(len(stalled) - process.waiting, 0) + sum(map(self._overtaken, stalled))
        self.require(
            "the reconciler sends no more than what is lost for certain, and a bounded number",
            len(set(process.sent)) <= min(lost, RECONCILED_AT_ONCE),
            (stalled, process.waiting, process.sent),
        )

    def _overtaken(self, key: EventKey) -> bool:
        """Whether a much younger event of the same tenant was attempted."""
        return any(
            other.tenant_id == key.tenant_id
            and life.created_at - self.lives[key].created_at > OVERTAKEN_BY
            and (life.item[ATTEMPTS] > 0 or life.attempts)
            for other, life in self.lives.items()
        )

    def happen(self, interlude: Interlude, within: Process) -> None:
        for happening in interlude.happenings:
            process = Process(self, interlude.fault)
            if happening is Happening.DUPLICATE:
                self.work_on_a_duplicate(process)
            elif happening is Happening.WORK:
                self.work(process, most=3)
            elif happening is Happening.POST:
                tenant, key = within.use or ("acme", None)
                self.post(tenant, key, "one", process)
            elif happening is Happening.REQUEUE:
                self.requeue(process)
            elif happening is Happening.RECONCILE:
                self.reconcile(process)
            elif happening is Happening.PURGE and not self.purges:
                self.purge()
            elif happening is Happening.SECONDS and within.use is None:
                # Three times this is within a worker's lifetime, which is within its hold.
                self.seconds += 15
            elif happening is Happening.CLOCK_BACK:
                self.put_clock_back(5 * 60)

    # The end of a story

    def run_on(self) -> None:
        """Let time pass, with workers, the reconciler, and receivers that accept everything."""
        self.answers = cycle(["http_200"])
        for _ in range(ROUNDS_TO_RECOVER):
            while self.wait_for_a_message():
                self.work(Process(self), most=10)
            if not self.in_status(Status.PENDING):
                break
            # The clock may be an hour behind.
            self.seconds += STALLED_AFTER_SECONDS + HOUR + 1
            self.reconcile(Process(self))

    def expect(self, answers: Sequence[str], order: int) -> None:
        """Receivers answer like this in turn; SQS hands out the message at this index, oldest first."""
        self.answers, self.sqs.next_index = cycle(answers), lambda _: order

    def wait_for_a_message(self) -> bool:
        """Let time pass until a message can be handed out; False if the queue is empty."""
        visible_at = self.sqs.next_visible_at(QUEUE)
        if visible_at is not None:
            self.seconds = max(self.seconds, visible_at)
        return visible_at is not None

    def end(self) -> None:
        """Run on, requeue what failed, run on again: in the end everything is delivered."""
        self.run_on()
        dead = {key_in_message(body) for body in self.sqs.bodies(DLQ)}
        for key, life in self.lives.items():
            # A purge also takes messages on their way to the DLQ. Requeue finds their events in the table.
            failed = life.status == Status.FAILED and (key in dead or life.purged)
            settled = life.status == Status.DELIVERED or failed
            self.require("in the end an event is DELIVERED, or FAILED and in the DLQ", settled, life)
        for _ in range(2):
            # Until messages that a dead run had received are visible again.
            self.seconds += DLQ_HIDDEN_SECONDS
            self.requeue(Process(self))
            self.run_on()
        for life in self.lives.values():
            delivered = life.status == Status.DELIVERED
            self.require("once its receiver is well, a requeued event is DELIVERED", delivered, life)
        left = self.sqs.bodies(QUEUE) + self.sqs.bodies(DLQ)
        self.require("nothing is left in the queues once all is delivered", not left, left)
        kept = {
            key_in_item(item): item
            for page in self.aws.dynamodb.get_paginator("scan").paginate(TableName=EVENTS_TABLE)
            for item in map(attributes, page["Items"])
        }
        written = {key: life.item for key, life in self.lives.items()}
        self.require("the table holds what was seen to be written", written.items() <= kept.items(), kept)

    def clear(self) -> None:
        """Leave the tables empty for the next story."""
        keys = [
            {TENANT_ID: key.tenant_id, EVENT_ID: key.event_id} for key in (*self.lives, *self.other_items)
        ]
        deletes = [{"DeleteRequest": {"Key": typed(key)}} for key in keys]
        for begin in range(0, len(deletes), 25):
            self.aws.dynamodb.batch_write_item(RequestItems={EVENTS_TABLE: deletes[begin : begin + 25]})


def _no_pause(_: float) -> None: ...
