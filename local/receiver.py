"""A webhook receiver on loopback, as a customer would write it: it verifies with the public libraries."""

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import standardwebhooks
import stripe

from local.constants import HOST

STRIPE = "stripe"
STANDARD_WEBHOOKS = "standardwebhooks"
LIBRARIES = frozenset({STRIPE, STANDARD_WEBHOOKS})

_MAX_BODY_BYTES = 1024 * 1024  # four times the largest event

Answer = Callable[[int], int]
"""Gives the HTTP status for an attempt at one event; attempts count from 1."""


def accepts(_attempt: int) -> int:
    """Accept every delivery."""
    return 200


def refuses(_attempt: int) -> int:
    """Fail every delivery."""
    return 500


def accepts_after(failures: int) -> Answer:
    """Fail this many attempts, then accept."""
    return lambda attempt: refuses(attempt) if attempt <= failures else accepts(attempt)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One request that the receiver got.

    Attributes:
        event_id: as in the header `webhook-id`.
        attempt: the number of requests for this event so far, this one included.
        at: its time of arrival by the receiver's clock, in seconds since the epoch.
        verified_by: the libraries that accepted its signature.
        status: the HTTP status of the answer.
    """

    event_id: str
    type: str
    attempt: int
    at: float
    verified_by: frozenset[str]
    status: int
    body: bytes

    @property
    def verified(self) -> bool:
        """Whether both libraries accepted its signature."""
        return self.verified_by == LIBRARIES

    @property
    def succeeded(self) -> bool:
        """Whether the answer was 200."""
        return self.status == accepts(self.attempt)


class Receiver:
    """Listens on a free port of 127.0.0.1 while its context lasts."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        answers: Mapping[str, Answer] | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        """Prepare a receiver.

        Args:
            clock: gives the time of a delivery.
            answers: the answers to events, by their type; events of other types are accepted.
            on_delivery: called with each delivery before it is answered, in the thread that serves it.
        """
        self.clock = clock
        self._answers = dict(answers or {})
        self._on_delivery = on_delivery
        self._lock = threading.Lock()
        self._deliveries: list[Delivery] = []
        self._secret: str | None = None
        self._server = _Server((HOST, 0), _Handler)
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        """Start listening."""
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_address[1]}/webhooks"

    def trust(self, webhook_secret: str) -> None:
        """Verify with this secret from now on; without a secret, no delivery counts as verified."""
        self._secret = webhook_secret

    def answer(self, event_type: str, how: Answer) -> None:
        """Answer events of this type in this way from now on."""
        with self._lock:
            self._answers[event_type] = how

    def deliveries(self, event_id: str | None = None) -> list[Delivery]:
        """The deliveries so far, of one event or of all, in order."""
        with self._lock:
            return [delivery for delivery in self._deliveries if event_id in (None, delivery.event_id)]

    def receive(self, headers: Mapping[str, str], body: bytes) -> int:
        """Verify and record a request; gives the HTTP status to answer with."""
        at = self.clock()
        event_id, event_type = headers.get("webhook-id", ""), _type_of(body)
        verified_by = verify(headers, body, self._secret) if self._secret else frozenset[str]()
        with self._lock:
            attempt = 1 + sum(delivery.event_id == event_id for delivery in self._deliveries)
            delivery = Delivery(
                event_id=event_id,
                type=event_type,
                attempt=attempt,
                at=at,
                verified_by=verified_by,
                status=self._answers.get(event_type, accepts)(attempt),
                body=body,
            )
            self._deliveries.append(delivery)
        if self._on_delivery:
            self._on_delivery(delivery)
        return delivery.status


def verify(headers: Mapping[str, str], body: bytes, webhook_secret: str) -> frozenset[str]:
    """Those of the public libraries `stripe` and `standardwebhooks` that accept a request's signature."""
    verified_by: set[str] = set()
    try:
        stripe.Webhook.construct_event(body, headers.get("stripe-signature", ""), webhook_secret)  # pyright: ignore[reportUnknownMemberType] - untyped there
        verified_by.add(STRIPE)
    except (ValueError, stripe.SignatureVerificationError):
        pass
    try:
        standardwebhooks.Webhook(webhook_secret).verify(body, dict(headers))
        verified_by.add(STANDARD_WEBHOOKS)
    except (ValueError, standardwebhooks.WebhookVerificationError):
        pass
    return frozenset(verified_by)


def _type_of(body: bytes) -> str:
    try:
        document: Any = json.loads(body)
    except ValueError:
        return ""
    return str(document.get("type", "")) if isinstance(document, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - JSON


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a sender goes away, as one that is killed does."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - the one that starts it

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
            self.close_connection = True
            self.send_error(400, f"content-length is {length!r}")
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(self.server.receiver.receive(headers, body))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Write nothing: `on_delivery` tells whoever runs the receiver."""
