"""One attempt to deliver an event: signed, sent, and its outcome told."""

import binascii
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Protocol

import requests
from urllib3.exceptions import HTTPError as Urllib3Error

from handlers.domain.deadline import Deadline
from handlers.domain.events import MAX_ANSWER_BYTES, Attempt, Event
from handlers.domain.retry import parse_retry_after
from handlers.domain.signing import signature_headers
from handlers.domain.targets import TargetNotAllowedError, parse_target
from handlers.domain.tenants import Tenant
from handlers.domain.timestamps import Clock, utc_now

USER_AGENT = "webhook-delivery/1"
MAX_ANSWER_READ_BYTES = 64 * 1024

TARGET_NOT_ALLOWED = "target_not_allowed"
TENANT_NOT_FOUND = "tenant_not_found"
PAYLOAD_MISSING = "payload_missing"
_TIMEOUT = "timeout"
_ERROR_CLASSES = MappingProxyType(
    {
        socket.gaierror: "dns_failure",
        ssl.SSLError: "tls_failure",
        TimeoutError: _TIMEOUT,
        ConnectionRefusedError: "connection_refused",
        ConnectionResetError: "connection_reset",
        binascii.Error: "webhook_secret_malformed",
    }
)
"""Most telling first; what is in none of them is a `connection_failure`."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an attempt came to.

    Attributes:
        permanent: no later attempt can do better, so none is made.
        retry_after_seconds: what the receiver asked for, uncapped.
    """

    attempt: Attempt
    permanent: bool = False
    retry_after_seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What a receiver answered: the status, `Retry-After` as sent, and the beginning of the body."""

    status: int
    retry_after: str | None
    beginning: str


class Deliver(Protocol):
    """Makes one attempt; it never raises for what a receiver does."""

    def __call__(self, event: Event, tenant: Tenant | None) -> Result:
        """Deliver `event` for its tenant, or None when the tenant was not found."""
        ...


class HttpDelivery:
    """Delivers by HTTP POST."""

    def __init__(
        self,
        session: requests.Session,
        *,
        timeout_seconds: float,
        allow_private: bool,
        clock: Clock = utc_now,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Deliver through `transport.guarded_session`.

        Args:
            session: shared by all threads.
            timeout_seconds: the end of an attempt, connection and answer included.
            allow_private: as in `targets.parse_target`.
            clock: gives the timestamps that are signed and recorded.
            stopwatch: measures durations, in seconds.
        """
        self._session = session
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
            return Result(attempt=ended(TENANT_NOT_FOUND))
        if event.body is None:
            return Result(attempt=ended(PAYLOAD_MISSING), permanent=True)
        deadline = Deadline(self._timeout_seconds)
        try:
            with deadline:
                headers = _headers(event.key.event_id, event.body, tenant, at)
                answer = self._post(event.target_url, event.body, headers, deadline)
        except TargetNotAllowedError:
            return Result(attempt=ended(TARGET_NOT_ALLOWED), permanent=True)
        except (requests.RequestException, Urllib3Error, OSError, ValueError) as error:
            return Result(attempt=ended(_TIMEOUT if deadline.expired else _error_class(error)))
        return Result(
            attempt=ended(f"http_{answer.status}", answer.status, answer.beginning),
            permanent=answer.status == HTTPStatus.GONE,
            retry_after_seconds=parse_retry_after(answer.retry_after, self._clock()),
        )

    def _post(self, url: str, body: bytes, headers: dict[str, str], deadline: Deadline) -> _Answer:
        target = parse_target(url, allow_private=self._allow_private)
        with self._session.post(
            target.url,
            data=body,
            headers=headers,
            timeout=deadline.remaining(),
            stream=True,
        ) as response:
            if deadline.expired:
                # Headers that were cut off look complete to http.client.
                raise TimeoutError("the headers of the answer did not come in time")
            return _Answer(
                status=response.status_code,
                retry_after=response.headers.get("Retry-After"),
                beginning=_read_answer(response)[:MAX_ANSWER_BYTES].decode(errors="replace"),
            )


def _headers(event_id: str, body: bytes, tenant: Tenant, at: datetime) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
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


def _read_answer(response: requests.Response) -> bytes:
    """The beginning of the answer's body; how it ends no longer matters, the status has been said."""
    beginning = b""
    # ValueError and OverflowError: http.client takes sizes of chunks below zero for sizes.
    with suppress(Urllib3Error, OSError, ValueError, OverflowError):
        while len(beginning) < MAX_ANSWER_READ_BYTES:
            # One read of the socket at a time: any other way, a chunk of the size -1 is read without end.
            piece = response.raw.read1(MAX_ANSWER_READ_BYTES - len(beginning), decode_content=False)
            if not piece:
                break
            beginning += piece
    return beginning


def _error_class(error: BaseException) -> str:
    for cause in _causes(error):
        for kind, name in _ERROR_CLASSES.items():
            if isinstance(cause, kind):
                return name
    return "connection_failure"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the first cause first: libraries wrap it several times over."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    yield from reversed(chain)
