"""What a fuzzing run saw: counts of inputs and answers, the slowest, and a minimal request for each fault."""

from collections import Counter
from dataclasses import dataclass, field

from tests.security.front_door.promises import ACCEPTED, STATUS_OF, broken_promise, document_of
from tests.support.front_door import Outcome

REPLAYED = "replayed"


@dataclass(kw_only=True)
class Tally:
    """Counts that add up over processes.

    Attributes:
        inputs: how many requests were made.
        kinds: how often each problem type, `accepted` and `replayed` were answered.
        slowest_ms: processor time of the slowest answer.
        faults: a minimal request for each broken promise.
    """

    inputs: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    slowest_ms: float = 0.0
    faults: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        counts: Counter[int] = Counter()
        for kind, count in self.kinds.items():
            counts[STATUS_OF.get(kind, ACCEPTED)] += count
        return counts

    def add(self, outcome: Outcome) -> str | None:
        """Count an outcome; returns the promise that it breaks, if any."""
        self.inputs += 1
        self.slowest_ms = max(self.slowest_ms, outcome.cpu_ms)
        broken = broken_promise(outcome)
        if broken is None:
            self.kinds[_kind_of(outcome)] += 1
        return broken

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            inputs=self.inputs + other.inputs,
            kinds=self.kinds + other.kinds,
            slowest_ms=max(self.slowest_ms, other.slowest_ms),
            faults=other.faults | self.faults,
        )


def _kind_of(outcome: Outcome) -> str:
    if outcome.answer["statusCode"] != ACCEPTED:
        return document_of(outcome)["type"].removeprefix("/problems/")
    return REPLAYED if "Idempotent-Replayed" in outcome.answer["headers"] else "accepted"
