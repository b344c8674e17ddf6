"""What users and operators notice of each function: one that lacks a permission breaks one of these flows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from handlers.model.delivery import Status
from local.receiver import accepts, refuses
from local.waiting import wait_for
from tests.security.permissions.deployed_system import TYPE, DeployedSystem, promise

_SECONDS = 10
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Something that a function makes happen.

    Attributes:
        run: makes it happen; raises FlowBrokenError if it does not happen.
    """

    function: str
    name: str
    run: Callable[[DeployedSystem], None]


def _a_post_is_accepted(system: DeployedSystem) -> None:
    event_id = _accepted(system, "first")
    delivery = system.stack.delivery(system.tenant.tenant_id, event_id)
    promise(delivery is not None and delivery.status == Status.PENDING, "the event is in the table")
    promise([message.event_id for message in system.stack.queued()] == [event_id], "it is in the queue")


def _a_repeated_post_is_the_same_event(system: DeployedSystem) -> None:
    first, second = _accepted(system, "same"), _accepted(system, "same")
    promise(first == second, "both posts are the same event")
    promise(len(system.stack.queued()) == 1, "it is in the queue once")


def _accepted(system: DeployedSystem, key: str) -> str:
    answer = system.post_over_http(key=key)
    promise(answer.status_code == HTTPStatus.ACCEPTED, f"202, not {answer.status_code} {answer.text}")
    return answer.json()["id"]


def _an_attempt_delivers(system: DeployedSystem) -> None:
    system.receiver.answer(TYPE, accepts)
    delivery = system.queue(system.store())
    answer = system.run("worker", system.receive()).answer
    promise(answer == {"batchItemFailures": []}, f"the message is done with, not {answer}")
    _delivered(system, delivery.key.event_id)
    promise(system.found(delivery).status == Status.DELIVERED, "the event is DELIVERED")


def _a_failed_attempt_is_repeated_after_a_minute(system: DeployedSystem) -> None:
    system.receiver.answer(TYPE, refuses)
    delivery, began = system.queue(system.store()), system.stack.clock.now()
    system.run("worker", system.receive())
    ended = system.stack.clock.now()
    promise(len(system.receiver.deliveries(delivery.key.event_id)) == 1, "there was one attempt")
    promise(system.found(delivery).status == Status.PENDING, "the event is PENDING")
    (message,) = system.stack.queued()
    # Visibility comes in whole seconds, rounded down.
    in_time = began + 59 <= message.visible_at <= ended + 66
    promise(in_time, f"the message is visible again after 60 to 66 s, not {message.visible_at - began:.0f} s")


def _the_mapping_hands_messages_to_the_worker(system: DeployedSystem) -> None:
    system.receiver.answer(TYPE, accepts)
    delivery = system.queue(system.store())
    with system.consumer():
        wait_for("a delivery", lambda: system.found(delivery).status == Status.DELIVERED, seconds=_SECONDS)
        wait_for("an empty queue", lambda: not system.stack.queued(), seconds=_SECONDS)
    _delivered(system, delivery.key.event_id)


def _delivered(system: DeployedSystem, event_id: str) -> None:
    deliveries = system.receiver.deliveries(event_id)
    promise([delivery.verified for delivery in deliveries] == [True], "it came in once, signed")


def _a_dead_letter_is_sent_again(system: DeployedSystem) -> None:
    """Only the tenant's own, and to its current target."""
    delivery = system.failed(target_url="https://moved.example/hooks")
    other = system.failed(system.other_tenant())
    report = system.requeue().answer
    sent = {"requeued": 1, "skipped": 0, "remaining": 0, "eventIds": [delivery.key.event_id]}
    promise(sent.items() <= report.items(), f"just that event is sent again, not {report}")
    now = system.found(delivery)
    promise((now.status, now.attempts) == (Status.PENDING, 0), "it is PENDING again, with all its attempts")
    promise(now.target_url == system.receiver.url, "it goes to the tenant's current target")
    promise([m.event_id for m in system.stack.queued()] == [delivery.key.event_id], "it is in the queue")
    promise([m.event_id for m in system.stack.dead_letters()] == [other.key.event_id], "its letter is gone")


def _what_the_limit_leaves_is_at_hand_at_once(system: DeployedSystem) -> None:
    events = {system.failed().key.event_id, system.failed().key.event_id}
    report = system.requeue(limit=1).answer
    promise((report["requeued"], report["remaining"]) == (1, 1), f"one is sent, one remains, not {report}")
    (letter,) = system.stack.dead_letters()
    promise(letter.event_id in events - set(report["eventIds"]), "the other letter stays")
    promise(letter.visible_at <= system.stack.clock.now(), "it is visible at once")


def _a_lost_event_is_queued_again(system: DeployedSystem) -> None:
    delivery = system.store(age=_DAY)
    _reconciled(system, {"stalled": 1, "waiting": 0, "queued": 1})
    promise(
        [message.event_id for message in system.stack.queued()] == [delivery.key.event_id], "it is queued"
    )
    _reconciled(system, {"stalled": 0, "waiting": 1, "queued": 0})


def _a_backlog_is_not_amplified(system: DeployedSystem) -> None:
    system.queue(system.store(age=_DAY))
    _reconciled(system, {"stalled": 1, "waiting": 1, "queued": 0})
    promise(len(system.stack.queued()) == 1, "there is one message")


def _a_lost_event_that_was_overtaken_is_queued_again(system: DeployedSystem) -> None:
    """A backlog as long as what is stalled hides it from the count."""
    other = system.other_tenant()
    for _ in range(2):
        system.queue(system.store(other, age=_DAY))
    lost = system.store(age=_DAY)
    system.queue(system.store(age=_HOUR, status=Status.DELIVERED, attempts=1))
    _reconciled(system, {"stalled": 3, "waiting": 3, "queued": 1})
    queued = [message.event_id for message in system.stack.queued()]
    promise(lost.key.event_id in queued and len(queued) == 4, "that event is queued")


def _reconciled(system: DeployedSystem, expected: dict[str, int]) -> None:
    report = system.run("reconciler", {}).answer
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
