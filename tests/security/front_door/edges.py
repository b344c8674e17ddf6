"""Every oddity in every place of a request that is otherwise right: what chance may leave out."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.security.front_door import oddities as odd
from tests.support.front_door import API_KEY, USED_BODY, a_request

_NAMED = ('{"type":"a","data":{%:1}}', '{"type":"a","data":{},%:1}')
_DEPTHS = (190, 199, 200, 201, 10_000)


def edge_cases() -> Iterator[dict[str, Any]]:
    """Requests of the HTTP API, payload format 2.0."""
    for text in odd.ODD_TEXTS:
        yield a_request(path=text)
        yield a_request(method=text)
        yield a_request({"x-api-key": text})
        yield a_request({"x-api-key": API_KEY + text})
        yield a_request({"authorization": text, "x-api-key": API_KEY})
        yield a_request({"authorization": f"Bearer {text}"})
        yield a_request({"x-api-key": API_KEY, "content-type": text})
        yield a_request({"x-api-key": API_KEY, "idempotency-key": text})
        yield a_request({"x-api-key": API_KEY, text: text})
        yield a_request(body=text)
    for body in _odd_bodies():
        yield a_request(body=body)
    for encoding in odd.ENCODINGS:
        yield a_request(body=base64.b64encode(USED_BODY.encode(encoding)).decode(), encoded=True)
    for excess in odd.NO_BASE64:
        yield a_request(body=base64.b64encode(USED_BODY.encode()).decode() + excess, encoded=True)
    for content_type in (*odd.JSON_TYPES, *odd.OTHER_TYPES):
        yield a_request({"x-api-key": API_KEY, "content-type": content_type})
    for coding in odd.CODINGS:
        yield a_request({"x-api-key": API_KEY, "content-encoding": coding})
    for method in odd.METHODS:
        yield a_request(method=method)
    for path in odd.PATHS:
        yield a_request(path=path)
    for name in ("headers", "body", "isBase64Encoded"):
        whole = a_request()
        yield whole | {name: None}
        yield {key: value for key, value in whole.items() if key != name}


def _odd_bodies() -> Iterator[str]:
    texts = [json.dumps(text) for text in odd.ODD_TEXTS]
    for token in (*odd.ODD_NUMBERS, *odd.ODD_TOKENS, *texts):
        yield from (frame.replace("%", token) for frame in odd.EVENT_FRAMES)
    for name in texts:
        yield from (frame.replace("%", name) for frame in _NAMED)
    for opening, closing in odd.NESTINGS:
        for depth in _DEPTHS:
            yield odd.EVENT_FRAMES[0].replace("%", opening * depth + "1" + closing * depth)
            yield opening * depth
