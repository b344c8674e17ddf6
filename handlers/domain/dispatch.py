"""A batch of queue messages: each event delivered once, its outcome recorded, its message settled.

The order of the writes for one event is: attempt, then status in the table, then visibility of the
message, then the answer to SQS. A crash before the status is written repeats the attempt (at-least-once);
a crash after it repeats nothing.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

import structlog

from handlers import schema
from handlers.aws import AWS_ERRORS
from handlers.domain.delivery import Deliver, Result
from handlers.domain.event_store import EventStore
from handlers.domain.events import Event, EventKey
from handlers.domain.queue import MalformedMessageError, Message, Queue
from handlers.domain.retry import RetrySchedule
from handlers.domain.tenants import Tenant, TenantStore

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
        concurrency: int,
    ) -> None:
        """Work with these; `concurrency` is how many events of a batch are delivered at the same time."""
        self._events = events
        self._tenants = tenants
        self._queue = queue
        self._deliver = deliver
        self._schedule = schedule
        self._threads = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="delivery")

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
        if event is None or event.status == schema.DELIVERED:
            return _DONE
        if event.status == schema.FAILED:
            # Its attempts are used up; receives are what SQS counts, so let it count on.
            return _TO_THE_DLQ
        result = self._deliver(event, self._tenant(event))
        # A receive that died before it was recorded counts: the budget is never exceeded.
        number = max(event.attempts + 1, receive_count)
        return self._record(event, result, number)

    def _record(self, event: Event, result: Result, number: int) -> Settled:
        attempt = result.attempt
        delay = None if result.permanent else self._schedule.delay_after(number, result.retry_after_seconds)
        if attempt.succeeded:
            settled, mark = _DONE, self._events.mark_delivered
        elif delay is None:
            settled, mark = _TO_THE_DLQ, self._events.mark_failed
        else:
            settled, mark = Settled(done=False, visible_in_seconds=delay), self._events.mark_retry
        outcome = {"outcome": attempt.outcome, "attempt": number, "duration_ms": attempt.duration_ms}
        log = _log.bind(tenant_id=event.key.tenant_id, event_id=event.key.event_id, **outcome)
        try:
            recorded = mark(event, attempt, number)
        except AWS_ERRORS:
            # Not done, whatever came of it: unrecorded, a success would be lost from sight for ever.
            log.exception("attempt not recorded")
            return Settled(done=False, visible_in_seconds=settled.visible_in_seconds)
        log.info("attempt", recorded=recorded, retry_in_seconds=settled.visible_in_seconds)
        return settled

    def _tenant(self, event: Event) -> Tenant | None:
        return self._tenants.find(event.key.tenant_id)

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
