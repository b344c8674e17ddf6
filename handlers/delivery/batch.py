"""A batch of queue messages: each event delivered once, its outcome recorded, its message settled.

The order for one event is: claim in the table, attempt, outcome in the table, visibility of the message,
answer to SQS. The claim counts the attempt before it is made, so that no crash can make one too many, and
keeps other workers off while it lasts. A crash between attempt and outcome repeats the attempt
(at-least-once); a crash after the outcome repeats nothing.
"""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

import structlog

from handlers.delivery.attempt import Deliver, Result
from handlers.delivery.outcomes import Outcome
from handlers.delivery.retry import RetrySchedule
from handlers.model.delivery import Status
from handlers.model.event import Event, EventKey
from handlers.store.aws import AWS_ERRORS
from handlers.store.events import EventStore
from handlers.store.queue import MalformedMessageError, Message, Queue
from handlers.store.tenants import TenantStore

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What becomes of an event's messages.

    Attributes:
        done: the messages may be deleted.
        visible_in_seconds: when messages that stay are handed out again; None leaves them as they are.
    """

    done: bool
    visible_in_seconds: int | None = None


_DONE = Settled(done=True)
_UNTOUCHED = Settled(done=False)
_TO_THE_DLQ = Settled(done=False, visible_in_seconds=0)


class Dispatcher:
    """Settles batches of messages from the delivery queue."""

    def __init__(
        self,
        *,
        events: EventStore,
        tenants: TenantStore,
        queue: Queue,
        deliver: Deliver,
        schedule: RetrySchedule,
        threads: Executor,
        hold_seconds: float,
    ) -> None:
        """Work with these.

        Args:
            events: claims events and records what came of them.
            tenants: tells the secrets that sign.
            queue: what the messages came from.
            deliver: makes one attempt.
            schedule: tells when the next attempt is due, and which one is the last.
            threads: where the events of a batch are delivered side by side; as many as a batch is large, or
                an event waits for others whose receivers may hang.
            hold_seconds: how long a claim keeps other workers off, longer than this one can live.
        """
        self._events = events
        self._tenants = tenants
        self._queue = queue
        self._deliver = deliver
        self._schedule = schedule
        self._hold_seconds = hold_seconds
        self._threads = threads

    def settle(self, messages: Sequence[Message]) -> Sequence[str]:
        """Deliver what the messages name.

        Returns:
            The ids of the messages that are not done with: SQS hands them out again, or moves them to the
            dead-letter queue once they have been received more often than it allows.
        """
        by_event = _group(messages)
        undone = {message.message_id for message in messages}
        if not by_event:
            return [message.message_id for message in messages]
        try:
            found = self._events.read(by_event)
        except AWS_ERRORS:
            _log.exception("events not read", messages=len(messages))
            return [message.message_id for message in messages]
        running: dict[EventKey, Future[Settled]] = {
            # Each thread logs with what is bound to this invocation.
            key: self._threads.submit(
                copy_context().run, self._settle_event, found.events.get(key), _receive_count(of_event)
            )
            for key, of_event in by_event.items()
            if key not in found.unread
        }
        for key, future in running.items():
            settled = _settlement(key, future)
            for message in by_event[key]:
                if settled.done:
                    undone.discard(message.message_id)
                elif settled.visible_in_seconds is not None:
                    self._set_visibility(message, settled.visible_in_seconds)
        return [message.message_id for message in messages if message.message_id in undone]

    def _settle_event(self, event: Event | None, receive_count: int) -> Settled:
        if event is None or event.status == Status.DELIVERED:
            return _DONE
        if event.status == Status.FAILED:
            # Its attempts are used up; receives are what SQS counts, so let it count on.
            return _TO_THE_DLQ
        tenant = self._tenants.find(event.key.tenant_id)
        # SQS gives up by its own count of receives: the event is to be FAILED by then.
        number = max(event.attempts + 1, receive_count)
        if event.attempts >= self._schedule.max_attempts:
            settled = self._give_up(event)
        elif self._events.claim(event, number=number, hold_seconds=self._hold_seconds):
            settled = self._record(event, self._deliver(event, tenant), number)
        else:
            settled = self._leave_to_its_holder(event)
        return settled

    def _give_up(self, event: Event) -> Settled:
        if not self._events.give_up(event, Outcome.ATTEMPTS_USED_UP, hold_seconds=self._hold_seconds):
            return self._leave_to_its_holder(event)
        _log.warning("attempts used up", tenant_id=event.key.tenant_id, event_id=event.key.event_id)
        return _TO_THE_DLQ

    def _leave_to_its_holder(self, event: Event) -> Settled:
        """Come back once whoever holds the event is done with it, or dead."""
        _log.info("held by another worker", tenant_id=event.key.tenant_id, event_id=event.key.event_id)
        return Settled(done=False, visible_in_seconds=math.ceil(self._hold_seconds))

    def _record(self, event: Event, result: Result, number: int) -> Settled:
        attempt = result.attempt
        delay = None if result.permanent else self._schedule.delay_after(number, result.retry_after_seconds)
        if attempt.succeeded:
            settled, mark = _DONE, self._events.mark_delivered
        elif delay is None:
            settled, mark = _TO_THE_DLQ, partial(self._events.mark_failed, number=number)
        else:
            settled = Settled(done=False, visible_in_seconds=delay)
            mark = partial(self._events.mark_retry, number=number)
        outcome = {"outcome": attempt.outcome, "attempt": number, "duration_ms": attempt.duration_ms}
        log = _log.bind(tenant_id=event.key.tenant_id, event_id=event.key.event_id, **outcome)
        try:
            recorded = mark(event, attempt)
        except AWS_ERRORS:
            # Not done, whatever came of it: unrecorded, a success would be lost from sight for ever.
            log.exception("attempt not recorded")
            return Settled(done=False, visible_in_seconds=settled.visible_in_seconds)
        log.info("attempt", recorded=recorded, retry_in_seconds=settled.visible_in_seconds)
        return settled

    def _set_visibility(self, message: Message, seconds: int) -> None:
        try:
            self._queue.set_visibility(message.receipt_handle, seconds)
        except AWS_ERRORS as error:
            # The message comes back after the queue's own visibility timeout instead.
            _log.warning("visibility not set", message_id=message.message_id, error=str(error))


def _group(messages: Sequence[Message]) -> Mapping[EventKey, list[Message]]:
    """The messages by the event they name, so that duplicates in one batch make one attempt."""
    by_event: dict[EventKey, list[Message]] = {}
    for message in messages:
        try:
            by_event.setdefault(message.event_key(), []).append(message)
        except MalformedMessageError as error:
            _log.warning("malformed message", message_id=message.message_id, error=str(error))
    return by_event


def _receive_count(messages: Sequence[Message]) -> int:
    return max(message.receive_count for message in messages)


def _settlement(key: EventKey, future: Future[Settled]) -> Settled:
    """What came of one event; a failure that was not foreseen is its own and does not touch the others."""
    error = future.exception()
    if error is None:
        return future.result()
    _log.error("event not settled", tenant_id=key.tenant_id, event_id=key.event_id, exc_info=error)
    return _UNTOUCHED
