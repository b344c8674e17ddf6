"""Bringing back events that are owed but that no message names any more.

An event is stalled when it is PENDING and was neither created, nor attempted, nor queued again for longer
than all its attempts take. Its message may be lost (the queue was purged, a process died between its writes)
or may merely wait (the workers do not keep up). Two things tell one from the other:

- The queue counts what waits in it. Stalled events beyond that number are lost, whichever they are; the
  oldest are taken for them, since they would have been handed out first.
- A younger event of the same tenant was attempted: its message was handed out, and the older one was not.

Whatever may merely wait is let be, so a backlog causes no messages. The count is SQS's approximation and
leaves out what is in flight: where it is wrong, an event gets one message too many, and not another one
before it is stalled again.

For each event the order is: mark in the table, then message. Killed in between, the event is stalled again
after the same time and the next run sends it. The other way round, a run that dies would send it twice.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

import structlog

from handlers.model.delivery import Status
from handlers.model.event import EventKey
from handlers.model.timestamps import Clock
from handlers.store.events import EventStore
from handlers.store.queue import Queue

# Standard queues keep the order of a tenant's messages only roughly.
OVERTAKEN_BY = timedelta(minutes=15)
_READ_BATCH = 100  # DynamoDB's limit for one BatchGetItem

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class ReconcileReport:
    """What a run found and did.

    Attributes:
        stalled: events that nothing has happened to for too long, as far as the run looked.
        waiting: messages that were ready to be handed out when it began.
        queued: events that it queued again.
    """

    stalled: int
    waiting: int
    queued: int

    def document(self) -> dict[str, Any]:
        """The output of the reconciler function."""
        return {"stalled": self.stalled, "waiting": self.waiting, "queued": self.queued}


@dataclass(frozen=True, kw_only=True)
class Reconciler:
    """Queues stalled events again.

    Attributes:
        shards: over how many shards the status index is spread.
        stalled_after: longer than all attempts at an event and the longest wait between two of them take.
        limit: events that one run queues at the most.
        clock: tells what is stalled.
        monotonic: the time, in seconds, by which a run ends.
    """

    events: EventStore
    queue: Queue
    shards: int
    stalled_after: timedelta
    limit: int
    clock: Clock
    monotonic: Callable[[], float] = time.monotonic

    def run(self, *, ends_at: float) -> ReconcileReport:
        """Queue again what is lost for certain.

        Args:
            ends_at: when to stop looking and sending, on the `monotonic` clock, in seconds.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: AWS did not answer. What was done is done; the
                next run does the rest.
        """
        since = self.clock() - self.stalled_after
        waiting = self.queue.waiting()
        stalled = self._stalled(since, enough=waiting + self.limit, ends_at=ends_at)
        queued = 0
        for key in islice(self._lost(stalled, waiting), self.limit):
            if self.monotonic() >= ends_at:
                break
            if self.events.mark_queued_again(key, silent_since=since):
                self.queue.send(key)
                queued += 1
                _log.warning("queued again", tenant_id=key.tenant_id, event_id=key.event_id)
        report = ReconcileReport(stalled=len(stalled), waiting=waiting, queued=queued)
        _log.info("reconcile", **report.document())
        return report

    def _stalled(self, since: datetime, *, enough: int, ends_at: float) -> dict[EventKey, datetime]:
        """Stalled events and when they were created, oldest first; as many as are enough or can be read."""
        found: dict[EventKey, datetime] = {}
        for batch in self._old_batches(since):
            silent = self.events.silent(batch, since=since)
            found |= {key: created_at for key, created_at in batch.items() if key in silent}
            if len(found) >= enough or self.monotonic() >= ends_at:
                break
        return dict(islice(sorted(found.items(), key=lambda entry: entry[1]), enough))

    def _lost(self, stalled: dict[EventKey, datetime], waiting: int) -> Iterator[EventKey]:
        """Those whose message does not merely wait."""
        beyond = max(len(stalled) - waiting, 0)
        reached = cache(self.events.reached)
        for position, (key, created_at) in enumerate(stalled.items()):
            if position < beyond or _overtaken(created_at, reached(key.tenant_id)):
                yield key

    def _old_batches(self, since: datetime) -> Iterator[dict[EventKey, datetime]]:
        pending = self.events.in_status(Status.PENDING, shards=self.shards, created_before=since)
        while batch := dict(islice(pending, _READ_BATCH)):
            yield batch


def _overtaken(created_at: datetime, reached: datetime | None) -> bool:
    return reached is not None and reached - created_at > OVERTAKEN_BY
