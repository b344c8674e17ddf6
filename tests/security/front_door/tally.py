"""What a fuzzing run saw: how many inputs, which answers, the slowest, and a minimal input for each fault."""

import base64
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from tests.security.front_door.promises import ACCEPTED, broken_promise, document_of
from tests.security.front_door.world import Outcome

REPLAYED = "replayed"


@dataclass(kw_only=True)
class Tally:
    """Counts that can be added up over processes.

    Attributes:
        inputs: how many requests were made.
        statuses: how often each status was answered.
        kinds: how often each problem type, `accepted` and `replayed` were.
        slowest_ms: processor time of the slowest answer.
        faults: for each broken promise a minimal input that breaks it.
    """

    inputs: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])
    kinds: Counter[str] = field(default_factory=Counter[str])
    slowest_ms: float = 0.0
    faults: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, outcome: Outcome) -> str | None:
        """Count an outcome; the promise that it breaks, if any."""
        self.inputs += 1
        self.slowest_ms = max(self.slowest_ms, outcome.cpu_ms)
        broken = broken_promise(outcome)
        if broken is None:
            self.statuses[outcome.answer["statusCode"]] += 1
            self.kinds[_kind_of(outcome)] += 1
        return broken

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "inputs": self.inputs,
            "statuses": list(self.statuses.items()),
            "kinds": dict(self.kinds),
            "slowest_ms": self.slowest_ms,
            "faults": self.faults,
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """What another process counted."""
        counters = {"statuses": Counter(dict(told["statuses"])), "kinds": Counter(told["kinds"])}
        return cls(**told | counters)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            inputs=self.inputs + other.inputs,
            statuses=self.statuses + other.statuses,
            kinds=self.kinds + other.kinds,
            slowest_ms=max(self.slowest_ms, other.slowest_ms),
            faults=other.faults | self.faults,
        )


def _kind_of(outcome: Outcome) -> str:
    if outcome.answer["statusCode"] != ACCEPTED:
        return document_of(outcome)["type"].removeprefix("/problems/")
    return REPLAYED if "Idempotent-Replayed" in outcome.answer["headers"] else "accepted"


def in_base64(data: bytes) -> str:
    """Bytes that broke a promise, as they can be copied from a report."""
    return f"base64 {base64.b64encode(data).decode()}"
