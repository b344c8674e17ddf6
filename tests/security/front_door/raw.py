"""Requests as bytes, for fuzzers that know of nothing else: a head that changes what is right, and a body.

    :path: /v1/other
    idempotency-key: order-42

    {"type": "a", "data": {}}

Each line of the head sets a header, or with a leading colon a part of the request, as in HTTP/2. What is not
set is right, and a line without a value takes the header away: so most mutations reach the code behind the
first refusals. Header values are UTF-8; other bytes become lone surrogates. A body that is no UTF-8 is handed
over as base64.
"""

import base64
import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.security.front_door import oddities as odd
from tests.security.front_door.world import API_KEY, DISABLED_KEY, USED_BODY, USED_KEY

_DATA = {"id": 1, "price": -1.5e3, "tags": ["a", None, True], "\u00e9": "\U0001f44b\n", "in": {"": {}}}
_EVENT = json.dumps({"type": "order.created", "data": _DATA}).encode()

SEEDS: tuple[bytes, ...] = (
    b"\n" + _EVENT,
    b"\n" + json.dumps({"type": "a", "data": _DATA}, ensure_ascii=False).encode(),
    f"idempotency-key: {USED_KEY}\n\n{USED_BODY}".encode(),
    f"idempotency-key: {USED_KEY}\n\n".encode() + _EVENT,
    b"idempotency-key: 8e03978e-40d5-43e8-bc93-6894a57f9324\n\n" + _EVENT,
    b"idempotency-key: a b\n\n" + _EVENT,
    b":base64: 1\n\n" + base64.b64encode(_EVENT),
    b":base64: 1\n\n%%%",
    f"authorization\nx-api-key: {API_KEY}\n\n".encode() + _EVENT,
    f"authorization: bearer  {DISABLED_KEY}\n\n".encode() + _EVENT,
    b"authorization: Basic dXNlcjpwYXNz\n\n" + _EVENT,
    b"x-api-key: whk_another\n\n" + _EVENT,
    b"content-type: application/json; charset=utf-16\n\n" + _EVENT,
    b"content-type: text/plain\n\n" + _EVENT,
    b"content-encoding: gzip\n\n" + _EVENT,
    b"content-type\n\n" + _EVENT,
    b":path: /v1/events/\n\n" + _EVENT,
    b":method: GET\n\n",
    b'\n{"type": "a", "data": {"x": 1}, "other": 2, "": 3}',
    b'\n{"type": "a", "data": {"x": NaN}}',
    b'\n{"type": "a", "type": "b", "data": {"x": [-0, 1e999, 12345678901234567890]}}',
    b'\n{"type": "a b", "data": [' + b"[" * 50 + b"]" * 50 + b"]}",
    b'\n\xef\xbb\xbf{"type": "a", "data": {"x": "\xff\\ud800"}}',
)
TOKENS: tuple[bytes, ...] = tuple(
    token.encode(errors="surrogatepass")
    for token in (*odd.ODD_TEXTS, *odd.ODD_NUMBERS, *odd.ODD_TOKENS, ":base64: 1\n", API_KEY, USED_KEY)
    if 0 < len(token) <= 64
)


def request_of(data: bytes) -> dict[str, Any]:
    """The request of the HTTP API, payload format 2.0, that the bytes stand for."""
    head, _, body = data.partition(b"\n\n") if not data.startswith(b"\n") else (b"", b"", data[1:])
    given: dict[str, str | None] = {
        ":method": "POST",
        ":path": "/v1/events",
        "authorization": f"Bearer {API_KEY}",
        "content-type": "application/json",
    }
    for line in head.decode(errors="surrogateescape").split("\n"):
        name, colon, value = line[1:].partition(":")
        given[line[:1] + name] = value.strip(" ") if colon else None
    path, method = given.pop(":path") or "", given.pop(":method") or ""
    as_base64 = given.pop(":base64", None) is not None
    headers = {name: value for name, value in given.items() if value is not None}
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": headers,
        "requestContext": {"http": {"method": method, "path": path}},
    } | _handed_over(body, as_base64=as_base64)


def _handed_over(body: bytes, *, as_base64: bool) -> dict[str, Any]:
    try:
        return {"body": body.decode(), "isBase64Encoded": as_base64}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def mutated(random: Random) -> bytes:
    """A seed with some of its bytes changed, left out, said twice, or swapped for a token."""
    data = random.choice(SEEDS)
    for _ in range(random.randint(1, 6)):
        at, length = random.randint(0, len(data)), random.choice((0, 1, 1, 2, 4, 16))
        cut = data[at : at + length]
        put = random.choice((random.randbytes(length), random.choice(TOKENS), cut * 2, b""))
        data = data[:at] + put + data[at + length :]
    return data


def minimal(data: bytes, breaks: Callable[[bytes], bool]) -> bytes:
    """The input with all that it does not need to break a promise left out, in ever smaller pieces."""
    size = len(data)
    while size:
        for at in range(len(data) - size, -1, -1):
            shorter = data[:at] + data[at + size :]
            if len(shorter) < len(data) and breaks(shorter):
                data = shorter
        size //= 2
    return data
