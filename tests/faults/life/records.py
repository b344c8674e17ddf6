"""What can befall a process, and what its writes, its receiver and its producer tell of an event."""

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

QUEUE, DLQ = "deliveries", "deliveries-dlq"
BUDGET = 6
KEY_SECONDS = 24 * 3600
HOUR = 3600

API_KEYS = {"acme": f"whk_{'a' * 43}", "shop": f"whk_{'s' * 43}"}


class Dies(BaseException):
    """The process is gone: nothing that follows is run, and nothing is cleaned up."""


class Kind(Enum):
    """How a call can end other than well."""

    DIES_BEFORE = auto()
    DIES_AFTER = auto()
    THROTTLED = auto()
    UNANSWERED = auto()  # it took effect
    REPEATED = auto()  # it took effect, and the SDK, having heard nothing, makes it again


@dataclass(frozen=True)
class Fault:
    """What befalls a process at one of its calls.

    Attributes:
        call: the call's number, from 1; None for each call that records what came of an attempt.
    """

    call: int | None
    kind: Kind


class Happening(Enum):
    """What can happen while a process is in the middle of its work."""

    DUPLICATE = auto()  # another worker gets a message that somebody has in hand
    WORK = auto()
    POST = auto()
    REQUEUE = auto()
    RECONCILE = auto()
    PURGE = auto()
    SECONDS = auto()
    CLOCK_BACK = auto()


@dataclass(frozen=True)
class Interlude:
    """What happens right before a call of a process, or in the middle of its attempt if that is the call.

    Attributes:
        call: the call's number, from 1; None for its attempts, whichever calls they are.
    """

    call: int | None
    happenings: Sequence[Happening]
    fault: Fault | None


@dataclass(kw_only=True)
class Try:
    """An attempt as its receiver sees it.

    Attributes:
        at: when it began, by the handlers' clock.
        answer: None as long as there is none, and for ever if the worker died.
        confused: whether the handlers' clock was put back during it.
    """

    at: datetime
    confused: bool = False
    answer: str | None = None
    over: bool = False


@dataclass(kw_only=True)
class Life:
    """One event, as its writes and its receiver tell of it.

    Attributes:
        item: as it was written last.
        first_of_round: where the attempts since the last requeue begin.
        queued_again_at: when requeue or the reconciler queued it last.
        owed: whether its producer got a 202.
        purged: whether one of its messages was.
    """

    item: dict[str, Any]
    attempts: list[Try] = field(default_factory=list[Try])
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
    def of_round(self) -> list[Try]:
        return self.attempts[self.first_of_round :]

    @property
    def under_way(self) -> list[Try]:
        """Attempts that are being made, by workers that all know the time."""
        return [attempt for attempt in self.attempts if not (attempt.over or attempt.confused)]

    def taken(self) -> bool:
        return any(attempt.answer == "http_200" for attempt in self.attempts)

    def silent_since(self, moment: datetime) -> bool:
        tried = self.attempts[-1].at if self.attempts else None
        signs = (self.created_at, tried, self.queued_again_at)
        return self.status == Status.PENDING and all(sign is None or sign < moment for sign in signs)


@dataclass(kw_only=True)
class KeyUse:
    """A request under an idempotency key, and the event that it was answered with."""

    body: str
    at: datetime
    clock_changes: int
    event: Life | None = None

    def within(self, moment: datetime) -> bool:
        """Whether a key is remembered that was used first at that moment."""
        return (self.at - moment).total_seconds() < KEY_SECONDS


def key_in_item(item: dict[str, Any]) -> EventKey:
    """The key of an item of the table."""
    return EventKey(tenant_id=item[TENANT_ID], event_id=item[EVENT_ID])


def key_in_message(body: str) -> EventKey:
    """The event that a message names."""
    named = json.loads(body)
    return EventKey(tenant_id=named["tenantId"], event_id=named["eventId"])
