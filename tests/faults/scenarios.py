"""What is going on when something dies: each handler in each of the ways it can go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handlers.model.event import EventKey
from handlers.store.queue import Queue
from local.receiver import accepts, accepts_after, refuses
from tests.faults.aws_faults import AwsFault
from tests.faults.invocation import Crash, Outcome
from tests.faults.world import BUDGET, STATUS_CODE, World

Fate = Crash | AwsFault | None
TYPE = "order.created"
KEY = "order-42"
GONE = 410
_CLAIM = 3  # of the worker's calls, after those that read event, payload and tenant


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One invocation, what comes before it, and what people do after it.

    Attributes:
        given: brings about what the invocation finds; gives what it is invoked with, if that was read.
        when: the invocation, with its fate.
        then: what a producer or an operator does next, who does not know what happened.
        repeats: how many deliveries may be made again when it dies: the worker is at-least-once.
    """

    name: str
    function: str
    given: Callable[[World], Any]
    when: Callable[[World, Any, Fate], Outcome]
    then: Callable[[World], None] = lambda _: None
    repeats: int = 0


def _nothing(world: World) -> None:
    world.receiver.answer(TYPE, accepts)


def _post(world: World, _: Any, fate: Fate) -> Outcome:
    return world.post(TYPE, fate=fate)


def _post_with_key(world: World, _: Any, fate: Fate) -> Outcome:
    return world.post(TYPE, key=KEY, large=True, fate=fate)


def _first_request_died(world: World) -> None:
    world.receiver.answer(TYPE, accepts)
    world.post(TYPE, key=KEY, large=True, fate=Crash(call=1, after=True))


def _repeat(world: World) -> None:
    """Whatever the producer saw, it sends the same again under the same key, and it is accepted then."""
    answer = _post_with_key(world, None, None).answer
    assert answer[STATUS_CODE] == 202, answer
    assert len(world.accepted) == len(world.events()) == 1, "one key made more than one event"


def _message_for(how: Callable[[int], int], *, receive: int = 1) -> Callable[[World], Any]:
    def given(world: World) -> Any:
        world.receiver.answer(TYPE, how)
        world.post(TYPE, large=True)
        world.drain(until_receive=receive)
        return world.receive()

    return given


def _message_of_a_delivered_event(world: World) -> Any:
    batch = _message_for(accepts)(world)
    world.run("worker", batch)
    return batch


def _message_of_an_event_without_attempts_left(world: World) -> Any:
    """The worker died in the middle of the last attempt, and the reconciler sent the event once more."""
    batch = _message_for(refuses, receive=BUDGET)(world)
    world.work(batch, Crash(call=_CLAIM, after=True))
    world.drain()
    world.reconcile()
    return world.receive()


def _message_of_a_held_event(world: World) -> Any:
    """The worker died in the middle of an attempt, and another message of the event comes right then."""
    world.work(_message_for(accepts)(world), Crash(call=_CLAIM, after=True))
    key = EventKey(tenant_id=world.tenant.tenant_id, event_id=world.accepted[0])
    Queue(world.stack.aws.sqs, world.stack.outputs["queue_url"]).send(key)
    return world.receive()


def _work(world: World, batch: Any, fate: Fate) -> Outcome:
    return world.work(batch, fate)


def _failed(world: World) -> None:
    world.receiver.answer(TYPE, refuses)
    world.post(TYPE)
    world.drain()
    world.receiver.answer(TYPE, accepts)


def _failed_without_dead_letter(world: World) -> None:
    _failed(world)
    world.stack.aws.sqs.purge_queue(QueueUrl=world.stack.outputs["dlq_url"])


def _delivered_with_dead_letter(world: World) -> None:
    world.receiver.answer(TYPE, accepts)
    world.post(TYPE)
    world.drain()
    key = EventKey(tenant_id=world.tenant.tenant_id, event_id=world.accepted[0])
    Queue(world.stack.aws.sqs, world.stack.outputs["dlq_url"]).send(key)


def _two_failed(world: World) -> None:
    for _ in range(2):
        _failed(world)


def _requeue(world: World, _: Any, fate: Fate) -> Outcome:
    return world.requeue(fate)


def _requeue_one(world: World, _: Any, fate: Fate) -> Outcome:
    return world.requeue(fate, limit=1)


def _requeue_again(world: World) -> None:
    world.let_requeue_see_the_dlq()
    world.requeue()


def _purged(world: World) -> None:
    world.receiver.answer(TYPE, accepts)
    for _ in range(2):
        world.post(TYPE)
    world.stack.aws.sqs.purge_queue(QueueUrl=world.stack.outputs["queue_url"])


def _reconcile(world: World, _: Any, fate: Fate) -> Outcome:
    return world.reconcile(fate)


SCENARIOS = (
    Scenario(name="a new event", function="ingest", given=_nothing, when=_post),
    Scenario(
        name="a new event with a key", function="ingest", given=_nothing, when=_post_with_key, then=_repeat
    ),
    Scenario(
        name="a repeated request whose first one died",
        function="ingest",
        given=_first_request_died,
        when=_post_with_key,
        then=_repeat,
    ),
    Scenario(
        name="an attempt that succeeds",
        function="worker",
        given=_message_for(accepts),
        when=_work,
        repeats=1,
    ),
    Scenario(
        name="an attempt that fails",
        function="worker",
        given=_message_for(accepts_after(1)),
        when=_work,
        repeats=1,
    ),
    Scenario(
        name="a retry that succeeds",
        function="worker",
        given=_message_for(accepts_after(2), receive=3),
        when=_work,
        repeats=1,
    ),
    Scenario(
        name="the last attempt, which succeeds",
        function="worker",
        given=_message_for(accepts_after(BUDGET - 1), receive=BUDGET),
        when=_work,
    ),
    Scenario(
        name="the last attempt, which fails",
        function="worker",
        given=_message_for(refuses, receive=BUDGET),
        when=_work,
    ),
    Scenario(
        name="an attempt that is told to stop (410)",
        function="worker",
        given=_message_for(lambda _: GONE),
        when=_work,
    ),
    Scenario(
        name="a message of a delivered event",
        function="worker",
        given=_message_of_a_delivered_event,
        when=_work,
    ),
    Scenario(
        name="an event whose attempts are used up",
        function="worker",
        given=_message_of_an_event_without_attempts_left,
        when=_work,
    ),
    Scenario(
        name="an event that another worker holds",
        function="worker",
        given=_message_of_a_held_event,
        when=_work,
    ),
    Scenario(
        name="one of two failed events, by a limit",
        function="requeue",
        given=_two_failed,
        when=_requeue_one,
        then=_requeue_again,
    ),
    Scenario(
        name="a failed event in the DLQ",
        function="requeue",
        given=_failed,
        when=_requeue,
        then=_requeue_again,
    ),
    Scenario(
        name="a failed event that has no message",
        function="requeue",
        given=_failed_without_dead_letter,
        when=_requeue,
        then=_requeue_again,
    ),
    Scenario(
        name="a delivered event in the DLQ",
        function="requeue",
        given=_delivered_with_dead_letter,
        when=_requeue,
        then=_requeue_again,
    ),
    Scenario(name="two events lost in a purge", function="reconciler", given=_purged, when=_reconcile),
)
