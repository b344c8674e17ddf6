"""The life of events: whatever happens to them, in whatever order, every promise is kept.

Hypothesis makes up stories of posts, attempts, deaths, AWS errors, duplicates, purges, requeues and
reconciliations, and after every step of a story all that must hold is checked. The domain is the real one,
and so is DynamoDB's grammar (moto). SQS, receivers, clocks and deaths are in memory: no story takes time.

The stories are the same on every run. This explores others, and more of them:
`LIFE_SEED=7 LIFE_STORIES=5000 .venv/bin/python -m pytest tests/faults/test_life.py`
"""

import base64
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from typing import Any

import pytest
import structlog
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models.utilities import dynamo_json_dump
from moto.dynamodb.responses import DynamoHandler

from handlers.model.delivery import Status
from handlers.store.aws import AWS_ERRORS
from tests.faults.life.process import Process
from tests.faults.life.records import API_KEYS, DLQ, HOUR, QUEUE, Dies, Fault, Happening, Interlude, Kind
from tests.faults.life.world import BODIES, STALLED_AFTER_SECONDS, World
from tests.handlers.conftest import EVENTS_TABLE, TENANT_TABLE, _create_tables
from tests.handlers.factories import NOON

SEED = int(os.environ.get("LIFE_SEED", "1"))
STORIES = int(os.environ.get("LIFE_STORIES", "300"))
STEPS_OF_A_STORY = 50
STEPS_IN_ALL = 10_000
# Of one story, so that it is long rather than broad.
MOST_EVENTS, MOST_PURGES = 12, 1

# Of no other test.
ACCOUNT, REGION = "000000000042", "us-east-1"
# Well before the events of a story expire, which is after 30 days.
MOST_SECONDS = 14 * 24 * HOUR

KEYS = ("order-1", "order-2")
OVERTAKEN = Interlude(
    call=None, happenings=(Happening.CLOCK_BACK, Happening.DUPLICATE, Happening.DUPLICATE), fault=None
)
TWICE = Interlude(call=None, happenings=(Happening.DUPLICATE,), fault=None)
REQUEUED = Interlude(call=None, happenings=(Happening.REQUEUE, Happening.WORK), fault=None)
ANSWERS = ("http_500", "http_200", "timeout", "http_429", "http_410")

_kinds = st.sampled_from(Kind)
_faults = st.none() | st.builds(Fault, st.none() | st.integers(1, 12), _kinds)
_faults_of_posts = st.none() | st.builds(Fault, st.integers(1, 7), _kinds)
# Most of what can go wrong is between two workers.
_happenings = [*Happening, Happening.DUPLICATE, Happening.DUPLICATE, Happening.WORK, Happening.CLOCK_BACK]
_interludes = st.none() | st.builds(
    Interlude,
    st.none() | st.integers(1, 8),
    st.lists(st.sampled_from(_happenings), min_size=1, max_size=3).map(tuple),
    st.none() | st.builds(Fault, st.integers(1, 6), _kinds),
)
_answers = st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=3)
_orders = st.integers(0, 5)
_posts = st.tuples(
    st.sampled_from(sorted(API_KEYS)), st.none() | st.sampled_from(KEYS), st.sampled_from(sorted(BODIES))
)


class Stories(RuleBasedStateMachine):
    """What can happen, in any order."""

    def __init__(self, dynamodb: Any, broken: list[str], counted: Counter[str]) -> None:
        super().__init__()
        broken.clear()
        self.world = World(dynamodb, broken)
        self.counted = counted
        counted["stories"] += 1

    @initialize(posts=st.lists(_posts, min_size=1, max_size=4))
    def some_events(self, posts: list[tuple[str, str | None, str]]) -> None:
        for tenant, key, body in posts:
            self.world.seconds += 1
            self.world.post(tenant, key, body, Process(self.world))

    @precondition(lambda self: len(self.world.lives) < MOST_EVENTS)
    @rule(post=_posts, fault=_faults_of_posts, interlude=_interludes)
    def post(
        self, post: tuple[str, str | None, str], fault: Fault | None, interlude: Interlude | None
    ) -> None:
        tenant, key, body = post
        # No two events of a story are of the same moment, so that their ids do not order them.
        self.world.seconds += 1
        self.world.post(tenant, key, body, Process(self.world, fault, interlude))

    @precondition(lambda self: self.world.sqs.bodies(QUEUE))
    @rule(batch=st.integers(1, 3), order=_orders, answers=_answers, fault=_faults, interlude=_interludes)
    def work(
        self, batch: int, order: int, answers: list[str], fault: Fault | None, interlude: Interlude | None
    ) -> None:
        world = self.world
        world.answers, world.sqs.next_index = cycle(answers), lambda _: order
        world.wait_for_a_message()
        world.work(batch, Process(world, fault, interlude))

    @precondition(lambda self: self.world.sqs.in_flight(QUEUE))
    @rule(order=_orders, answers=_answers, fault=_faults)
    def work_on_a_duplicate(self, order: int, answers: list[str], fault: Fault | None) -> None:
        self.world.answers, self.world.sqs.next_index = cycle(answers), lambda _: order
        self.world.work(1, Process(self.world, fault), duplicate=True)

    @precondition(lambda self: self.world.sqs.bodies(QUEUE) and self.world.behind < HOUR)
    @rule(order=_orders, answers=_answers)
    def a_worker_is_overtaken(self, order: int, answers: list[str]) -> None:
        """The clock is put back in the middle of its attempt, so that another worker takes it for dead."""
        world = self.world
        world.answers, world.sqs.next_index = cycle(answers), lambda _: order
        world.wait_for_a_message()
        world.work(1, Process(world, None, OVERTAKEN))

    @precondition(lambda self: self.world.sqs.bodies(QUEUE))
    @rule(
        deliveries=st.integers(1, 6),
        order=_orders,
        fault=_faults,
        meanwhile=st.sampled_from([None, TWICE, REQUEUED]),
    )
    def receivers_are_down(
        self, deliveries: int, order: int, fault: Fault | None, meanwhile: Interlude | None
    ) -> None:
        self.world.answers, self.world.sqs.next_index = cycle(["timeout"]), lambda _: order
        for _ in range(deliveries):
            self.world.wait_for_a_message()
            self.world.work(2, Process(self.world, fault, meanwhile))

    @precondition(lambda self: self.world.seconds - NOON.timestamp() < MOST_SECONDS)
    @rule(seconds=st.sampled_from([1, 45, 300, HOUR, STALLED_AFTER_SECONDS + 1, 25 * HOUR]))
    def time_passes(self, seconds: int) -> None:
        self.world.seconds += seconds

    @precondition(lambda self: self.world.behind < HOUR)
    @rule(minutes=st.integers(1, 10))
    def the_clock_is_put_back(self, minutes: int) -> None:
        self.world.put_clock_back(60 * minutes)

    @precondition(lambda self: self.world.sqs.bodies(QUEUE) and self.world.purges < MOST_PURGES)
    @rule()
    def the_queue_is_purged(self) -> None:
        self.world.purge()

    @precondition(lambda self: self.world.sqs.bodies(DLQ) or self.world.in_status(Status.FAILED))
    @rule(
        tenant=st.none() | st.sampled_from(sorted(API_KEYS)),
        limit=st.none() | st.integers(1, 2),
        dry_run=st.booleans(),
        fault=_faults,
        interlude=_interludes,
    )
    def requeue(
        self,
        tenant: str | None,
        limit: int | None,
        dry_run: bool,
        fault: Fault | None,
        interlude: Interlude | None,
    ) -> None:
        process = Process(self.world, fault, interlude)
        self.world.requeue(process, tenantId=tenant, limit=limit, dryRun=dry_run)

    @precondition(lambda self: self.world.in_status(Status.PENDING))
    @rule(later=st.booleans(), fault=_faults, interlude=_interludes)
    def reconcile(self, later: bool, fault: Fault | None, interlude: Interlude | None) -> None:
        self.world.seconds += STALLED_AFTER_SECONDS + 1 if later else 0
        self.world.reconcile(Process(self.world, fault, interlude))

    @invariant()
    def every_promise_is_kept(self) -> None:
        self.counted["checks"] += 1
        assert not self.world.broken

    def teardown(self) -> None:
        # Hypothesis breaks off a story that it has no use for.
        whole = sys.exc_info()[0] is None
        try:
            if whole and not self.world.broken:
                self.world.end()
                assert not self.world.broken
        finally:
            self.world.clear()


class Moto:
    """DynamoDB's client over moto's own code, without HTTP between them, which takes longer than the rest."""

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            handler = DynamoHandler()
            handler.current_account, handler.region = ACCOUNT, REGION
            handler.body = json.loads(json.dumps(request, default=_in_base64))
            try:
                answer = getattr(handler, operation)().result
            except JsonRESTError as error:
                raise ClientError({"Error": {"Code": error.relative_error_type}}, operation) from error
            return json.loads(dynamo_json_dump(answer), object_hook=_from_base64)

        return call


def _in_base64(binary: bytes) -> str:
    return base64.b64encode(binary).decode()


def _from_base64(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if value.keys() == {"B"} else value


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Moto]:
    client = Moto()
    _create_tables(client)
    yield client
    for table in (TENANT_TABLE, EVENTS_TABLE):
        client.delete_table(TableName=table)


@pytest.fixture
def broken() -> Iterator[list[str]]:
    """What is broken, to which the log adds what nobody foresaw; nothing else is logged."""
    noted: list[str] = []

    def note(_: Any, __: str, entry: dict[str, Any]) -> dict[str, Any]:
        error = entry.get("exc_info")
        foreseen = error is True or isinstance(error, (Dies, *AWS_ERRORS))
        if error is not None and not foreseen:
            noted.append(f"nobody foresaw {error!r} - {entry['event']}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[note], wrapper_class=structlog.make_filtering_bound_logger(40))
    yield noted
    structlog.configure(**before)


@pytest.mark.no_cover  # measuring would take longer than the test, of code that others cover
def test_whatever_happens_every_promise_is_kept(dynamodb: Any, broken: list[str]) -> None:
    counted: Counter[str] = Counter()
    stories = seed(SEED)(partial(Stories, dynamodb, broken, counted))

    run_state_machine_as_test(
        stories,
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=STEPS_OF_A_STORY,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )

    # Every story is checked once before its first step.
    assert counted["checks"] - counted["stories"] >= STEPS_IN_ALL
