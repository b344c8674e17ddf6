"""A batch of queue messages: each delivery attempted once, its outcome recorded, its messages settled.

The order for one delivery is: claim in the table, attempt, outcome in the table, visibility of the message,
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

from handlers.delivery.attempt import AttemptResult, MakeAttempt
from handlers.delivery.outcomes import Outcome
from handlers.delivery.retry import RetrySchedule
from handlers.model.delivery import Delivery, Status
from handlers.model.event import EventKey
from handlers.store.aws import AWS_ERRORS
from handlers.store.deliveries import DeliveryStore
from handlers.store.queue import MalformedMessageError, Message, Queue
from handlers.store.tenants import TenantStore

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What becomes of a delivery's messages.

    Attributes:
        done: the messages may be deleted.
        visible_in_seconds: when SQS hands out again the messages that stay; None leaves them as they are.
    """

    done: bool
    visible_in_seconds: int | None = None


_DONE = Settled(done=True)
_UNTOUCHED = Settled(done=False)
_TO_THE_DLQ = Settled(done=False, visible_in_seconds=0)


@dataclass(frozen=True, kw_only=True)
class BatchSettler:
    """Settles batches of messages from the delivery queue.

    Attributes:
        deliveries: claims deliveries and records what came of them.
        tenants: tells the secrets that sign.
        queue: what the messages came from.
        make_attempt: makes one attempt.
        schedule: tells when the next attempt is due, and which one is the last.
        threads: make attempts side by side. There is one per message of a batch: with fewer, a delivery would
            wait behind others whose receivers may hang.
        hold_seconds: how long a claim keeps other workers off, longer than this one can live.
    """

    deliveries: DeliveryStore
    tenants: TenantStore
    queue: Queue
    make_attempt: MakeAttempt
    schedule: RetrySchedule
    threads: Executor
    hold_seconds: float

    def settle(self, messages: Sequence[Message]) -> Sequence[str]:
        """Attempt the deliveries that the messages name.

        Returns:
            The ids of the messages that are not done with: SQS hands them out again, or moves them to the
            dead-letter queue once they have been received more often than it allows.
        """
        by_key = _group(messages)
        done: set[str] = set()
        for key, future in self._begin(by_key, of=len(messages)).items():
            settled = _settlement(key, future)
            for message in by_key[key]:
                if settled.done:
                    done.add(message.message_id)
                elif settled.visible_in_seconds is not None:
                    self._set_visibility(message, settled.visible_in_seconds)
        return [message.message_id for message in messages if message.message_id not in done]

    def _begin(
        self, by_key: Mapping[EventKey, Sequence[Message]], *, of: int
    ) -> dict[EventKey, Future[Settled]]:
        """Begin to settle each delivery that could be read; `of` is the number of messages, for the log."""
        if not by_key:
            return {}
        try:
            found = self.deliveries.read(by_key)
        except AWS_ERRORS:
            _log.exception("events not read", messages=of)
            return {}
        return {
            # Each thread logs with what is bound to this invocation.
            key: self.threads.submit(
                copy_context().run, self._settle, found.deliveries.get(key), _receive_count(messages)
            )
            for key, messages in by_key.items()
            if key not in found.unread
        }

    def _settle(self, delivery: Delivery | None, receive_count: int) -> Settled:
        if delivery is None or delivery.status == Status.DELIVERED:
            return _DONE
        if delivery.status == Status.FAILED:
            # Its attempts are used up. SQS moves a message to the DLQ by its count of receives, so it comes
            # back at once.
            return _TO_THE_DLQ
        tenant = self.tenants.find(delivery.key.tenant_id)
        # SQS gives up by its own count of receives: the delivery must be FAILED by then.
        number = max(delivery.attempts + 1, receive_count)
        if delivery.attempts >= self.schedule.max_attempts:
            settled = self._give_up(delivery)
        elif self.deliveries.claim(delivery, number=number, hold_seconds=self.hold_seconds):
            settled = self._record(delivery, self.make_attempt(delivery, tenant), number)
        else:
            settled = self._leave_to_its_holder(delivery)
        return settled

    def _give_up(self, delivery: Delivery) -> Settled:
        if not self.deliveries.give_up(delivery, Outcome.ATTEMPTS_USED_UP, hold_seconds=self.hold_seconds):
            return self._leave_to_its_holder(delivery)
        _log.warning("attempts used up", tenant_id=delivery.key.tenant_id, event_id=delivery.key.event_id)
        return _TO_THE_DLQ

    def _leave_to_its_holder(self, delivery: Delivery) -> Settled:
        """Come back once the worker that holds the delivery is done with it, or dead."""
        _log.info("held by another worker", tenant_id=delivery.key.tenant_id, event_id=delivery.key.event_id)
        return Settled(done=False, visible_in_seconds=math.ceil(self.hold_seconds))

    def _record(self, delivery: Delivery, result: AttemptResult, number: int) -> Settled:
        attempt = result.attempt
        delay = None if result.permanent else self.schedule.delay_after(number, result.retry_after_seconds)
        if attempt.succeeded:
            settled, mark = _DONE, self.deliveries.mark_delivered
        elif delay is None:
            settled, mark = _TO_THE_DLQ, partial(self.deliveries.mark_failed, number=number)
        else:
            settled = Settled(done=False, visible_in_seconds=delay)
            mark = partial(self.deliveries.mark_retry, number=number)
        outcome = {"outcome": attempt.outcome, "attempt": number, "duration_ms": attempt.duration_ms}
        log = _log.bind(tenant_id=delivery.key.tenant_id, event_id=delivery.key.event_id, **outcome)
        try:
            recorded = mark(delivery, attempt)
        except AWS_ERRORS:
            # Keep the message whatever the outcome: nobody would ever see a success that was not recorded.
            log.exception("attempt not recorded")
            return Settled(done=False, visible_in_seconds=settled.visible_in_seconds)
        log.info("attempt", recorded=recorded, retry_in_seconds=settled.visible_in_seconds)
        return settled

    def _set_visibility(self, message: Message, seconds: int) -> None:
        try:
            self.queue.set_visibility(message.receipt_handle, seconds)
        except AWS_ERRORS as error:
            # The message comes back after the queue's own visibility timeout instead.
            _log.warning("visibility not set", message_id=message.message_id, error=str(error))


def _group(messages: Sequence[Message]) -> Mapping[EventKey, list[Message]]:
    """The messages by the event that they name, so that duplicates in one batch make one attempt."""
    by_key: dict[EventKey, list[Message]] = {}
    for message in messages:
        try:
            by_key.setdefault(message.event_key(), []).append(message)
        except MalformedMessageError as error:
            _log.warning("malformed message", message_id=message.message_id, error=str(error))
    return by_key


def _receive_count(messages: Sequence[Message]) -> int:
    return max(message.receive_count for message in messages)


def _settlement(key: EventKey, future: Future[Settled]) -> Settled:
    """What came of one delivery; an unforeseen failure touches no other delivery."""
    error = future.exception()
    if error is None:
        return future.result()
    _log.error("event not settled", tenant_id=key.tenant_id, event_id=key.event_id, exc_info=error)
    return _UNTOUCHED
