"""Accepting an event: it is stored, then queued, and only then answered with 202.

The order of the writes is: the idempotency record if there is a key, the event (a large payload before it),
the message, the mark on the record. A producer that repeats a killed request under its key continues it from
where it stopped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from handlers.intake import problems
from handlers.intake.idempotency import IdempotentRequest
from handlers.intake.new_event import new_delivery, new_event_id
from handlers.intake.submission import Submission
from handlers.model.delivery import Delivery
from handlers.model.idempotency import IdempotencyRecord
from handlers.model.tenant import ApiKeyHolder
from handlers.model.timestamps import Clock
from handlers.store.aws import AWS_ERRORS
from handlers.store.events import EventStore
from handlers.store.idempotency import IdempotencyStore
from handlers.store.queue import Queue

# Between looks at a request that is being served at the same time: 1.5 s in all, far more than it takes.
_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An event that is owed.

    Attributes:
        replayed: whether an earlier request under the same idempotency key made it.
    """

    delivery: Delivery
    replayed: bool = False


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """Accepts events.

    Attributes:
        pause: waits so many seconds between two looks at a request that is being served.
    """

    events: EventStore
    idempotency: IdempotencyStore
    queue: Queue
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def accept(
        self, holder: ApiKeyHolder, submission: Submission, request: IdempotentRequest | None = None
    ) -> Accepted:
        """Store and queue an event for the tenant that holds the API key, once per idempotency key.

        Raises:
            Problem: 409 when the idempotency key came with another body before.
            botocore.exceptions.ClientError, BotoCoreError: it was not stored or not queued. It is not owed
                then, though an item that was stored may still be delivered.
        """
        now = self.clock()
        event_id = new_event_id(now)
        if request is None:
            return Accepted(delivery=self._owe(new_delivery(holder, submission, event_id=event_id, at=now)))
        record = self.idempotency.first(
            IdempotencyRecord(
                tenant_id=holder.tenant_id,
                key_hash=request.key_hash,
                body_hash=request.body_hash,
                event_id=event_id,
                created_at=now,
            )
        )
        if record.body_hash != request.body_hash:
            raise problems.idempotency_key_reused()
        replayed = record.event_id != event_id
        delivery = new_delivery(holder, submission, event_id=record.event_id, at=record.created_at)
        if not (replayed and self._is_queued(record)):
            # The first request died, or the answer to one of its calls was lost. This one does what is left;
            # doing again what the first one did is harmless.
            self._owe(delivery)
            self._mark(record)
        return Accepted(delivery=delivery, replayed=replayed)

    def _owe(self, delivery: Delivery) -> Delivery:
        self.events.put(delivery)
        self.queue.send(delivery.key)
        return delivery

    def _is_queued(self, record: IdempotencyRecord) -> bool:
        """Wait a moment for the first request; return whether it is done."""
        for seconds in _WAITS_SECONDS:
            if record.queued:
                break
            self.pause(seconds)
            record = self.idempotency.read(record) or record
        return record.queued

    def _mark(self, record: IdempotencyRecord) -> None:
        try:
            self.idempotency.mark_queued(record)
        except AWS_ERRORS:
            # The event is owed all the same: a repeated request would only send its message once more.
            _log.warning("idempotency key not marked", event_id=record.event_id, exc_info=True)
