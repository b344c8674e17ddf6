"""What is going on when something dies: each function, in each of the ways in which it can go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.receiver import Answer, accepts, accepts_after, refuses
from tests.faults import BUDGET
from tests.faults.fates import KILLED_AFTER, KILLED_BEFORE, RECEIVER, Fate
from tests.faults.invocation import Outcome
from tests.faults.testbed import STATUS_CODE, TYPE, Testbed

KEY = "order-42"
GONE = 410
# The event is claimed for an attempt then, and no outcome is recorded.
_IN_THE_ATTEMPT = Fate(KILLED_BEFORE, RECEIVER)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One invocation, what comes before it, and what people do after it.

    Attributes:
        given: brings about what the invocation finds; returns the worker's batch, if it is a worker.
        when: the invocation, with its fate.
        then: what a producer or an operator, who does not know what happened, does next.
        repeats: how many deliveries may be made again when it dies: the worker is at-least-once.
    """

    name: str
    function: str
    given: Callable[[Testbed], Any]
    when: Callable[[Testbed, Any, Fate | None], Outcome]
    then: Callable[[Testbed], None] = lambda _: None
    repeats: int = 0

    def __str__(self) -> str:
        return f"{self.function}: {self.name}"


def _posting(
    name: str, *, given: Callable[[Testbed], Any], key: str | None = None, large: bool = False
) -> Scenario:
    def post(testbed: Testbed, _: Any, fate: Fate | None) -> Outcome:
        return testbed.post(fate, key=key, large=large)

    def repeat(testbed: Testbed) -> None:
        """Whatever the producer saw, it repeats the request under its key, which is accepted then."""
        answer = testbed.post(key=key, large=large).answer
        assert answer[STATUS_CODE] == 202, answer
        assert len(testbed.accepted) == len(testbed.events()) == 1, "one key made more than one event"

    then = repeat if key else lambda _: None
    return Scenario(name=name, function="ingest", given=given, when=post, then=then)


def _working(name: str, *, given: Callable[[Testbed], Any], repeats: int = 0) -> Scenario:
    return Scenario(name=name, function="worker", given=given, when=Testbed.work, repeats=repeats)


def _requeuing(name: str, *, given: Callable[[Testbed], Any], **request: Any) -> Scenario:
    def requeue(testbed: Testbed, _: Any, fate: Fate | None) -> Outcome:
        return testbed.requeue(fate, **request)

    then = Testbed.requeue_again
    return Scenario(name=name, function="requeue", given=given, when=requeue, then=then)


def _receiver_accepts(testbed: Testbed) -> None:
    testbed.receiver.answer(TYPE, accepts)


def _first_request_died(testbed: Testbed) -> None:
    testbed.receiver.answer(TYPE, accepts)
    testbed.post(Fate(KILLED_AFTER, "PutItem idempotency key"), key=KEY, large=True)


def _message_for(answer: Answer, *, receive: int = 1) -> Callable[[Testbed], Any]:
    def given(testbed: Testbed) -> Any:
        testbed.receiver.answer(TYPE, answer)
        testbed.post(large=True)
        testbed.drain(until_receive=receive)
        return testbed.receive()

    return given


def _message_of_a_delivered_event(testbed: Testbed) -> Any:
    batch = _message_for(accepts)(testbed)
    testbed.run("worker", batch)
    return batch


def _message_of_an_event_without_attempts_left(testbed: Testbed) -> Any:
    """The worker died in the last attempt, and the reconciler sent the event once more."""
    testbed.work(_message_for(refuses, receive=BUDGET)(testbed), _IN_THE_ATTEMPT)
    testbed.drain()
    testbed.reconcile()
    return testbed.receive()


def _message_of_a_held_event(testbed: Testbed) -> Any:
    """The worker died in an attempt, and another message of the event comes right then."""
    testbed.work(_message_for(accepts)(testbed), _IN_THE_ATTEMPT)
    testbed.enqueue("queue_url", testbed.accepted[0])
    return testbed.receive()


def _failed(testbed: Testbed) -> None:
    testbed.receiver.answer(TYPE, refuses)
    testbed.post()
    testbed.drain()
    testbed.receiver.answer(TYPE, accepts)


def _two_failed(testbed: Testbed) -> None:
    _failed(testbed)
    _failed(testbed)


def _failed_without_dead_letter(testbed: Testbed) -> None:
    _failed(testbed)
    testbed.purge("dlq_url")


def _delivered_with_dead_letter(testbed: Testbed) -> None:
    testbed.receiver.answer(TYPE, accepts)
    testbed.post()
    testbed.drain()
    testbed.enqueue("dlq_url", testbed.accepted[0])


def _purged(testbed: Testbed) -> None:
    testbed.receiver.answer(TYPE, accepts)
    testbed.post()
    testbed.post()
    testbed.purge("queue_url")


def _reconcile(testbed: Testbed, _: Any, fate: Fate | None) -> Outcome:
    return testbed.reconcile(fate)


SCENARIOS = (
    _posting("a new event", given=_receiver_accepts),
    _posting("a new event with a key", given=_receiver_accepts, key=KEY, large=True),
    _posting("a repeated request whose first one died", given=_first_request_died, key=KEY, large=True),
    _working("an attempt that succeeds", given=_message_for(accepts), repeats=1),
    _working("an attempt that fails", given=_message_for(accepts_after(1)), repeats=1),
    _working("a retry that succeeds", given=_message_for(accepts_after(2), receive=3), repeats=1),
    _working(
        "the last attempt, which succeeds", given=_message_for(accepts_after(BUDGET - 1), receive=BUDGET)
    ),
    _working("the last attempt, which fails", given=_message_for(refuses, receive=BUDGET)),
    _working("an attempt that is told to stop (410)", given=_message_for(lambda _: GONE)),
    _working("a message of a delivered event", given=_message_of_a_delivered_event),
    _working("an event whose attempts are used up", given=_message_of_an_event_without_attempts_left),
    _working("an event that another worker holds", given=_message_of_a_held_event),
    _requeuing("one of two failed events, by a limit", given=_two_failed, limit=1),
    _requeuing("a failed event in the DLQ", given=_failed),
    _requeuing("a failed event that has no message", given=_failed_without_dead_letter),
    _requeuing("a delivered event in the DLQ", given=_delivered_with_dead_letter),
    Scenario(name="two events lost in a purge", function="reconciler", given=_purged, when=_reconcile),
)
