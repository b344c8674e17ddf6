"""Secrets that are unlike anything else, and the search for them in whatever a system wrote."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

# Chance finds shorter pieces of a secret, and they help nobody.
FRAGMENT = 16


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A secret in play.

    Attributes:
        text: the secret, its prefix included.
        prefix: how every secret of its kind begins.
    """

    name: str
    text: str
    prefix: str = ""

    def forms(self) -> Iterator[bytes]:
        """What a leak of it would hold: one of its ends, in any encoding that is in use.

        Its beginning finds a text that is cut off, its end one that follows something.
        """
        secret = self.text.removeprefix(self.prefix)
        raw = secret.encode()
        yield from (raw[:FRAGMENT], raw[-FRAGMENT:])
        yield from (
            quote(secret, safe="").encode()[:FRAGMENT],
            json.dumps(secret).strip('"').encode()[:FRAGMENT],
        )
        yield from (raw.hex()[:FRAGMENT].encode(), raw.hex()[:FRAGMENT].upper().encode())
        for offset in range(3):
            # In the base64 of a text that holds it, only the groups made wholly of its bytes never change.
            encoded = base64.b64encode(bytes(offset) + raw)[4 if offset else 0 :][:FRAGMENT]
            yield from (encoded, encoded.translate(_URL_SAFE))
        if self.prefix == WEBHOOK_SECRET_PREFIX:
            key = base64.b64decode(secret)
            yield from (key, key.hex().encode(), repr(key).encode()[2:-1])


WEBHOOK_SECRET_PREFIX = "whsec_"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(kw_only=True)
class Traces:
    """What a system wrote, by where."""

    written: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def add(self, place: str, content: str | bytes) -> None:
        """Append to what was written to a place."""
        raw = content if isinstance(content, bytes) else content.encode(errors="surrogateescape")
        self.written[place] = self.written.get(place, b"") + raw

    @property
    def size(self) -> int:
        """How many bytes were written."""
        return sum(map(len, self.written.values()))

    def holding(self, mark: Mark) -> Sequence[str]:
        """The places that hold a secret, in any form."""
        forms = set(mark.forms())
        return [place for place, content in self.written.items() if any(form in content for form in forms)]


def leaks(traces: Traces, marks: Mapping[Mark, Sequence[str]]) -> list[str]:
    """What is wrong: secrets where they do not belong, and secrets missing where they must be.

    Args:
        traces: what was written.
        marks: the places where each secret belongs, as beginnings of their names. One of them must hold it,
            or it was not in play.
    """
    found: list[str] = []
    for mark, belongs in marks.items():
        holding = traces.holding(mark)
        found += [f"{mark.name} is in {place}" for place in holding if not place.startswith(tuple(belongs))]
        if belongs and not any(place.startswith(tuple(belongs)) for place in holding):
            found.append(f"{mark.name} is not even in {' or '.join(belongs)}: it was not in play")
    return found
