"""A system in memory, all that can happen to it, and what was seen to be broken."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from handlers import ingest
from handlers.delivery.batch import Dispatcher
from handlers.delivery.retry import RetrySchedule
from handlers.intake.acceptance import Intake
from handlers.intake.authentication import Authenticator
from handlers.model.delivery import Status
from handlers.model.event import Event, EventKey
from handlers.recovery.reconciler import OVERTAKEN_BY, Reconciler
from handlers.recovery.requeue import Requeuer
from handlers.recovery.requeue_request import RequeueRequest
from handlers.store.items import key_of, plain, typed
from handlers.store.queue import Message
from handlers.store.schema import (
    ATTEMPTS,
    EVENT_ID,
    HELD_UNTIL,
    LAST_ATTEMPT_AT,
    LAST_ERROR,
    QUEUED_AT,
    STATUS,
    TENANT_ID,
)
from tests.faults.fake_sqs import FakeSqs
from tests.faults.life.process import KnownTenants, Process, no_pause
from tests.faults.life.promises import ON_ATTEMPT, ON_WRITE
from tests.faults.life.records import (
    API_KEYS,
    DLQ,
    HOUR,
    KEY_SECONDS,
    QUEUE,
    Happening,
    Interlude,
    KeyUse,
    Life,
    Try,
    key_in_item,
    key_in_message,
)
from tests.handlers.conftest import EVENTS_TABLE
from tests.handlers.factories import NOON, a_body, a_request

HOLD_SECONDS = 60
STALLED_AFTER_SECONDS = 5916
RECONCILED_AT_ONCE = 5
DLQ_HIDDEN_SECONDS = 960
NEVER = float("inf")
# Runs of the reconciler until whatever was lost is back, at five events each.
ROUNDS_TO_RECOVER = 12

# Of an item, what tells how its event goes: all of it would take moto longer than all the rest.
TOLD = {TENANT_ID, EVENT_ID, STATUS, ATTEMPTS, HELD_UNTIL, LAST_ATTEMPT_AT, LAST_ERROR, QUEUED_AT}

BODIES = {
    "one": a_body(data={"orderId": 1}),
    "two": a_body(data={"orderId": 2}),
    # Lies in an item of its own: it does not compress to what an event holds.
    "large": a_body(data={"numbers": [n * n * 7919 % 100_003 for n in range(1500)]}),
}


class AtOnce(Executor):
    """Runs what is submitted there and then, so that a story goes the same way each time it is told."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as any executor does
            future.set_exception(error)
        return future


class World:
    """The system with all that happens to it, and what was seen to be broken."""

    def __init__(self, dynamodb: Any, broken: list[str]) -> None:
        self.dynamodb, self.broken = dynamodb, broken
        self.seconds = NOON.timestamp()
        self.behind = 0
        self.clock_changes = self.purges = 0
        self.answers: Iterator[str] = cycle(["http_200"])
        self.sqs = FakeSqs(lambda: self.seconds)
        self.sqs.create_queue(DLQ)
        self.sqs.create_queue(QUEUE, dlq_url=DLQ)
        self.lives: dict[EventKey, Life] = {}
        self.uses: dict[tuple[str, str], list[KeyUse]] = defaultdict(list)
        self.made: dict[tuple[str, str], Life] = {}
        self.other_items: set[EventKey] = set()

    def clock(self) -> datetime:
        """The handlers' clock, which can be put back; SQS's cannot."""
        return datetime.fromtimestamp(self.seconds - self.behind, UTC)

    def require(self, promise: str, kept: bool, subject: Any) -> None:
        # Collected, since the worker's threads would take an AssertionError for its own.
        if not kept:
            self.broken.append(f"{promise} - {subject}")

    def put_clock_back(self, seconds: int) -> None:
        """By up to an hour in all."""
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

    # What is seen of processes

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
            "no two events under one tenant's key while that is remembered",
            earlier is None or (life.created_at - earlier.created_at).total_seconds() >= KEY_SECONDS,
            (use, key),
        )
        self.made[use] = life

    def updated(self, life: Life, item: dict[str, Any], *, reset: bool) -> None:
        """A process updated an item."""
        for promise in ON_WRITE:
            self.require(promise.__doc__ or "", promise(life, item, reset=reset), (life, item))
        life.item = item
        if reset:
            life.first_of_round = len(life.attempts)

    def attempt_begins(self, event: Event) -> Try:
        life = self.lives[event.key]
        attempt = Try(at=self.clock())
        life.attempts.append(attempt)
        for promise in ON_ATTEMPT:
            self.require(promise.__doc__ or "", promise(life), life)
        return attempt

    # What processes do

    def post(self, tenant: str, key: str | None, body: str, process: "Process") -> None:
        """A producer posts an event."""
        use = KeyUse(body=body, at=self.clock(), clock_changes=self.clock_changes)
        if key:
            process.use = (tenant, key)
            self.uses[process.use].append(use)
        service = ingest.Service(
            authenticator=Authenticator(KnownTenants(process)),
            intake=Intake(
                events=process.events,
                idempotency=process.idempotency,
                queue=process.queue(QUEUE),
                clock=self.clock,
                shards=1,
                retention=timedelta(days=30),
            ),
        )
        headers = {"idempotency-key": key} if key else {}
        request = a_request(BODIES[body], api_key=API_KEYS[tenant], headers=headers)
        answer = process.run(lambda: ingest.respond(request, service))
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
        """The last request that was answered 202 under this key, if that is still remembered for sure."""
        for other in reversed(self.uses[tenant, key or ""]):
            if other is not use and other.event is not None:
                # A clock that is put back makes the same key new and old in turn.
                sure = use.within(other.event.created_at) and other.clock_changes == use.clock_changes
                return other if sure else None
        return None

    def work(self, batch: int, process: "Process", *, duplicate: bool = False) -> None:
        """A worker gets a batch; SQS deletes what it is done with."""
        received = (
            self.sqs.receive_duplicate(QueueUrl=QUEUE)
            if duplicate
            else self.sqs.receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=batch)
        )
        messages = [_message(record) for record in received.get("Messages", [])]
        if not messages:
            return
        dispatcher = Dispatcher(
            events=process.events,
            tenants=KnownTenants(process),
            queue=process.queue(QUEUE),
            deliver=process.deliver,
            schedule=RetrySchedule(delays_seconds=(60, 120, 240, 480, 960), jitter=lambda: 0.0),
            threads=AtOnce(),
            hold_seconds=HOLD_SECONDS,
        )
        undone = process.run(lambda: dispatcher.settle(messages))
        if undone is None:
            return
        for message in messages:
            if message.message_id not in undone:
                life = self.lives[message.event_key()]
                self.require("only what was delivered is acknowledged", life.status == Status.DELIVERED, life)
                self.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=message.receipt_handle)

    def requeue(self, process: "Process", **request: Any) -> None:
        """An operator sends failed events again."""
        wanted = RequeueRequest.parse(request)
        requeuer = Requeuer(
            events=process.events,
            tenants=KnownTenants(process),
            queue=process.queue(QUEUE),
            dlq=process.queue(DLQ),
            shards=1,
            dlq_visibility_seconds=DLQ_HIDDEN_SECONDS,
            monotonic=lambda: 0.0,
            pause=no_pause,
        )
        process.requeues = True
        report = process.run(lambda: requeuer.run(wanted, ends_at=NEVER))
        if wanted.dry_run:
            self.require("a dry run changes nothing", not process.changes, process.changes)
        elif report is not None and wanted.limit is None and process.interlude is None:
            left = [life for key, life in self.lives.items() if wanted.matches(key, life.created_at)]
            self.require(
                "a requeue that ran to its end leaves nothing FAILED",
                all(life.status != Status.FAILED for life in left) and report.remaining == 0,
                report,
            )

    def reconcile(self, process: "Process") -> None:
        """The schedule runs the reconciler."""
        stalled_after = timedelta(seconds=STALLED_AFTER_SECONDS)
        process.silent_since = self.clock() - stalled_after
        stalled = [key for key, life in self.lives.items() if life.silent_since(process.silent_since)]
        reconciler = Reconciler(
            events=process.events,
            queue=process.queue(QUEUE),
            shards=1,
            stalled_after=stalled_after,
            limit=RECONCILED_AT_ONCE,
            clock=self.clock,
            monotonic=lambda: 0.0,
        )
        process.run(lambda: reconciler.run(ends_at=NEVER))
        lost = max(len(stalled) - process.waiting, 0) + sum(map(self._overtaken, stalled))
        self.require(
            "the reconciler sends no more than what is lost for certain, and a bounded number",
            len(set(process.sent)) <= min(lost, RECONCILED_AT_ONCE),
            (stalled, process.waiting, process.sent),
        )

    def _overtaken(self, key: EventKey) -> bool:
        """Whether an attempt was made at an event of the same tenant that is younger by far."""
        return any(
            other.tenant_id == key.tenant_id
            and life.created_at - self.lives[key].created_at > OVERTAKEN_BY
            and (life.item[ATTEMPTS] > 0 or life.attempts)
            for other, life in self.lives.items()
        )

    def happen(self, interlude: Interlude, within: "Process") -> None:
        for happening in interlude.happenings:
            process = Process(self, interlude.fault)
            if happening is Happening.DUPLICATE:
                self.work(1, process, duplicate=True)
            elif happening is Happening.WORK:
                self.work(3, process)
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
                # Three of them are within the life of a worker, and that is within its hold.
                self.seconds += 15
            elif happening is Happening.CLOCK_BACK:
                self.put_clock_back(5 * 60)

    # The end of a story

    def run_on(self) -> None:
        """Let time pass with workers, the reconciler and receivers that take everything."""
        self.answers = cycle(["http_200"])
        for _ in range(ROUNDS_TO_RECOVER):
            while self.wait_for_a_message():
                self.work(10, Process(self))
            if not self.in_status(Status.PENDING):
                break
            # The clock may be behind by that hour.
            self.seconds += STALLED_AFTER_SECONDS + HOUR + 1
            self.reconcile(Process(self))

    def wait_for_a_message(self) -> bool:
        """Until one can be handed out; False if there is none in the queue."""
        visible_at = self.sqs.next_visible_at(QUEUE)
        if visible_at is not None:
            self.seconds = max(self.seconds, visible_at)
        return visible_at is not None

    def end(self) -> None:
        """Let it run on, requeue what failed, let it run on again: everything is delivered."""
        self.run_on()
        dead = {key_in_message(body) for body in self.sqs.bodies(DLQ)}
        for key, life in self.lives.items():
            # A purge takes what was on its way to the dead-letter queue. Requeue finds it in the table.
            failed = life.status == Status.FAILED and (key in dead or life.purged)
            settled = life.status == Status.DELIVERED or failed
            self.require("in the end an event is DELIVERED, or FAILED and in the DLQ", settled, life)
        for _ in range(2):
            # What a run that died had in hand.
            self.seconds += DLQ_HIDDEN_SECONDS
            self.requeue(Process(self))
            self.run_on()
        for life in self.lives.values():
            delivered = life.status == Status.DELIVERED
            self.require("once its receiver is well, a requeued event is DELIVERED", delivered, life)
        left = self.sqs.bodies(QUEUE) + self.sqs.bodies(DLQ)
        self.require("nothing is left in the queues once all is delivered", not left, left)
        # Not the whole items: moto takes longer to spell them out than for all the rest.
        columns = {f"#{name}": name for name in TOLD}
        items = self.dynamodb.scan(
            TableName=EVENTS_TABLE,
            ProjectionExpression=", ".join(columns),
            ExpressionAttributeNames=columns,
        )["Items"]
        stored = {key_in_item(item): item for item in map(plain, items) if STATUS in item}
        seen = {
            key: {name: life.item[name] for name in TOLD & life.item.keys()}
            for key, life in self.lives.items()
        }
        self.require("the table holds what was seen to be written", stored == seen, (stored, seen))

    def clear(self) -> None:
        """Leave the tables empty for the next story."""
        keys = [*self.lives, *self.other_items]
        for begin in range(0, len(keys), 25):
            deletes = [{"DeleteRequest": {"Key": typed(key_of(key))}} for key in keys[begin : begin + 25]]
            self.dynamodb.batch_write_item(RequestItems={EVENTS_TABLE: deletes})


def _message(record: dict[str, Any]) -> Message:
    return Message(
        message_id=record["MessageId"],
        receipt_handle=record["ReceiptHandle"],
        body=record["Body"],
        receive_count=int(record["Attributes"]["ApproximateReceiveCount"]),
    )
