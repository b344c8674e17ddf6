"""What users and operators notice of each function: a function that lacks a permission breaks one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from handlers.model.delivery import Status
from local.receiver import accepts, refuses
from local.waiting import wait_for
from tests.security.permissions.world import TYPE, DeployedWorld, promise

_SECONDS = 10
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Something that a function makes happen.

    Attributes:
        run: makes it happen in a world; raises FlowBrokenError when it does not.
    """

    function: str
    name: str
    run: Callable[[DeployedWorld], None]


def _a_post_is_accepted(world: DeployedWorld) -> None:
    event_id = _accepted(world, "first")
    event = world.stack.event(world.tenant.tenant_id, event_id)
    promise(event is not None and event.status == Status.PENDING, "the event is in the table")
    promise([message.event_id for message in world.stack.queued()] == [event_id], "it is in the queue")


def _a_repeated_post_is_the_same_event(world: DeployedWorld) -> None:
    first, second = _accepted(world, "same"), _accepted(world, "same")
    promise(first == second, "both posts are the same event")
    promise(len(world.stack.queued()) == 1, "it is in the queue once")


def _accepted(world: DeployedWorld, key: str) -> str:
    answer = world.send(key=key)
    promise(answer.status_code == HTTPStatus.ACCEPTED, f"202, not {answer.status_code} {answer.text}")
    return answer.json()["id"]


def _an_attempt_delivers(world: DeployedWorld) -> None:
    world.receiver.answer(TYPE, accepts)
    event = world.queue(world.store())
    answer = world.run("worker", world.receive()).answer
    promise(answer == {"batchItemFailures": []}, f"the message is done with, not {answer}")
    _delivered(world, event.key.event_id)
    promise(world.found(event).status == Status.DELIVERED, "the event is DELIVERED")


def _a_failed_attempt_is_repeated_after_a_minute(world: DeployedWorld) -> None:
    world.receiver.answer(TYPE, refuses)
    event, began = world.queue(world.store()), world.stack.clock.now()
    world.run("worker", world.receive())
    ended = world.stack.clock.now()
    promise(len(world.receiver.deliveries(event.key.event_id)) == 1, "there was one attempt")
    promise(world.found(event).status == Status.PENDING, "the event is PENDING")
    (message,) = world.stack.queued()
    # Visibility is told in whole seconds, rounded down.
    in_time = began + 59 <= message.visible_at <= ended + 66
    promise(in_time, f"the message is visible again after 60 to 66 s, not {message.visible_at - began:.0f} s")


def _the_mapping_hands_messages_to_the_worker(world: DeployedWorld) -> None:
    world.receiver.answer(TYPE, accepts)
    event = world.queue(world.store())
    with world.consumer():
        wait_for("a delivery", lambda: world.found(event).status == Status.DELIVERED, seconds=_SECONDS)
        wait_for("an empty queue", lambda: not world.stack.queued(), seconds=_SECONDS)
    _delivered(world, event.key.event_id)


def _delivered(world: DeployedWorld, event_id: str) -> None:
    deliveries = world.receiver.deliveries(event_id)
    promise([delivery.verified for delivery in deliveries] == [True], "it came in once, signed")


def _a_dead_letter_is_sent_again(world: DeployedWorld) -> None:
    """One tenant's alone, to where its events go now."""
    event = world.failed(target_url="https://moved.example/hooks")
    other = world.failed(world.other_tenant())
    report = world.requeue().answer
    sent = {"requeued": 1, "skipped": 0, "remaining": 0, "eventIds": [event.key.event_id]}
    promise(sent.items() <= report.items(), f"just that event is sent again, not {report}")
    now = world.found(event)
    promise((now.status, now.attempts) == (Status.PENDING, 0), "it is PENDING again, with all its attempts")
    promise(now.target_url == world.receiver.url, "it goes to the tenant's current target")
    promise([m.event_id for m in world.stack.queued()] == [event.key.event_id], "it is in the queue")
    promise([m.event_id for m in world.stack.dead_letters()] == [other.key.event_id], "its letter is gone")


def _what_the_limit_leaves_is_at_hand_at_once(world: DeployedWorld) -> None:
    events = {world.failed().key.event_id, world.failed().key.event_id}
    report = world.requeue(limit=1).answer
    promise((report["requeued"], report["remaining"]) == (1, 1), f"one is sent, one remains, not {report}")
    (letter,) = world.stack.dead_letters()
    promise(letter.event_id in events - set(report["eventIds"]), "the other letter stays")
    promise(letter.visible_at <= world.stack.clock.now(), "it is visible at once")


def _a_lost_event_is_queued_again(world: DeployedWorld) -> None:
    event = world.store(age=_DAY)
    _reconciled(world, {"stalled": 1, "waiting": 0, "queued": 1})
    promise([message.event_id for message in world.stack.queued()] == [event.key.event_id], "it is queued")
    _reconciled(world, {"stalled": 0, "waiting": 1, "queued": 0})


def _a_backlog_is_not_amplified(world: DeployedWorld) -> None:
    world.queue(world.store(age=_DAY))
    _reconciled(world, {"stalled": 1, "waiting": 1, "queued": 0})
    promise(len(world.stack.queued()) == 1, "there is one message")


def _a_lost_event_that_was_overtaken_is_queued_again(world: DeployedWorld) -> None:
    """Beside a backlog as long as what is stalled, which hides it from the count."""
    other = world.other_tenant()
    for _ in range(2):
        world.queue(world.store(other, age=_DAY))
    lost = world.store(age=_DAY)
    world.queue(world.store(age=_HOUR, status=Status.DELIVERED, attempts=1))
    _reconciled(world, {"stalled": 3, "waiting": 3, "queued": 1})
    queued = [message.event_id for message in world.stack.queued()]
    promise(lost.key.event_id in queued and len(queued) == 4, "that event is queued")


def _reconciled(world: DeployedWorld, expected: dict[str, int]) -> None:
    report = world.run("reconciler", {}).answer
    promise(report == expected, f"the report is {expected}, not {report}")


FLOWS = tuple(
    Flow(function=function, name=run.__name__.strip("_").replace("_", " "), run=run)
    for function, runs in {
        "ingest": (_a_post_is_accepted, _a_repeated_post_is_the_same_event),
        "worker": (
            _an_attempt_delivers,
            _a_failed_attempt_is_repeated_after_a_minute,
            _the_mapping_hands_messages_to_the_worker,
        ),
        "requeue": (_what_the_limit_leaves_is_at_hand_at_once, _a_dead_letter_is_sent_again),
        "reconciler": (
            _a_lost_event_is_queued_again,
            _a_backlog_is_not_amplified,
            _a_lost_event_that_was_overtaken_is_queued_again,
        ),
    }.items()
    for run in runs
)


def flows_of(function: str) -> list[Flow]:
    return [flow for flow in FLOWS if flow.function == function]
