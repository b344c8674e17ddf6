"""What a requeue run did, and what it left."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog

from handlers.model.event import EVENT_ID_PREFIX, EventKey

MAX_EVENT_IDS_SHOWN = 100

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Reason(StrEnum):
    """Why an event that was asked for was not sent again."""

    UNKNOWN = "unknown"
    """The tenant has no such event, or it has expired."""
    DELIVERED = "delivered"
    WAITING = "waiting"
    """It is PENDING: it waits for an attempt already."""
    NOT_FAILED = "not_failed"
    """DELIVERED, PENDING or unknown. Only the table tells which, and its key needs the tenant."""
    OUT_OF_RANGE = "out_of_range"
    """It was not created between `since` and `until`."""
    NOT_REACHED = "not_reached"
    """The limit or the time ran out, it failed again meanwhile, or DynamoDB did not answer for it."""
    TENANT_NOT_FOUND = "tenant_not_found"
    """Its tenant is gone, so there is no URL to send it to."""


@dataclass(kw_only=True)
class RequeueReport:
    """What a run did, and what it did not.

    Attributes:
        requeued: events sent again, or that would be in a dry run.
        skipped: failed events and messages of the dead-letter queue that were looked at and left: delivered,
            gone, malformed, or their tenant is gone.
        remaining: failed events that were asked for and not reached, by the limit or the time.
        event_ids: the first of those that were requeued.
        left: why events that were named in the request were not requeued, by their ids.
    """

    dry_run: bool
    requeued: int = 0
    skipped: int = 0
    remaining: int = 0
    event_ids: list[str] = field(default_factory=list[str])
    left: dict[str, Reason] = field(default_factory=dict[str, Reason])

    def count(self, key: EventKey) -> None:
        """One more event was requeued."""
        self.requeued += 1
        if len(self.event_ids) < MAX_EVENT_IDS_SHOWN:
            self.event_ids.append(key.event_id)

    def document(self) -> dict[str, Any]:
        """The output of the requeue function; `left` is there only if there is something to tell."""
        left = [{"eventId": event_id, "reason": reason.value} for event_id, reason in self.left.items()]
        return {
            "requeued": self.requeued,
            "skipped": self.skipped,
            "remaining": self.remaining,
            "dryRun": self.dry_run,
            "eventIds": self.event_ids,
        } | ({"left": left} if left else {})

    def log(self) -> None:
        """Log the document, with the first of what was left.

        An id that cannot be an event's is not logged: it may be anything that was typed, perhaps a key.
        """
        document = self.document()
        if self.left:
            document["left"] = [
                entry if entry["eventId"].startswith(EVENT_ID_PREFIX) else entry | {"eventId": "no event id"}
                for entry in document["left"][:MAX_EVENT_IDS_SHOWN]
            ]
        _log.info("requeue", **document)
