"""The result of one part of the security tests, for `python -m tests.security`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part that has run to its end.

    Attributes:
        title: what it tried.
        counts: how much it tried, by what is counted, such as `{"vectors": 112}`.
        details: what makes up the counts, in the same form.
        faults: what does not hold, one line each; empty if everything holds.
        remarks: what a reader of the counts must know, such as what could not be tried here.
    """

    title: str
    counts: Mapping[str, int]
    details: Mapping[str, int] = field(default_factory=dict[str, int])
    faults: Sequence[str] = ()
    remarks: Sequence[str] = field(default_factory=list[str])
