"""The emulator's front door: keeps browsers out, sends requests to the API or to AWS, and sets the clock.

A page in a browser can reach 127.0.0.1, by the address or by a name of the page's own that resolves to it. It
can neither leave out `Origin` where it matters nor choose `Host` (Fetch standard, "Origin header"): the guard
checks both.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CLOCK_PATH = "/_local/clock"
API_PATH = "/_local/api"

_LONGEST_STEP_SECONDS = 365 * 24 * 3600.0
_FOREIGN_SITES = ("cross-site", "same-site")
_LOCAL_NAMES = ("127.0.0.1", "localhost")


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Guard:
    """An ASGI application around the emulator's."""

    def __init__(self, app: App, *, port: int, advance: Callable[[float], float]) -> None:
        """Guard `app`.

        Args:
            app: the emulator.
            port: its port, which `Host` may name.
            advance: takes the seconds to advance the queues' clock by; gives the seconds advanced in all.
        """
        self._app = app
        self._hosts = {name for host in _LOCAL_NAMES for name in (host, f"{host}:{port}")}
        self._advance = advance
        self._api_id: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            headers = _headers(scope)
            self._refuse_strangers(headers)
            if scope["path"] in (CLOCK_PATH, API_PATH):
                await _answer(send, HTTPStatus.OK, await self._control(scope, receive))
                return
            await self._app(self._routed(scope, headers), receive, send)
        except _RefusedError as refusal:
            await _answer(send, refusal.status, _problem(refusal.status, str(refusal)))

    def _refuse_strangers(self, headers: Mapping[str, str]) -> None:
        host = headers.get("host")
        if host is None or host.lower() not in self._hosts:
            raise _RefusedError(
                HTTPStatus.FORBIDDEN,
                f"Host is {host!r}. The local stack answers only as {', '.join(sorted(self._hosts))}.",
            )
        if "origin" in headers:
            raise _RefusedError(
                HTTPStatus.FORBIDDEN,
                f"A browser page sent this request: it has an Origin header ({headers['origin']!r}). "
                "The local stack answers programs only.",
            )
        if headers.get("sec-fetch-site") in _FOREIGN_SITES:
            raise _RefusedError(
                HTTPStatus.FORBIDDEN,
                f"Another site's page sent this request: Sec-Fetch-Site is {headers['sec-fetch-site']!r}. "
                "The local stack answers programs only.",
            )

    async def _control(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        if scope["method"] != "POST":
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, f"{scope['path']} takes POST only.")
        body = await _json_body(receive)
        match scope["path"], body:
            case "/_local/clock", {"advanceSeconds": int() | float() as seconds} if (
                0 <= seconds <= _LONGEST_STEP_SECONDS
            ):
                return {"advancedSeconds": self._advance(seconds)}
            case "/_local/api", {"apiId": str() as api_id} if self._api_id in (None, api_id):
                self._api_id = api_id
                return {"apiId": api_id}
            case "/_local/api", {"apiId": str() as api_id}:
                raise _RefusedError(
                    HTTPStatus.CONFLICT,
                    f"API {self._api_id!r} answers at the root already, not {api_id!r}.",
                )
            case _:
                raise _RefusedError(
                    HTTPStatus.BAD_REQUEST,
                    f'{CLOCK_PATH} takes {{"advanceSeconds": n}}, n from 0 to {_LONGEST_STEP_SECONDS:.0f}, '
                    f'and {API_PATH} takes {{"apiId": "..."}}.',
                )

    def _routed(self, scope: Scope, headers: Mapping[str, str]) -> Scope:
        """Send to the HTTP API what is neither signed for AWS nor for the emulator itself.

        Loopback counts as TLS: every deployed request has TLS, and policies that demand it are enforced.
        """
        changed = {b"x-forwarded-proto": b"https"}
        if self._api_id and not _is_for_the_emulator(scope, headers):
            changed[b"host"] = f"{self._api_id}.execute-api.127.0.0.1".encode()
        kept = [(name, value) for name, value in scope["headers"] if name.lower() not in changed]
        return {**scope, "headers": [*changed.items(), *kept]}


def _is_for_the_emulator(scope: Scope, headers: Mapping[str, str]) -> bool:
    return (
        scope["path"].startswith(("/_ministack/", "/_aws/"))
        or headers.get("authorization", "").startswith("AWS4-HMAC-SHA256")
        or "X-Amz-Signature" in parse_qs(scope["query_string"].decode("latin-1"))
    )


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _json_body(receive: Receive) -> Any:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    try:
        return json.loads(body)
    except ValueError as error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from error


def _problem(status: HTTPStatus, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}


async def _answer(send: Send, status: HTTPStatus, document: Mapping[str, Any]) -> None:
    kind = b"application/json" if status is HTTPStatus.OK else b"application/problem+json"
    await send(
        {"type": "http.response.start", "status": int(status), "headers": [(b"content-type", kind)]},
    )
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})
