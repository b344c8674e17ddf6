"""What one part of the security tests came to, for `python -m tests.security`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part that was run to its end.

    Attributes:
        title: what was tried.
        counts: how much of it, by what is counted, such as `{"vectors": 112}`.
        details: what the counts are made of, in the same form.
        faults: what does not hold, one line each; empty when everything does.
        remarks: what a reader of the counts must know, such as something that could not be tried here.
    """

    title: str
    counts: Mapping[str, int]
    details: Mapping[str, int] = field(default_factory=dict[str, int])
    faults: Sequence[str] = ()
    remarks: Sequence[str] = field(default_factory=list[str])
