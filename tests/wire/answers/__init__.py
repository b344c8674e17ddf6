"""All raw answers, by name."""

from tests.wire.answers.endings import EARLY_ENDS, KEPT_AND_CLOSED, LATE
from tests.wire.answers.framings import FRAMINGS
from tests.wire.answers.heads import HEADS
from tests.wire.answers.interim import INTERIM
from tests.wire.answers.raw import RawAnswer
from tests.wire.answers.status_lines import STATUS_LINES

GROUPS: dict[str, dict[str, RawAnswer]] = {
    "status line": STATUS_LINES,
    "interim": INTERIM,
    "head": HEADS,
    "framing": FRAMINGS,
    "early end": EARLY_ENDS,
    "late": LATE,
    "kept and closed": KEPT_AND_CLOSED,
}

ANSWERS: dict[str, RawAnswer] = {
    f"{group}: {name}": answer for group, answers in GROUPS.items() for name, answer in answers.items()
}
