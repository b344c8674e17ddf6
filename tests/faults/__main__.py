"""`python -m tests.faults` tries everything that can die or fail, and prints what came of each point."""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from tests.faults.fates import AWS_FAULTS, CRASHES
from tests.faults.hostile import rows_of_receivers
from tests.faults.matrix import Point, points, try_point
from tests.faults.report import Row, table
from tests.faults.requeue_under_fire import requeue_under_fire
from tests.faults.testbed import Testbed, open_testbed

WEBHOOK_TIMEOUT_SECONDS = 30.0
# A point spends most of its time waiting, and each stack is a process of its own.
TESTBEDS = 4
REQUEUED = 5000
REQUEUE_RATE = 50.0
MAX_FAULTS = 10
LOG_WIDTH = 150


def main(
    only: Annotated[
        str, typer.Option(help="Only points whose line contains this text, such as 'worker' or 'throttled'.")
    ] = "",
) -> None:
    """Try everything and print the table; exits with 1 if anything is lost or any promise was not kept."""
    began = time.monotonic()
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    with ExitStack() as stage:
        with console.status("Starting the stacks (the first run also builds the functions' bundles)"):
            testbeds = [stage.enter_context(open_testbed()) for _ in range(TESTBEDS)]
        crashed = _try_all(console, testbeds, "Killed at every call", CRASHES, only)
        failed = _try_all(console, testbeds, "AWS misbehaving at every call", AWS_FAULTS, only)
        requeued = [] if only else _requeue_under_fire(console, testbeds[0])
    hostile = [] if only else _receive_hostile_answers(console)
    rows = [*crashed, *failed, *hostile, *requeued]
    if not rows:
        raise typer.BadParameter(f"no point has {only!r} in its line", param_hint="--only")
    wrong = [row for row in rows if row.faults]
    for row in wrong:
        faults = "; ".join(row.faults[:MAX_FAULTS])
        console.print(f"[red]{row.what}, {row.point}:[/] {faults}", soft_wrap=True)
    verdict = f"[red]{len(wrong)} did not hold[/]" if wrong else "[green]nothing lost in any row[/]"
    console.print(
        f"{len(crashed)} crash points, {len(failed)} faults of AWS, {len(hostile)} receivers and "
        f"{len(requeued)} requeue under fire tried in {time.monotonic() - began:.0f} s: {verdict}.",
        soft_wrap=True,
    )
    raise typer.Exit(1 if wrong else 0)


def _try_all(
    console: Console, testbeds: Sequence[Testbed], title: str, kinds: Sequence[str], only: str
) -> list[Row]:
    """Try points side by side, each on whichever testbed is idle, and print what came of them."""
    with console.status(f"{title}: asking the code for its calls"):
        chosen = [point for point in points(testbeds[0], kinds) if only in str(point)]
    idle: SimpleQueue[Testbed] = SimpleQueue()
    for testbed in testbeds:
        idle.put(testbed)

    def try_somewhere(point: Point) -> Row:
        testbed = idle.get()
        try:
            return try_point(testbed, point)
        finally:
            idle.put(testbed)

    with ThreadPoolExecutor(len(testbeds)) as pool:
        rows = list(track(pool.map(try_somewhere, chosen), title, len(chosen), console=console))
    if rows:
        console.print(table(title, rows))
    return rows


def _requeue_under_fire(console: Console, testbed: Testbed) -> list[Row]:
    with console.status(f"Requeue of {REQUEUED} events at {REQUEUE_RATE:.0f} a second, killed half-way"):
        rows = [requeue_under_fire(testbed, events=REQUEUED, rate=REQUEUE_RATE)]
    console.print(table("Requeue under fire", rows))
    return rows


def _receive_hostile_answers(console: Console) -> list[Row]:
    with console.status(f"Hostile receivers, for up to {WEBHOOK_TIMEOUT_SECONDS:.0f} s"):
        rows = rows_of_receivers(WEBHOOK_TIMEOUT_SECONDS)
    console.print(table("Hostile receivers", rows))
    return rows


if __name__ == "__main__":
    typer.run(main)
