"""One invocation of a function: what befalls its calls, and what they change."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ReadTimeoutError

from handlers.delivery.attempt import AttemptResult
from handlers.model.delivery import Delivery, Status
from handlers.store.aws import AWS_ERRORS
from handlers.store.schema import QUEUED_AT
from tests.faults.fates import KILLED_AFTER, KILLED_BEFORE, THROTTLED, UNANSWERED, UNANSWERED_ONCE
from tests.faults.life.records import (
    HOUR,
    Dies,
    Fault,
    Interlude,
    attributes,
    key_in_item,
    key_in_message,
)
from tests.support.factories import an_attempt

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.model.event import EventKey
    from tests.faults.life.simulation import Simulation

_SHOW_NOTHING = {"get_item", "batch_get_item", "query", "change_message_visibility"}


class Process:
    """One invocation of a function."""

    def __init__(
        self, simulation: "Simulation", fault: Fault | None = None, interlude: Interlude | None = None
    ) -> None:
        self.simulation, self.fault, self.interlude = simulation, fault, interlude
        self.calls = 0
        self.last_attempt: int | None = None
        self.dead = self.failed = False
        self.use: tuple[str, str] | None = None
        self.requeues = False
        self.untouched_since: datetime | None = None
        self.waiting = 0
        self.received: dict[str, EventKey] = {}
        self.marked: set[EventKey] = set()
        self.sent: list[EventKey] = []
        self.changes: list[Any] = []

    def run(self, invocation: Callable[[], Any]) -> Any:
        """The function's answer; None if it died or raised."""
        self.simulation.aws.running.append(self)
        try:
            answer = invocation()
        except Dies:
            return None
        except AWS_ERRORS as error:
            self.simulation.require("AWS errors only when AWS fails", self.failed, repr(error))
            return None
        finally:
            self.simulation.aws.running.pop()
        # A thread of the worker that died does not tell the others.
        return None if self.dead else answer

    def call(self, operation: str, request: dict[str, Any], make: Callable[[], Any]) -> Any:
        """Make a call to AWS."""
        self._begin_call()
        self._interrupt()
        kind = self._befalls()
        if kind == KILLED_BEFORE:
            self._die()
        if kind == THROTTLED:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)
        answer = self._observed(operation, request, make())
        if kind == KILLED_AFTER:
            self._die()
        if kind == UNANSWERED:
            raise ReadTimeoutError(endpoint_url="https://aws.example")
        return self._observed(operation, request, make()) if kind == UNANSWERED_ONCE else answer

    def make_attempt(self, delivery: Delivery) -> AttemptResult:
        """Make an attempt."""
        self._begin_call()
        kind = self._befalls()
        attempt = self.simulation.attempt_begins(delivery.key)
        self._interrupt(attempting=True)
        attempt.over = True
        if kind == KILLED_BEFORE:
            self._die()
        attempt.answer, self.last_attempt = next(self.simulation.answers), self.calls
        if kind == KILLED_AFTER:
            self._die()
        return AttemptResult(
            attempt=an_attempt(attempt.answer, at=attempt.at),
            permanent=attempt.answer == "http_410",
            retry_after_seconds=HOUR if attempt.answer == "http_429" else None,
        )

    def _begin_call(self) -> None:
        if self.dead:
            raise Dies
        self.calls += 1

    def _interrupt(self, *, attempting: bool = False) -> None:
        if self.interlude and self.interlude.call in (self.calls, None if attempting else self.calls):
            self.simulation.happen(self.interlude, within=self)

    def _befalls(self) -> str | None:
        records = self.last_attempt is not None and self.calls == self.last_attempt + 1
        if self.fault is None or self.fault.call not in (self.calls, None if records else self.calls):
            return None
        self.failed = True
        return self.fault.kind

    def _die(self) -> None:
        self.dead = True
        raise Dies

    # What its calls show

    def _observed(self, operation: str, request: dict[str, Any], answer: Any) -> Any:
        """Note what the call shows, and pass its answer on. A write that no note is for raises."""
        if "Error" not in answer and operation not in _SHOW_NOTHING:
            getattr(self, f"_note_{operation}")(request, answer)
        return answer

    def _note_put_item(self, request: dict[str, Any], _: Any) -> None:
        self.changes.append(request)
        self.simulation.stored(attributes(request["Item"]), self.use)

    def _note_update_item(self, request: dict[str, Any], answer: Any) -> None:
        self.changes.append(request)
        after, key = attributes(answer.pop("Attributes")), key_in_item(attributes(request["Key"]))
        simulation, life, since = self.simulation, self.simulation.lives[key], self.untouched_since
        if since is not None:
            untouched = life.untouched_since(since)
            simulation.require("the reconciler leaves alone what shows a sign of life", untouched, life)
        if after.get(QUEUED_AT) != life.item.get(QUEUED_AT):
            self.marked.add(key)
            life.queued_again_at = simulation.clock()
        simulation.updated(life, after, by_requeue=self.requeues)

    def _note_receive_message(self, _: dict[str, Any], answer: Any) -> None:
        for message in answer.get("Messages", []):
            self.received[message["ReceiptHandle"]] = key_in_message(message["Body"])

    def _note_get_queue_attributes(self, _: dict[str, Any], answer: Any) -> None:
        self.waiting = int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _note_send_message(self, request: dict[str, Any], _: Any) -> None:
        key, require = key_in_message(request["MessageBody"]), self.simulation.require
        require("what is queued is in the table", key in self.simulation.lives, key)
        marked = self.untouched_since is None or key in self.marked
        require("the reconciler sends only what it has marked", marked, key)
        self.changes.append(request)
        self.sent.append(key)

    def _note_delete_message(self, request: dict[str, Any], _: Any) -> None:
        key = self.received[request["ReceiptHandle"]]
        safe = key in self.sent or self.simulation.lives[key].status == Status.DELIVERED
        self.simulation.require("a dead letter goes only once its event was sent anew", safe, key)
        self.changes.append(request)
