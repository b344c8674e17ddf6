"""What the requeue function is asked for: which failed events to send again, and how."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from handlers.model.event import MAX_ID_CHARACTERS, EventKey

MAX_EVENT_IDS_NAMED = 10_000
"""In one request. The answer lists each event that was left, and Lambda answers with 6 MB at the most."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


REFUSED = "the requeue input was refused, nothing was sent"
"""The beginning of every `RequeueInputError`'s message."""


class RequeueInputError(ValueError):
    """An input that is wrong, so that nothing was sent; the message names each field."""

    def __init__(self, faults: str) -> None:
        self.faults = faults
        super().__init__(f"{REFUSED}: {faults}")


def _moment(value: object) -> datetime:
    """Read a time in the one unambiguous form.

    pydantic would take digits for the seconds since 1970, and a date for its midnight.
    """
    if not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise PydanticCustomError(
            "moment", "must be a date and time with its zone in ISO 8601, for example 2026-11-23T10:00:00Z"
        )
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError(
            "moment", "names a day, a time or an offset that does not exist; right is 2026-11-23T10:00:00Z"
        ) from error


def _some(event_ids: list[str]) -> list[str]:
    if not event_ids:
        raise PydanticCustomError("empty", "is empty: name at least one, or leave it out")
    if len(event_ids) > MAX_EVENT_IDS_NAMED:
        raise PydanticCustomError(
            "too_many",
            "holds {given} ids: name at most {most}, and run it again for the rest",
            {"given": len(event_ids), "most": MAX_EVENT_IDS_NAMED},
        )
    return event_ids


_Moment = Annotated[datetime, BeforeValidator(_moment)]
_Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]


class RequeueRequest(BaseModel):
    """Which failed events to send again, and how: everything that failed, unless it is narrowed down."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, strict=True, hide_input_in_errors=True
    )

    tenant_id: _Id | None = None
    event_ids: Annotated[list[_Id], AfterValidator(_some)] | None = None
    since: _Moment | None = None
    until: _Moment | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    rate_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    dry_run: bool = False

    @classmethod
    def parse(cls, payload: Any) -> "RequeueRequest":
        """Read the input of the requeue function.

        Raises:
            RequeueInputError: naming each field that is unknown or wrong, and what would be right.
        """
        try:
            return cls.model_validate(payload)
        except ValidationError as error:
            raise RequeueInputError("; ".join(map(_told, error.errors()))) from error

    @field_validator("until")
    @classmethod
    def _is_after_since(cls, until: datetime | None, others: ValidationInfo) -> datetime | None:
        since: datetime | None = others.data.get("since")
        if since is not None and until is not None and until <= since:
            raise PydanticCustomError(
                "order",
                "must be later than since, but until is {until} and since is {since}",
                {"until": until.isoformat(), "since": since.isoformat()},
            )
        return until

    @property
    def keys(self) -> Sequence[EventKey] | None:
        """The events asked for, where the request names them and their tenant."""
        if self.tenant_id is None or self.event_ids is None:
            return None
        return [EventKey(tenant_id=self.tenant_id, event_id=event_id) for event_id in self.event_ids]

    def matches(self, key: EventKey, created_at: datetime) -> bool:
        """Whether an event is among those asked for; `since` is inclusive, `until` exclusive."""
        return (
            self.names(key)
            and (self.since is None or created_at >= self.since)
            and (self.until is None or created_at < self.until)
        )

    def names(self, key: EventKey) -> bool:
        """Whether an event is among those asked for, whenever it was created."""
        return (self.tenant_id is None or key.tenant_id == self.tenant_id) and (
            self.event_ids is None or key.event_id in self._event_ids_named
        )

    @cached_property
    def _event_ids_named(self) -> frozenset[str]:
        return frozenset(self.event_ids or ())


def _told(fault: ErrorDetails) -> str:
    told = f"{'.'.join(map(str, fault['loc'])) or 'input'}: {fault['msg']}"
    # This is logged. Text in the wrong place may be anything, perhaps a key, so it is not repeated.
    return f"{told} (got {fault['input']!r})" if isinstance(fault["input"], int | float) else told
