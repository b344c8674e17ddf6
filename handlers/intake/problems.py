"""Errors as producers see them: problem documents of RFC 9457."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from handlers.intake.routes import SEND_EVENT

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
MAX_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """What is wrong with one field of a request, and what would be right."""

    field: str
    message: str


@dataclass(kw_only=True, eq=False)
class Problem(Exception):  # noqa: N818 - the RFC's term
    """A request that is answered with an error.

    Attributes:
        type: the last part of the problem type's path, `/problems/<type>`.
        detail: what is wrong with this request and what to do about it; never anything internal.
        headers: sent with the answer.
    """

    status: HTTPStatus
    type: str
    title: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def document(self) -> dict[str, Any]:
        """The problem document."""
        document: dict[str, Any] = {
            "type": f"/problems/{self.type}",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [{"field": e.field, "message": e.message} for e in self.errors]
        return document


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """What a producer sent, as an answer may repeat it: bounded, unprintable characters escaped."""
    return repr(text[:limit])[1:-1] + ("…" if len(text) > limit else "")


def malformed_json(detail: str) -> Problem:
    """400: the body is not JSON that the API accepts."""
    return Problem(
        status=HTTPStatus.BAD_REQUEST, type="malformed-json", title="Malformed JSON", detail=detail
    )


def invalid_event(errors: Sequence[FieldError]) -> Problem:
    """400: the body is JSON but not an event."""
    return Problem(
        status=HTTPStatus.BAD_REQUEST,
        type="invalid-event",
        title="Invalid event",
        detail=f"The event was not accepted: {'; '.join(f'{e.field}: {e.message}' for e in errors)}.",
        errors=errors,
    )


def ambiguous_api_key() -> Problem:
    """400: two keys at once (RFC 6750, section 3.1, on more than one way of sending a token)."""
    return Problem(
        status=HTTPStatus.BAD_REQUEST,
        type="ambiguous-api-key",
        title="Two different API keys",
        detail="Authorization and X-Api-Key carry different API keys. Send one of them.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def unauthorized() -> Problem:
    """401: the same answer for a missing, a malformed and an unknown key."""
    return Problem(
        status=HTTPStatus.UNAUTHORIZED,
        type="unauthorized",
        title="Missing or unknown API key",
        detail="Send a valid API key as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def api_key_disabled() -> Problem:
    """403: the key is known and switched off."""
    return Problem(
        status=HTTPStatus.FORBIDDEN,
        type="api-key-disabled",
        title="API key disabled",
        detail="This API key has been disabled. Use another key of your tenant, or ask the operator for one.",
    )


def invalid_idempotency_key() -> Problem:
    """400: the header is there, but is no key."""
    return Problem(
        status=HTTPStatus.BAD_REQUEST,
        type="invalid-idempotency-key",
        title="Invalid idempotency key",
        detail="Idempotency-Key must be 1 to 255 visible ASCII characters without spaces, such as a UUID.",
    )


def idempotency_key_reused() -> Problem:
    """409: the key came with another body before."""
    return Problem(
        status=HTTPStatus.CONFLICT,
        type="idempotency-key-reused",
        title="Idempotency key reused",
        detail="This Idempotency-Key came with another body before. Use a new key for every new event.",
    )


def not_found(path: str) -> Problem:
    """404: no such route."""
    return Problem(
        status=HTTPStatus.NOT_FOUND,
        type="not-found",
        title="Not found",
        detail=f"There is nothing at {shown(path)}. Events are sent by POST to {SEND_EVENT.path}.",
    )


def method_not_allowed(method: str, allowed: str) -> Problem:
    """405: the route is there, for another method."""
    return Problem(
        status=HTTPStatus.METHOD_NOT_ALLOWED,
        type="method-not-allowed",
        title="Method not allowed",
        detail=f"{shown(method)} is not possible here. Use {allowed}.",
        headers={"Allow": allowed},
    )


def body_too_large(size: int, limit: int) -> Problem:
    """413: the body exceeds the limit; both are in bytes."""
    return Problem(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        type="body-too-large",
        title="Body too large",
        detail=f"The body is {size} bytes long; at most {limit} are accepted. Send a reference instead.",
    )


def unsupported_media_type(content_type: str | None) -> Problem:
    """415: the body is not declared as JSON."""
    got = f"got '{shown(content_type)}'" if content_type else "there was none"
    return Problem(
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        type="unsupported-media-type",
        title="Unsupported media type",
        detail=f"The Content-Type must be application/json, {got}.",
        headers={"Accept": "application/json"},
    )


def unsupported_charset(charset: str) -> Problem:
    """415: the body is declared as JSON, but not in UTF-8 (RFC 8259, section 8.1)."""
    return Problem(
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        type="unsupported-media-type",
        title="Unsupported charset",
        detail=f"The Content-Type declares the charset {shown(charset)}. Send the body in UTF-8.",
        headers={"Accept": "application/json"},
    )


def unsupported_content_encoding(content_encoding: str) -> Problem:
    """415: the body is compressed (RFC 9110, section 12.5.3, on what the answer says)."""
    return Problem(
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        type="unsupported-content-encoding",
        title="Unsupported content encoding",
        detail=f"The Content-Encoding is '{shown(content_encoding)}'. Send the body as it is, without one.",
        headers={"Accept-Encoding": "identity"},
    )


def unavailable() -> Problem:
    """503: the event could not be stored or queued; sending it again is right."""
    return Problem(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        type="unavailable",
        title="Temporarily unavailable",
        detail="The event was not accepted for a temporary reason on our side. Send it again.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
