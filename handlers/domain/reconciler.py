"""Bringing back events that are owed but that no message names any more.

An event is stalled when it is PENDING and was neither created, nor attempted, nor queued again for longer
than all its attempts take. Its message may be lost (the queue was purged, a process died between its writes)
or may merely wait (the workers do not keep up). The table cannot tell one from the other, but the queue
counts what waits in it: as many stalled events as there are messages ready to be handed out may merely wait,
and only those beyond that number are lost for certain. So no backlog, however long, is ever made longer.

For each event the order is: mark in the table, then message. Killed in between, the event is stalled again
after the same time and the next run sends it. The other way round, a run that dies would send it twice.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from handlers import schema
from handlers.domain.event_store import EventStore
from handlers.domain.events import EventKey
from handlers.domain.queue import Queue
from handlers.domain.timestamps import Clock

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
        # The oldest would have been handed out first: the younger ones are more likely to be waiting.
        for key in stalled[: max(len(stalled) - waiting, 0)]:
            if self.monotonic() >= ends_at:
                break
            if self.events.mark_queued_again(key, silent_since=since):
                self.queue.send(key)
                queued += 1
                _log.warning("queued again", tenant_id=key.tenant_id, event_id=key.event_id)
        report = ReconcileReport(stalled=len(stalled), waiting=waiting, queued=queued)
        _log.info("reconcile", **report.document())
        return report

    def _stalled(self, since: datetime, *, enough: int, ends_at: float) -> list[EventKey]:
        """Stalled events, the oldest first; all of them, or as many as are enough or can be read in time."""
        found: dict[EventKey, datetime] = {}
        for batch in self._old_batches(since):
            silent = self.events.silent(batch, since=since)
            found |= {key: created_at for key, created_at in batch.items() if key in silent}
            if len(found) >= enough or self.monotonic() >= ends_at:
                break
        return sorted(found, key=lambda key: found[key])[:enough]

    def _old_batches(self, since: datetime) -> Iterator[dict[EventKey, datetime]]:
        pending = self.events.in_status(schema.PENDING, shards=self.shards, created_before=since)
        while batch := dict(islice(pending, _READ_BATCH)):
            yield batch
