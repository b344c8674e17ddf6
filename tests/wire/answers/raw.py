"""One raw answer of a receiver and its right outcome.

The rules:

- An interim answer (1xx except 101) is skipped.
- Once a receiver has sent the status line of a final answer, nothing after it takes the status back. But the
  head must end, or be cut off by the receiver, before the attempt's time is up.
- The head may have 64 KiB, interim answers included.
- The connection carries the next request only after a final answer whose end is beyond doubt and was read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

MAX_HEAD_BYTES = 65_536


class End(Enum):
    """What the receiver does after its last byte."""

    OPEN = auto()
    CLOSE = auto()
    HALF_CLOSE = auto()
    RESET = auto()


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    """What a receiver sends and does in answer to one request.

    Attributes:
        segments: the bytes, written one segment at a time.
        outcome: the right outcome of the attempt.
        kept: whether the next request goes over the same connection.
        by_deadline: only the attempt's deadline ends it.
    """

    segments: tuple[bytes, ...]
    outcome: str
    kept: bool = False
    end: End = End.OPEN
    by_deadline: bool = False

    @property
    def raw(self) -> bytes:
        return b"".join(self.segments)

    @property
    def status(self) -> int | None:
        """The status of the final answer, if there is one."""
        return int(self.outcome.removeprefix("http_")) if self.outcome.startswith("http_") else None


def keeps(*segments: bytes, status: int = 200) -> RawAnswer:
    """A whole answer. The connection can carry the next request."""
    return RawAnswer(segments=segments, outcome=f"http_{status}", kept=True)


def stands(*segments: bytes, status: int = 200, end: End = End.OPEN, by_deadline: bool = False) -> RawAnswer:
    """An answer whose status counts. The connection cannot be used again."""
    return RawAnswer(segments=segments, outcome=f"http_{status}", end=end, by_deadline=by_deadline)


def fails(*segments: bytes, outcome: str, end: End = End.OPEN) -> RawAnswer:
    """No status was sent."""
    return RawAnswer(segments=segments, outcome=outcome, end=end, by_deadline=outcome == "timeout")


def malformed(*segments: bytes) -> RawAnswer:
    """No status was sent, and none can follow, so the attempt does not wait for the end of the connection."""
    return fails(*segments, outcome="answer_malformed")


def too_large(*segments: bytes) -> RawAnswer:
    """A head above the limit."""
    return fails(*segments, outcome="answer_head_too_large")


def byte_by_byte(raw: bytes) -> tuple[bytes, ...]:
    """Each byte in its own segment."""
    return tuple(raw[place : place + 1] for place in range(len(raw)))


def padded_head(before: bytes, size: int, after: bytes = b"\r\n\r\n") -> bytes:
    """A head of exactly `size` bytes: `before`, a header that fills it up, and `after`."""
    name = b"X-Filler: "
    return before + name + b"x" * (size - len(before) - len(name) - len(after)) + after


def one_table(*parts: Mapping[str, RawAnswer]) -> dict[str, RawAnswer]:
    """All parts in one table.

    Raises:
        ValueError: two answers have the same name.
    """
    table: dict[str, RawAnswer] = {}
    for part in parts:
        if twice := table.keys() & part.keys():
            raise ValueError(f"two answers are named {sorted(twice)}: rename one")
        table |= part
    return table
