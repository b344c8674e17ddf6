"""Taking an event in: validated, stored, queued, and only then accepted.

The order of the writes is: the idempotency key's record if there is a key, the event (a large payload before
it), the message, the mark on the record. What is answered 202 is in the table and in the queue. Killed in
between, a request that is repeated under its key goes on where the first one stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from handlers.aws import AWS_ERRORS
from handlers.domain import problems
from handlers.domain.event_store import EventStore
from handlers.domain.events import Event, new_event
from handlers.domain.idempotency import IdempotencyStore, IdempotentRequest
from handlers.domain.problems import FieldError
from handlers.domain.queue import Queue
from handlers.domain.tenants import ApiKeyHolder
from handlers.domain.timestamps import Clock

MAX_BODY_BYTES = 262_144
# An answer must stay small, however many unknown fields a body has and however they are called.
MAX_FIELD_ERRORS = 10
MAX_FIELD_NAME = 128

_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not a field of an event: remove it",
    "string_type": "must be a string",
    "string_pattern_mismatch": "must be 1 to 128 characters of A-Z, a-z, 0-9, '_', '.' and '-'",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object with the fields type and data",
}

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Submission(BaseModel):
    """The body of `POST /v1/events`."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    type: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
    data: dict[str, Any]


def parse_submission(body: bytes) -> Submission:
    """Read an event as a producer sends it.

    Raises:
        Problem: 413 above 262,144 bytes; 400 for what is not JSON in UTF-8 or not an event, naming the
            fields and what is wrong with each.
    """
    if len(body) > MAX_BODY_BYTES:
        raise problems.body_too_large(len(body), MAX_BODY_BYTES)
    if not body.strip():
        raise problems.malformed_json("The body is empty. Send a JSON object with the fields type and data.")
    try:
        return Submission.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        if faults[0]["type"] == "json_invalid":
            raise problems.malformed_json(f"The body is not valid JSON: {_reason(faults[0])}.") from error
        raise problems.invalid_event(list(_field_errors(faults))) from error


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
            Problem: 400 when `data` holds a number that JSON has no form for, 409 when the idempotency key
                came with another body before.
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
        try:
            return new_event(
                tenant_id=holder.tenant_id,
                target_url=holder.target_url,
                type_=submission.type,
                data=submission.data,
                now=now,
                event_id=event_id,
            )
        except ValueError as error:
            message = "holds a number beyond what JSON can carry: send it as a string"
            raise problems.invalid_event([FieldError(field="data", message=message)]) from error


def _field_errors(faults: Sequence[ErrorDetails]) -> Iterator[FieldError]:
    for fault in faults[:MAX_FIELD_ERRORS]:
        message = _MESSAGES.get(fault["type"], "is not valid")
        yield FieldError(field=_field_name(fault["loc"]), message=message)


def _field_name(place: Sequence[int | str]) -> str:
    if not place:
        return "body"
    return problems.shown(".".join(map(str, place)), MAX_FIELD_NAME) or '""'


def _reason(fault: ErrorDetails) -> str:
    return str(fault.get("ctx", {}).get("error", fault["msg"]))
