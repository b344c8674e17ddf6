"""Requests that a hostile producer might send, as API Gateway hands them over: most of them nearly right.

Only what is nearly right gets past the first refusal: each part of a request is usually well-formed, and
sometimes anything at all. Large bodies are built from a size that is drawn, since drawing them byte by byte
takes long.
"""

import base64
import json
import re
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from handlers.intake.routes import SEND_EVENT
from handlers.intake.submission import MAX_BODY_BYTES
from tests.security.front_door import oddities as odd
from tests.support.front_door import API_KEY, DISABLED_KEY, UNKNOWN_KEY, USED_BODY, USED_KEY, a_request

_WIDE_FRAMES = ('{"type":"a","data":{%}}', "{%}", '{"type":"a","data":{},%}')
_SIZED_FRAME = '{"type":"a","data":{"x":"%"}}'
_SIZES = (MAX_BODY_BYTES - 1, MAX_BODY_BYTES, MAX_BODY_BYTES + 1, 2 * MAX_BODY_BYTES)

_booleans = st.booleans()
_any_texts = st.text(st.characters(), max_size=40)  # lone surrogates included
_texts = st.sampled_from(odd.ODD_TEXTS) | _any_texts | st.integers(1, 20_000).map(lambda n: "x" * n)
_types = st.from_regex(re.compile(r"[A-Za-z0-9_.-]{1,20}", re.ASCII), fullmatch=True)
_characters = st.text(max_size=8)
_names = st.sampled_from(["a", "id", "type", "", "__proto__", "\x00", "é"]) | _characters
_values = st.recursive(
    st.none() | _booleans | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _characters,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)
_data = st.dictionaries(_names, _values, max_size=3)


@cache
def _once_in(times: int) -> SearchStrategy[bool]:
    return st.integers(1, times).map(lambda n: n == times)


@cache
def _one_of(values: tuple[Any, ...]) -> SearchStrategy[Any]:
    return st.sampled_from(values)


def _usually(
    draw: DrawFn, right: SearchStrategy[Any], other: SearchStrategy[Any], *, but_once_in: int
) -> Any:
    return draw(other if draw(_once_in(but_once_in)) else right)


@st.composite
def _right_events(draw: DrawFn) -> str:
    """The body of an event, in one of the many ways to write the same."""
    parts = [("type", draw(_types)), ("data", draw(_data))]
    return json.dumps(
        dict(parts if draw(_booleans) else reversed(parts)),
        ensure_ascii=draw(_booleans),
        indent=1 if draw(_once_in(4)) else None,
    )


_right_bodies = _right_events() | st.just(USED_BODY)


@st.composite
def _events_with(draw: DrawFn, tokens: SearchStrategy[str]) -> str:
    """An event with a token in one of its places, as it stands: the result may not be JSON."""
    return draw(_one_of(odd.EVENT_FRAMES)).replace("%", draw(tokens))


_depths = st.integers(1, 210) | st.sampled_from([1000, 10_000, 50_000])
_fewer = st.integers(0, 300)


@st.composite
def _nested(draw: DrawFn) -> str:
    """Openings and closings, often equally many: about the limit of 200 levels, and far beyond."""
    opening, closing = draw(_one_of(odd.NESTINGS))
    depth = draw(_depths)
    body = opening * depth + draw(_one_of(("", "1", "{}"))) + closing * draw(st.just(depth) | _fewer)
    return body if draw(_booleans) else '{"type":"a","data":{"a":' + body + "}}"


_widths = st.integers(1, 40) | st.sampled_from([3000, 25_000])


@st.composite
def _wide(draw: DrawFn) -> str:
    """Many fields, in `data` or beside it, with the same name or with different ones."""
    name, many, differ = draw(_names), draw(_widths), draw(_booleans)
    fields = (f"{json.dumps(f'{name}{n}' if differ else name)}:1" for n in range(many))
    return draw(_one_of(_WIDE_FRAMES)).replace("%", ",".join(fields))


@st.composite
def _sized(draw: DrawFn) -> str:
    """An event of a size about the limit, whose last character takes 1 to 4 bytes."""
    last = draw(_one_of(("y", "é", "✓", "👋")))
    around = len(_SIZED_FRAME) - 1 + len(last.encode())
    return _SIZED_FRAME.replace("%", "y" * (draw(_one_of(_SIZES)) - around) + last)


_odd_tokens = st.sampled_from((*odd.ODD_NUMBERS, *odd.ODD_TOKENS, *odd.ODD_TEXTS))
_some_bytes = st.binary(max_size=3) | _odd_tokens.map(lambda text: text.encode(errors="surrogatepass")[:64])
_positions, _lengths = st.integers(0, 100), st.integers(0, 4) | st.just(16)


@st.composite
def _mutated(draw: DrawFn) -> bytes:
    """An event, right or odd, with some bytes changed, left out, put in, or said twice."""
    body = draw(_right_bodies | _events_with(_odd_tokens)).encode(errors="surrogatepass")
    for _ in range(draw(st.integers(1, 6))):
        at, length = draw(_positions) % (len(body) + 1), draw(_lengths)
        put = draw(_some_bytes) if draw(_booleans) else body[at : at + length] * 2
        body = body[:at] + put + body[at + length :]
    return body


@st.composite
def _recoded(draw: DrawFn) -> bytes:
    """An event in an encoding that is not plain UTF-8."""
    return draw(_right_events()).encode(draw(_one_of(odd.ENCODINGS)), errors="replace")


_heavy = st.one_of(_nested(), _wide(), _sized())
_odd_bodies = st.one_of(
    _events_with(st.sampled_from(odd.ODD_NUMBERS)),
    _events_with(st.sampled_from(odd.ODD_TOKENS)),
    _events_with(st.integers(1, 5000).map(lambda digits: "7" * digits)),
    _events_with(_values.map(json.dumps)),
    _mutated(),
    _recoded(),
    st.binary(max_size=60),
    _texts,
)


@st.composite
def _bodies(draw: DrawFn) -> str | bytes:
    if draw(_once_in(10)):
        return draw(_heavy)
    return draw(_odd_bodies if draw(_booleans) else _right_bodies)


_known_keys = st.sampled_from([API_KEY] * 19 + [DISABLED_KEY])
_unknown_keys = st.sampled_from([API_KEY[:-1], API_KEY + "a", API_KEY.upper(), UNKNOWN_KEY, "whk_"]) | _texts
_schemes, _other_schemes = _one_of(("Bearer ", "bearer  ")), _one_of(("", "Basic ", "Bearer\t", "Bearer,"))
_places = st.sampled_from([*"ax" * 5, "same", "both", "none"])


@st.composite
def _authentications(draw: DrawFn) -> dict[str, str]:
    """A key in one header or in both, the same or not: usually a known one, sometimes none."""
    place = draw(_places)
    key = _usually(draw, _known_keys, _unknown_keys, but_once_in=12)
    in_authorization = _usually(draw, _schemes, _other_schemes, but_once_in=20) + key
    if place == "both":
        return {"authorization": in_authorization, "x-api-key": draw(_known_keys | _unknown_keys)}
    found = {"authorization": in_authorization} if place in {"a", "same"} else {}
    return found | ({"x-api-key": key} if place in {"x", "same"} else {})


_content_types, _other_types = st.sampled_from(odd.JSON_TYPES), st.sampled_from(odd.OTHER_TYPES) | _texts
_codings = st.sampled_from(odd.CODINGS) | _texts
_idempotency_keys = st.just(USED_KEY) | st.text(st.characters(codec="ascii"), max_size=40) | _texts
_other_headers = st.sampled_from(odd.OTHER_HEADERS) | _any_texts


@st.composite
def _headers(draw: DrawFn) -> dict[str, str]:
    """Headers, usually with what an event needs; at times one of them doubled or in an odd case."""
    made = draw(_authentications())
    if not draw(_once_in(30)):
        made["content-type"] = _usually(draw, _content_types, _other_types, but_once_in=12)
    if draw(_once_in(3)):
        made["idempotency-key"] = draw(_idempotency_keys)
    if draw(_once_in(20)):
        made["content-encoding"] = draw(_codings)
    if draw(_once_in(12)):
        made[draw(_other_headers)] = draw(_texts)
        name = draw(st.sampled_from(sorted(made)))
        if draw(_booleans):
            made[name] = f"{made[name]},{made[name]}"
        else:
            made[name.title()] = made.pop(name)
    return made


@st.composite
def _as_sent(draw: DrawFn, bodies: SearchStrategy[str | bytes]) -> dict[str, Any]:
    """A body as text or as base64, and which of the two it is said to be, seldom wrongly."""
    body = draw(bodies)
    encoded = isinstance(body, bytes) or draw(_booleans)
    if encoded:
        raw = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
        body = base64.b64encode(raw).decode()
        if draw(_once_in(12)):
            body += draw(_one_of(odd.NO_BASE64))
    return {"body": body, "isBase64Encoded": encoded != draw(_once_in(30))}


_paths, _methods = st.sampled_from(odd.PATHS) | _texts, st.sampled_from(odd.METHODS) | _texts


@st.composite
def requests(draw: DrawFn) -> dict[str, Any]:
    """A request of the HTTP API, payload format 2.0."""
    made = a_request(
        path=_usually(draw, st.just(SEND_EVENT.path), _paths, but_once_in=25),
        method=_usually(draw, st.just("POST"), _methods, but_once_in=25),
    )
    made |= {"headers": draw(_headers()), **draw(_as_sent(_bodies()))}
    if draw(_once_in(20)):
        made["headers"]["idempotency-key"] = USED_KEY
        made |= {"body": USED_BODY, "isBase64Encoded": False}
    if draw(_once_in(30)):
        name = draw(_one_of(("headers", "body", "isBase64Encoded")))
        made |= {name: None}
        if draw(_booleans):
            del made[name]
    return made


@st.composite
def right_requests(draw: DrawFn) -> dict[str, Any]:
    """A request with nothing wrong in it."""
    body, encoded = draw(_right_bodies), draw(_booleans)
    return a_request(
        {"content-type": draw(_content_types), "x-api-key": API_KEY},
        body=base64.b64encode(body.encode()).decode() if encoded else body,
        encoded=encoded,
    )
