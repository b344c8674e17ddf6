"""The summary of the demonstration; every number in it was counted or measured."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from local.receiver import Delivery


@dataclass(kw_only=True)
class Line:
    """One promise and its outcome.

    Attributes:
        promise: its text.
        events: the number of events that showed it.
        deliveries: the requests that the receiver got for these events.
        faults: what did not hold; empty if the promise held.
    """

    promise: str
    events: int
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    faults: list[str] = field(default_factory=list[str])

    def expect(self, held: bool, fault: str) -> None:
        """Note a fault unless it held."""
        if not held:
            self.faults.append(fault)

    @property
    def verified(self) -> int:
        """The number of deliveries that both libraries verified."""
        return sum(delivery.verified for delivery in self.deliveries)

    @property
    def held(self) -> bool:
        """Whether the promise held for every event, and both libraries verified every delivery."""
        return not self.faults and self.verified == len(self.deliveries)

    def all_faults(self) -> Iterable[str]:
        """What did not hold, in words."""
        yield from self.faults
        if missing := len(self.deliveries) - self.verified:
            yield f"{missing} of {len(self.deliveries)} deliveries were not verified by both libraries"


def show(console: Console, lines: list[Line], seconds: float) -> bool:
    """Print the summary; gives whether every promise held."""
    table = Table(title="Summary", title_justify="left")
    table.add_column("Promise")
    for heading in ("Events", "Deliveries", "Verified by both"):
        table.add_column(heading, justify="right")
    table.add_column("Held")
    for line in lines:
        held = "[green]yes[/]" if line.held else "[red]NO[/]"
        counts = (line.events, len(line.deliveries), line.verified)
        table.add_row(line.promise, *map(str, counts), held)
    console.print()
    console.print(table)
    for line in lines:
        for fault in line.all_faults():
            console.print(f"[red]{line.promise}:[/] {fault}", soft_wrap=True)
    all_held = all(line.held for line in lines)
    verdict = "[green]Every promise held[/]" if all_held else "[red]Not every promise held[/]"
    console.print(f"{verdict}, in {seconds:.1f} s.")
    return all_held
