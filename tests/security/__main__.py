"""`python -m tests.security` tries every security claim and prints how much was tried."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.security.front_door.run import run_front_door
from tests.security.leaks.run import run_leaks
from tests.security.part import Part
from tests.security.permissions.run import run_permissions
from tests.security.targets.attacks import run_targets
from tests.security.without_safeguards import run_named_tests, run_safeguards

LOG_WIDTH = 150


PARTS: Mapping[str, Callable[[], Part]] = {
    "targets": run_targets,
    "permissions": run_permissions,
    "front door": run_front_door,
    "leaks": run_leaks,
    "tests": run_named_tests,
    "safeguards": run_safeguards,
}


def main(
    only: Annotated[str, typer.Option(help=f"Only one part: {', '.join(PARTS)}.")] = "",
) -> None:
    """Try everything and print the counts; the exit code is 1 if any claim does not hold."""
    if only and only not in PARTS:
        raise typer.BadParameter(f"{only!r} is none of {', '.join(PARTS)}", param_hint="--only")
    began = time.monotonic()
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    parts: list[Part] = []
    table = Table(title="Security", title_justify="left")
    for heading in ("What was tried", "How much", "Seconds", "Held"):
        table.add_column(heading, overflow="fold")
    for name, run in PARTS.items():
        if only in {"", name}:
            started = time.monotonic()
            with console.status(name):
                part = run()
            parts.append(part)
            held = "[red]NO[/]" if part.faults else "yes"
            seconds = f"{time.monotonic() - started:.0f}"
            table.add_row(part.title, _counted({**part.counts, **part.details}), seconds, held)
    console.print(table)
    _tell(console, parts, time.monotonic() - began)
    raise typer.Exit(1 if any(part.faults for part in parts) else 0)


def _tell(console: Console, parts: list[Part], seconds: float) -> None:
    for part in parts:
        for remark in part.remarks:
            console.print(f"{part.title}: {remark}", soft_wrap=True, markup=False)
        for fault in part.faults:
            console.print(f"{part.title}: {fault}", style="red", soft_wrap=True, markup=False)
    wrong = sum(len(part.faults) for part in parts)
    verdict = f"[red]{wrong} do not hold[/]" if wrong else "[green]everything held[/]"
    counts = ", ".join(_counted(part.counts) for part in parts)
    console.print(f"{counts}: {verdict}, in {seconds:.0f} s.", soft_wrap=True)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.items())


if __name__ == "__main__":
    typer.run(main)
