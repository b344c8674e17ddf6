"""What every trial reports, and how that is printed."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Row:
    """One trial.

    Attributes:
        what: what was going on.
        point: where it was interfered with, or how it was measured.
        outcome: what came of it.
        faults: every promise that was not kept, in words.
    """

    what: str
    point: str
    outcome: str
    faults: Sequence[str]


def table(title: str, rows: Sequence[Row]) -> Table:
    """The rows as a table that names each `what` once."""
    printed = Table(title=title, title_justify="left")
    for heading in ("What", "Point", "Outcome", "Lost"):
        printed.add_column(heading, overflow="fold")
    before = None
    for row in rows:
        what = row.what if row.what != before else ""
        printed.add_row(what, row.point, row.outcome, "[red]YES[/]" if row.faults else "no")
        before = row.what
    return printed
