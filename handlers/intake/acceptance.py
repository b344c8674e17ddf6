"""Taking an event in: validated, stored, queued, and only then accepted.

The order of the writes is: the idempotency key's record if there is a key, the event (a large payload before
it), the message, the mark on the record. What is answered 202 is in the table and in the queue. Killed in
between, a request that is repeated under its key goes on where the first one stopped.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from handlers.intake import problems
from handlers.intake.idempotency import IdempotencyStore, IdempotentRequest
from handlers.intake.new_event import new_event
from handlers.intake.submission import Submission
from handlers.model.event import Event
from handlers.model.tenant import ApiKeyHolder
from handlers.model.timestamps import Clock
from handlers.store.aws import AWS_ERRORS
from handlers.store.events import EventStore
from handlers.store.queue import Queue

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An event that is owed.

    Attributes:
        replayed: whether an earlier request under the same idempotency key made it.
    """

    event: Event
    replayed: bool = False


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Accepts events: the item is stored before its message is sent, and both before it is owed.

    Attributes:
        shards: over how many shards the status index is spread.
        retention: how long events are kept.
    """

    events: EventStore
    idempotency: IdempotencyStore
    queue: Queue
    clock: Clock
    shards: int
    retention: timedelta

    def accept(
        self, holder: ApiKeyHolder, submission: Submission, request: IdempotentRequest | None = None
    ) -> Accepted:
        """Store and queue an event for the tenant that holds the API key, once per idempotency key.

        Raises:
            Problem: 409 when the idempotency key came with another body before.
            botocore.exceptions.ClientError, BotoCoreError: it was not stored or not queued. It is not owed
                then, though an item that was stored may still be delivered.
        """
        event = self._new_event(holder, submission, self.clock())
        if request is not None:
            return self._accept_once(holder, submission, request, event)
        self._owe(event)
        return Accepted(event=event)

    def _accept_once(
        self, holder: ApiKeyHolder, submission: Submission, request: IdempotentRequest, event: Event
    ) -> Accepted:
        record = self.idempotency.first(request, event)
        if record.body_hash != request.body_hash:
            raise problems.idempotency_key_reused()
        replayed = record.event_id != event.key.event_id
        if replayed:
            event = self._new_event(holder, submission, record.created_at, record.event_id)
            if self.idempotency.wait_until_queued(request, holder.tenant_id, record):
                return Accepted(event=event, replayed=True)
            # The first request died, or its answer was lost on the way to us: what it left undone is done
            # now. What it did is done again without harm.
        self._owe(event)
        try:
            self.idempotency.mark_queued(request, holder.tenant_id, record)
        except AWS_ERRORS:
            # The event is owed all the same: a repeated request would only send its message once more.
            _log.warning("idempotency key not marked", event_id=event.key.event_id, exc_info=True)
        return Accepted(event=event, replayed=replayed)

    def _owe(self, event: Event) -> None:
        self.events.put(event, shards=self.shards, retention=self.retention)
        self.queue.send(event.key)

    def _new_event(
        self, holder: ApiKeyHolder, submission: Submission, now: datetime, event_id: str | None = None
    ) -> Event:
        return new_event(
            tenant_id=holder.tenant_id,
            target_url=holder.target_url,
            type_=submission.type,
            data=submission.data,
            now=now,
            event_id=event_id,
        )
