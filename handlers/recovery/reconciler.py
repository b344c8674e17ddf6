"""Queuing lost events again: events that are owed, but that no message names any more.

An event is stalled when it is PENDING and was neither created, nor attempted, nor queued again for longer
than all its attempts take. Its message may be lost (the queue was purged, a process died between its writes)
or may still wait (the workers do not keep up). A stalled event counts as lost in two cases:

- More events are stalled than messages wait in the queue. The difference is lost, and taken to be the oldest:
  SQS would have handed out their messages first.
- A later event of the same tenant was already attempted: SQS handed out its message, and not the older one.

All other stalled events are left alone, so a backlog causes no messages. The number of waiting messages is
SQS's approximation and leaves out messages in flight. Where it is wrong, an event gets one message too many,
and no further one before it is stalled again.

The order for each event is: mark in the table, then message. If the run is killed in between, the event is
stalled again after the same time, and the next run sends it. In the other order, a run that dies would send
it twice.
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
from handlers.store.queue import Queue
from handlers.store.stalled import StalledEvents
from handlers.store.status_index import StatusIndex

# Standard queues keep the order of a tenant's messages only roughly: an older event may come this much later.
OVERTAKEN_BY = timedelta(minutes=15)
_READ_BATCH = 100  # DynamoDB's limit for one BatchGetItem

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class ReconcileReport:
    """What a run found and did.

    Attributes:
        stalled: events that nothing has happened to for too long, as far as the run looked.
        waiting: messages that were ready to be handed out when the run began.
        queued: events that the run queued again.
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
        stalled_after: longer than all attempts of an event and the longest wait between two of them take.
        limit: events that one run queues at the most.
        clock: tells what is stalled.
        monotonic: the time, in seconds, by which a run ends.
    """

    events: StalledEvents
    index: StatusIndex
    queue: Queue
    stalled_after: timedelta
    limit: int
    clock: Clock
    monotonic: Callable[[], float] = time.monotonic

    def run(self, *, ends_at: float) -> ReconcileReport:
        """Queue lost events again.

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
            if self.events.mark_queued_again(key, untouched_since=since):
                self.queue.send(key)
                queued += 1
                _log.warning("queued again", tenant_id=key.tenant_id, event_id=key.event_id)
        report = ReconcileReport(stalled=len(stalled), waiting=waiting, queued=queued)
        _log.info("reconcile", **report.document())
        return report

    def _stalled(self, since: datetime, *, enough: int, ends_at: float) -> dict[EventKey, datetime]:
        """Stalled events with their creation times, oldest first: `enough`, or what the time allows."""
        found: dict[EventKey, datetime] = {}
        for batch in self._old_batches(since):
            untouched = self.events.untouched(batch, since=since)
            found |= {key: created_at for key, created_at in batch.items() if key in untouched}
            if len(found) >= enough or self.monotonic() >= ends_at:
                break
        return dict(islice(sorted(found.items(), key=lambda entry: entry[1]), enough))

    def _lost(self, stalled: dict[EventKey, datetime], waiting: int) -> Iterator[EventKey]:
        """Those whose message is lost: see the module."""
        surplus = max(len(stalled) - waiting, 0)
        newest_attempted = cache(self.events.newest_attempted)
        for position, (key, created_at) in enumerate(stalled.items()):
            if position < surplus or _is_overtaken(created_at, newest_attempted(key.tenant_id)):
                yield key

    def _old_batches(self, since: datetime) -> Iterator[dict[EventKey, datetime]]:
        pending = self.index.in_status(Status.PENDING, created_before=since)
        while batch := dict(islice(pending, _READ_BATCH)):
            yield batch


def _is_overtaken(created_at: datetime, newest_attempted: datetime | None) -> bool:
    return newest_attempted is not None and newest_attempted - created_at > OVERTAKEN_BY
