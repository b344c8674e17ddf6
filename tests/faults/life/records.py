"""What can befall a process, and what is known of an event from its writes, its receiver and its producer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from handlers.model.delivery import Status
from handlers.model.event import EventKey
from handlers.model.timestamps import from_iso
from handlers.store.schema import CREATED_AT, EVENT_ID, STATUS, TENANT_ID
from handlers.store.table import plain
from tests.faults.fates import KILLED_AFTER, KILLED_BEFORE, THROTTLED, UNANSWERED, UNANSWERED_ONCE

QUEUE, DLQ = "deliveries", "deliveries-dlq"
HOUR = 3600
KEY_SECONDS = 24 * HOUR


class Dies(BaseException):
    """The process is gone: nothing more of it runs, and nothing is cleaned up."""


KINDS = (KILLED_BEFORE, KILLED_AFTER, THROTTLED, UNANSWERED, UNANSWERED_ONCE)
"""How a call can go wrong. When the answer is lost once, the SDK repeats the call."""


@dataclass(frozen=True)
class Fault:
    """What befalls a process at one of its calls.

    Attributes:
        call: the call's number, from 1; None for each call that records the outcome of an attempt.
        kind: one of `KINDS`.
    """

    call: int | None
    kind: str


class Happening(Enum):
    """What can happen in the middle of a process."""

    DUPLICATE = auto()  # another worker gets a message that is in flight
    WORK = auto()
    POST = auto()
    REQUEUE = auto()
    RECONCILE = auto()
    PURGE = auto()
    SECONDS = auto()
    CLOCK_BACK = auto()


@dataclass(frozen=True)
class Interlude:
    """What happens right before a call of a process, or during the call if it is an attempt.

    Attributes:
        call: the call's number, from 1; None for its attempts, whichever calls they are.
    """

    call: int | None
    happenings: Sequence[Happening]
    fault: Fault | None


@dataclass(kw_only=True)
class Attempt:
    """An attempt as its receiver sees it.

    Attributes:
        at: when it began, by the handlers' clock.
        answer: None until the receiver answers, and for ever if the worker died before.
        confused: whether the handlers' clock was put back during it.
    """

    at: datetime
    confused: bool = False
    answer: str | None = None
    over: bool = False


@dataclass(kw_only=True)
class Life:
    """One event, as its writes and its receiver show it.

    Attributes:
        item: what the last write left, without binary attributes.
        first_of_round: index of the first attempt since the last requeue.
        queued_again_at: when requeue or the reconciler last queued it.
        owed: whether its producer got a 202.
        purged: whether one of its messages was purged.
    """

    item: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    first_of_round: int = 0
    queued_again_at: datetime | None = None
    owed: bool = False
    purged: bool = False

    @property
    def status(self) -> str:
        return self.item[STATUS]

    @property
    def created_at(self) -> datetime:
        return from_iso(self.item[CREATED_AT])

    @property
    def of_round(self) -> list[Attempt]:
        return self.attempts[self.first_of_round :]

    @property
    def under_way(self) -> list[Attempt]:
        """Attempts being made by workers whose clock was not put back meanwhile."""
        return [attempt for attempt in self.attempts if not (attempt.over or attempt.confused)]

    def taken(self) -> bool:
        return any(attempt.answer == "http_200" for attempt in self.attempts)

    def untouched_since(self, moment: datetime) -> bool:
        tried = self.attempts[-1].at if self.attempts else None
        signs = (self.created_at, tried, self.queued_again_at)
        return self.status == Status.PENDING and all(sign is None or sign < moment for sign in signs)


@dataclass(kw_only=True)
class KeyUse:
    """A request under an idempotency key, and the event that its answer named."""

    body: str
    at: datetime
    clock_changes: int
    event: Life | None = None

    def within(self, moment: datetime) -> bool:
        """Whether a key first used at that moment is still remembered."""
        return (self.at - moment).total_seconds() < KEY_SECONDS


def attributes(item: dict[str, Any]) -> dict[str, Any]:
    """An item's values, without binary ones: no promise is about a payload's bytes."""
    return plain({name: value for name, value in item.items() if "B" not in value})


def key_in_item(item: dict[str, Any]) -> EventKey:
    """The key of an item of the table."""
    return EventKey(tenant_id=item[TENANT_ID], event_id=item[EVENT_ID])


def key_in_message(body: str) -> EventKey:
    """The event that a message names."""
    named = json.loads(body)
    return EventKey(tenant_id=named["tenantId"], event_id=named["eventId"])
