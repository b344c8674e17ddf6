"""The life of events: whatever happens to them, in whatever order, every promise is kept.

Hypothesis makes up stories of posts, attempts, deaths, AWS errors, duplicates, purges, requeues and
reconciliations. After every step of a story, all promises are checked. The domain is the real one, the
SDK's clients are real, and DynamoDB's grammar is moto's. SQS, receivers, clocks and deaths are in memory: no
story takes time.

The stories are the same on every run. This explores others, and more of them:
`LIFE_SEED=7 LIFE_STORIES=5000 .venv/bin/python -m pytest tests/faults/test_life.py`
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import structlog
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

from handlers.model.delivery import Status
from handlers.store.aws import AWS_ERRORS
from handlers.store.table import Table
from handlers.store.tenant_registry import TenantRegistry
from tests.faults.life.aws import SimulatedAws
from tests.faults.life.functions import STALLED_AFTER_SECONDS
from tests.faults.life.process import Process
from tests.faults.life.records import DLQ, HOUR, KINDS, QUEUE, Dies, Fault, Happening, Interlude
from tests.faults.life.simulation import BODIES, Simulation
from tests.support.factories import NOON, TARGET_URL
from tests.support.moto_aws import EVENTS_TABLE, TENANT_TABLE, _create_tables

SEED = int(os.environ.get("LIFE_SEED", "1"))
STORIES = int(os.environ.get("LIFE_STORIES", "300"))
STEPS_OF_A_STORY = 50
STEPS_IN_ALL = 10_000
# In one story, so that it is long rather than broad.
MOST_EVENTS, MOST_PURGES = 12, 1

# The events of a story expire after 30 days.
MOST_SECONDS = 14 * 24 * HOUR

TENANTS = ("acme", "shop")
KEYS = ("order-1", "order-2")
OVERTAKEN = Interlude(
    call=None, happenings=(Happening.CLOCK_BACK, Happening.DUPLICATE, Happening.DUPLICATE), fault=None
)
TWICE = Interlude(call=None, happenings=(Happening.DUPLICATE,), fault=None)
REQUEUED = Interlude(call=None, happenings=(Happening.REQUEUE, Happening.WORK), fault=None)
ANSWERS = ("http_500", "http_200", "timeout", "http_429", "http_410")

_kinds = st.sampled_from(KINDS)
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
    st.sampled_from(TENANTS), st.none() | st.sampled_from(KEYS), st.sampled_from(sorted(BODIES))
)


class Stories(RuleBasedStateMachine):
    """What can happen, in any order."""

    def __init__(
        self, aws: SimulatedAws, api_keys: dict[str, str], broken: list[str], counted: Counter[str]
    ) -> None:
        super().__init__()
        broken.clear()
        self.simulation = Simulation(aws, api_keys, broken)
        self.counted = counted
        counted["stories"] += 1

    @initialize(posts=st.lists(_posts, min_size=1, max_size=4))
    def some_events(self, posts: list[tuple[str, str | None, str]]) -> None:
        for tenant, key, body in posts:
            self.simulation.seconds += 1
            self.simulation.post(tenant, key, body, Process(self.simulation))

    @precondition(lambda self: len(self.simulation.lives) < MOST_EVENTS)
    @rule(post=_posts, fault=_faults_of_posts, interlude=_interludes)
    def post(
        self, post: tuple[str, str | None, str], fault: Fault | None, interlude: Interlude | None
    ) -> None:
        tenant, key, body = post
        # No two events have the same creation time, so their ids never decide the order.
        self.simulation.seconds += 1
        self.simulation.post(tenant, key, body, Process(self.simulation, fault, interlude))

    @precondition(lambda self: self.simulation.sqs.bodies(QUEUE))
    @rule(batch=st.integers(1, 3), order=_orders, answers=_answers, fault=_faults, interlude=_interludes)
    def work(
        self, batch: int, order: int, answers: list[str], fault: Fault | None, interlude: Interlude | None
    ) -> None:
        simulation = self.simulation
        simulation.expect(answers, order)
        simulation.wait_for_a_message()
        simulation.work(Process(simulation, fault, interlude), most=batch)

    @precondition(lambda self: self.simulation.sqs.in_flight(QUEUE))
    @rule(order=_orders, answers=_answers, fault=_faults)
    def work_on_a_duplicate(self, order: int, answers: list[str], fault: Fault | None) -> None:
        self.simulation.expect(answers, order)
        self.simulation.work_on_a_duplicate(Process(self.simulation, fault))

    @precondition(lambda self: self.simulation.sqs.bodies(QUEUE) and self.simulation.behind < HOUR)
    @rule(order=_orders, answers=_answers)
    def a_worker_is_overtaken(self, order: int, answers: list[str]) -> None:
        """The clock is put back during its attempt, so that another worker takes it for dead."""
        simulation = self.simulation
        simulation.expect(answers, order)
        simulation.wait_for_a_message()
        simulation.work(Process(simulation, None, OVERTAKEN), most=1)

    @precondition(lambda self: self.simulation.sqs.bodies(QUEUE))
    @rule(
        deliveries=st.integers(1, 6),
        order=_orders,
        fault=_faults,
        meanwhile=st.sampled_from([None, TWICE, REQUEUED]),
    )
    def receivers_are_down(
        self, deliveries: int, order: int, fault: Fault | None, meanwhile: Interlude | None
    ) -> None:
        self.simulation.expect(["timeout"], order)
        for _ in range(deliveries):
            self.simulation.wait_for_a_message()
            self.simulation.work(Process(self.simulation, fault, meanwhile), most=2)

    @precondition(lambda self: self.simulation.seconds - NOON.timestamp() < MOST_SECONDS)
    @rule(seconds=st.sampled_from([1, 45, 300, HOUR, STALLED_AFTER_SECONDS + 1, 25 * HOUR]))
    def time_passes(self, seconds: int) -> None:
        self.simulation.seconds += seconds

    @precondition(lambda self: self.simulation.behind < HOUR)
    @rule(minutes=st.integers(1, 10))
    def the_clock_is_put_back(self, minutes: int) -> None:
        self.simulation.put_clock_back(60 * minutes)

    @precondition(lambda self: self.simulation.sqs.bodies(QUEUE) and self.simulation.purges < MOST_PURGES)
    @rule()
    def the_queue_is_purged(self) -> None:
        self.simulation.purge()

    @precondition(lambda self: self.simulation.sqs.bodies(DLQ) or self.simulation.in_status(Status.FAILED))
    @rule(
        tenant=st.none() | st.sampled_from(TENANTS),
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
        process = Process(self.simulation, fault, interlude)
        self.simulation.requeue(process, tenant=tenant, limit=limit, dry_run=dry_run)

    @precondition(lambda self: self.simulation.in_status(Status.PENDING))
    @rule(later=st.booleans(), fault=_faults, interlude=_interludes)
    def reconcile(self, later: bool, fault: Fault | None, interlude: Interlude | None) -> None:
        self.simulation.seconds += STALLED_AFTER_SECONDS + 1 if later else 0
        self.simulation.reconcile(Process(self.simulation, fault, interlude))

    @invariant()
    def every_promise_is_kept(self) -> None:
        self.counted["checks"] += 1
        assert not self.simulation.broken

    def teardown(self) -> None:
        # Hypothesis ends a story early if it has no use for it.
        whole = sys.exc_info()[0] is None
        try:
            if whole and not self.simulation.broken:
                self.simulation.end()
                assert not self.simulation.broken
        finally:
            self.simulation.clear()


@pytest.fixture(scope="module")
def aws() -> Iterator[SimulatedAws]:
    aws = SimulatedAws()
    _create_tables(aws.dynamodb)
    yield aws
    for table in (TENANT_TABLE, EVENTS_TABLE):
        aws.dynamodb.delete_table(TableName=table)


@pytest.fixture(scope="module")
def api_keys(aws: SimulatedAws) -> dict[str, str]:
    registry = TenantRegistry(Table(aws.dynamodb, TENANT_TABLE))
    created = [registry.create(tenant_id=name, target_url=TARGET_URL, now=NOON) for name in TENANTS]
    return {tenant.tenant_id: tenant.api_key for tenant in created}


@pytest.fixture
def broken() -> Iterator[list[str]]:
    """Broken promises, and every unforeseen error that the functions log; nothing else is logged."""
    noted: list[str] = []

    def note(_: Any, __: str, entry: dict[str, Any]) -> dict[str, Any]:
        error = entry.get("exc_info")
        foreseen = error is True or isinstance(error, (Dies, *AWS_ERRORS))
        if error is not None and not foreseen:
            noted.append(f"unforeseen: {error!r} - {entry['event']}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[note], wrapper_class=structlog.make_filtering_bound_logger(40))
    yield noted
    structlog.configure(**before)


@pytest.mark.no_cover  # measuring would take longer than the test, of code that others cover
def test_whatever_happens_every_promise_is_kept(
    aws: SimulatedAws, api_keys: dict[str, str], broken: list[str]
) -> None:
    counted: Counter[str] = Counter()
    stories = seed(SEED)(partial(Stories, aws, api_keys, broken, counted))

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

    # The invariant is also checked once before the first step of each story.
    assert counted["checks"] - counted["stories"] >= STEPS_IN_ALL
