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
from handlers.model.attempt import Attempt, http_outcome
from handlers.model.delivery import Delivery
from handlers.model.tenant import Tenant
from handlers.model.timestamps import Clock, utc_now

USER_AGENT = "webhook-delivery/1"


@dataclass(frozen=True, kw_only=True)
class AttemptResult:
    """What an attempt came to.

    Attributes:
        permanent: no later attempt can do better, so none is made.
        retry_after_seconds: what the receiver asked for; it may be longer than any wait that is granted.
    """

    attempt: Attempt
    permanent: bool = False
    retry_after_seconds: int | None = None


class MakeAttempt(Protocol):
    """Makes one attempt; nothing that a receiver does makes it raise."""

    def __call__(self, delivery: Delivery, tenant: Tenant | None) -> AttemptResult:
        """Attempt a delivery for its tenant, or None when the tenant was not found."""
        ...


class HttpAttempts:
    """Makes attempts by HTTP POST."""

    def __init__(
        self,
        transport: Transport,
        *,
        timeout_seconds: float,
        allow_private: bool,
        clock: Clock = utc_now,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Post through `transport`.

        Args:
            transport: shared by all threads.
            timeout_seconds: how long an attempt may take, connection and answer included.
            allow_private: as in `targets.parse_target`.
            clock: gives the timestamps that are signed and recorded.
            stopwatch: measures durations, in seconds.
        """
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        self._allow_private = allow_private
        self._clock = clock
        self._stopwatch = stopwatch

    def __call__(self, delivery: Delivery, tenant: Tenant | None) -> AttemptResult:
        """Make one attempt; the result tells every way in which it can end."""
        at, began = self._clock(), self._stopwatch()

        def ended(outcome: str, answer: str = "") -> Attempt:
            took = round((self._stopwatch() - began) * 1000)
            return Attempt(at=at, outcome=outcome, duration_ms=took, answer=answer)

        if tenant is None:
            return AttemptResult(attempt=ended(Outcome.TENANT_NOT_FOUND))
        body = delivery.event.body
        if body is None:
            return AttemptResult(attempt=ended(Outcome.PAYLOAD_MISSING), permanent=True)
        deadline = Deadline.after(self._timeout_seconds)
        try:
            headers = _headers(delivery.event.key.event_id, body, tenant, at)
        except ValueError:
            return AttemptResult(attempt=ended(Outcome.WEBHOOK_SECRET_MALFORMED))
        try:
            target = parse_target(delivery.target_url, allow_private=self._allow_private)
            answer = self._transport.post(target, headers=headers, body=body, deadline=deadline)
        except TargetNotAllowedError:
            return AttemptResult(attempt=ended(Outcome.TARGET_NOT_ALLOWED), permanent=True)
        except UndeliveredError as error:
            return AttemptResult(attempt=ended(error.outcome))
        return AttemptResult(
            attempt=ended(http_outcome(answer.status), answer.beginning.decode(errors="replace")),
            permanent=answer.status == HTTPStatus.GONE,
            retry_after_seconds=parse_retry_after(answer.values(b"retry-after"), self._clock()),
        )


def _headers(event_id: str, body: bytes, tenant: Tenant, at: datetime) -> dict[str, str]:
    return {
        # Servlet containers read a body without a charset as ISO-8859-1, and would verify other bytes.
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        # Without compression, an answer is never larger than what was sent.
        "Accept-Encoding": "identity",
    } | signature_headers(
        event_id=event_id,
        timestamp=int(at.timestamp()),
        body=body,
        secrets=tenant.signing_secrets(at),
    )
