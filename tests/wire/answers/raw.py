"""One raw answer of a receiver, and what is to come of it.

The rules: an interim answer (1xx but 101) is read past. Once a receiver has said the status line of a final
answer, nothing that follows takes it back, but its head must end, or be cut off by the receiver, before the
attempt's time is up. The head may have 64 KiB, interim answers included. The connection carries the next
request only after a final answer that was read to an end that nobody can doubt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

MAX_HEAD_BYTES = 65_536


class End(Enum):
    """What the receiver does when all is said."""

    OPEN = auto()
    CLOSE = auto()
    HALF_CLOSE = auto()
    RESET = auto()


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    """What a receiver says and does to one request.

    Attributes:
        segments: written one by one.
        outcome: of the attempt.
        kept: whether the next request goes over the same connection.
        by_deadline: nothing but the attempt's deadline ends it.
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
    """A whole answer, after which the connection is good for the next request."""
    return RawAnswer(segments=segments, outcome=f"http_{status}", kept=True)


def stands(*segments: bytes, status: int = 200, end: End = End.OPEN, by_deadline: bool = False) -> RawAnswer:
    """The status was said; the connection is of no use any more."""
    return RawAnswer(segments=segments, outcome=f"http_{status}", end=end, by_deadline=by_deadline)


def fails(*segments: bytes, outcome: str, end: End = End.OPEN) -> RawAnswer:
    """No status was said."""
    return RawAnswer(segments=segments, outcome=outcome, end=end, by_deadline=outcome == "timeout")


def malformed(*segments: bytes) -> RawAnswer:
    """No status was said, and none can be any more: nobody waits for the end of the connection."""
    return fails(*segments, outcome="answer_malformed")


def too_large(*segments: bytes) -> RawAnswer:
    """More head than is read."""
    return fails(*segments, outcome="answer_head_too_large")


def byte_by_byte(raw: bytes) -> tuple[bytes, ...]:
    """Every byte a segment."""
    return tuple(raw[place : place + 1] for place in range(len(raw)))


def padded_head(before: bytes, size: int, after: bytes = b"\r\n\r\n") -> bytes:
    """A head of `size` bytes: what comes `before`, a header that fills it up, and the end."""
    name = b"X-Filler: "
    return before + name + b"x" * (size - len(before) - len(name) - len(after)) + after


def one_table(*parts: Mapping[str, RawAnswer]) -> dict[str, RawAnswer]:
    """All of them, by names that are each used once."""
    table: dict[str, RawAnswer] = {}
    for part in parts:
        if twice := table.keys() & part.keys():
            raise ValueError(f"there are two answers named {sorted(twice)}: give one another name")
        table |= part
    return table
