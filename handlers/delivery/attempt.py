"""One attempt to deliver an event: signed, sent, and its outcome told."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

from handlers.delivery.deadline import Deadline
from handlers.delivery.outcomes import Outcome, UndeliveredError
from handlers.delivery.retry import parse_retry_after
from handlers.delivery.signing import signature_headers
from handlers.delivery.targets import TargetNotAllowedError, parse_target
from handlers.delivery.transport import Transport
from handlers.model.attempt import Attempt
from handlers.model.event import Event
from handlers.model.tenant import Tenant
from handlers.model.timestamps import Clock, utc_now

USER_AGENT = "webhook-delivery/1"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an attempt came to.

    Attributes:
        permanent: no later attempt can do better, so none is made.
        retry_after_seconds: what the receiver asked for; what is longer than any wait may be given as that.
    """

    attempt: Attempt
    permanent: bool = False
    retry_after_seconds: int | None = None


class Deliver(Protocol):
    """Makes one attempt; it never raises for what a receiver does."""

    def __call__(self, event: Event, tenant: Tenant | None) -> Result:
        """Deliver `event` for its tenant, or None when the tenant was not found."""
        ...


class HttpDelivery:
    """Delivers by HTTP POST."""

    def __init__(
        self,
        transport: Transport,
        *,
        timeout_seconds: float,
        allow_private: bool,
        clock: Clock = utc_now,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Deliver through `transport`.

        Args:
            transport: shared by all threads.
            timeout_seconds: the end of an attempt, connection and answer included.
            allow_private: as in `targets.parse_target`.
            clock: gives the timestamps that are signed and recorded.
            stopwatch: measures durations, in seconds.
        """
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        self._allow_private = allow_private
        self._clock = clock
        self._stopwatch = stopwatch

    def __call__(self, event: Event, tenant: Tenant | None) -> Result:
        """Make one attempt; every way it can end is told by the result."""
        at, began = self._clock(), self._stopwatch()

        def ended(outcome: str, status: int | None = None, answer: str = "") -> Attempt:
            took = round((self._stopwatch() - began) * 1000)
            return Attempt(at=at, outcome=outcome, status_code=status, duration_ms=took, answer=answer)

        if tenant is None:
            return Result(attempt=ended(Outcome.TENANT_NOT_FOUND))
        if event.body is None:
            return Result(attempt=ended(Outcome.PAYLOAD_MISSING), permanent=True)
        deadline = Deadline.after(self._timeout_seconds)
        try:
            headers = _headers(event.key.event_id, event.body, tenant, at)
        except ValueError:
            return Result(attempt=ended(Outcome.WEBHOOK_SECRET_MALFORMED))
        try:
            target = parse_target(event.target_url, allow_private=self._allow_private)
            answer = self._transport.post(target, headers=headers, body=event.body, deadline=deadline)
        except TargetNotAllowedError:
            return Result(attempt=ended(Outcome.TARGET_NOT_ALLOWED), permanent=True)
        except UndeliveredError as error:
            return Result(attempt=ended(error.outcome))
        return Result(
            attempt=ended(f"http_{answer.status}", answer.status, answer.beginning.decode(errors="replace")),
            permanent=answer.status == HTTPStatus.GONE,
            retry_after_seconds=parse_retry_after(answer.values(b"retry-after"), self._clock()),
        )


def _headers(event_id: str, body: bytes, tenant: Tenant, at: datetime) -> dict[str, str]:
    return {
        # Servlet containers read a body without a charset as ISO-8859-1, and verify something else then.
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        # An answer that is not compressed cannot unfold into more than was sent.
        "Accept-Encoding": "identity",
    } | signature_headers(
        event_id=event_id,
        timestamp=int(at.timestamp()),
        body=body,
        secrets=tenant.signing_secrets(at),
    )
