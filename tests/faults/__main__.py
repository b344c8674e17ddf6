"""`python -m tests.faults`: everything that can die or fail, tried one by one, and what came of it."""

import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.faults.hostile import HostileOutcome, run_all
from tests.faults.matrix import Point, Row, aws_fault_points, crash_points, try_point
from tests.faults.requeue_under_fire import requeue_under_fire
from tests.faults.world import World, open_world

WEBHOOK_TIMEOUT_SECONDS = 30.0
# Most of a point's time is waiting; each world is a process of its own.
WORLDS = 4
REQUEUED = 5000
REQUEUE_RATE = 50.0
MAX_FAULTS = 10
LOG_WIDTH = 150

PointsOf = Callable[[World], Iterable[Point]]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the table, whatever was tried: what, at which point, what came of it, and what is wrong."""

    what: str
    point: str
    outcome: str
    faults: Sequence[str]


def main(
    only: Annotated[
        str, typer.Option(help="Only points whose line has this text, such as 'worker' or 'throttled'.")
    ] = "",
) -> None:
    """Try everything and print the table; ends with 1 if anything is lost or any promise was not kept."""
    began = time.monotonic()
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    with _open_worlds(console) as worlds:
        crashes = _try_all(console, worlds, "Killed at every call", crash_points, only)
        aws_faults = _try_all(console, worlds, "AWS misbehaving at every call", aws_fault_points, only)
        requeued = [] if only else [_requeue_under_fire(console, worlds[0])]
    hostile = [] if only else _receive_hostile_answers(console)
    lines = [*crashes, *aws_faults, *hostile, *requeued]
    wrong = [line for line in lines if line.faults]
    for line in wrong:
        console.print(f"[red]{line.what}, {line.point}:[/] {'; '.join(line.faults)}", soft_wrap=True)
    if not lines:
        raise typer.BadParameter(f"no point has {only!r} in its line", param_hint="--only")
    verdict = f"[red]{len(wrong)} did not hold[/]" if wrong else "[green]nothing lost in any row[/]"
    console.print(
        f"{len(crashes)} crash points, {len(aws_faults)} faults of AWS, {len(hostile)} receivers and "
        f"{len(requeued)} requeue under fire tried in {time.monotonic() - began:.0f} s: {verdict}.",
        soft_wrap=True,
    )
    raise typer.Exit(1 if wrong else 0)


@contextmanager
def _open_worlds(console: Console) -> Generator[Sequence[World]]:
    with ExitStack() as stage:
        with console.status("Starting the stacks (the first time, the functions' bundles are built as well)"):
            worlds = [stage.enter_context(open_world()) for _ in range(WORLDS)]
        yield worlds


def _try_all(
    console: Console, worlds: Sequence[World], title: str, enumerate_: PointsOf, only: str
) -> list[Line]:
    """Try points side by side, each in whichever world is idle, and print what came of them."""
    with console.status(f"{title}: asking the code for its calls"):
        points = [point for point in enumerate_(worlds[0]) if only in _text(point)]
    idle: SimpleQueue[World] = SimpleQueue()
    for world in worlds:
        idle.put(world)

    def try_somewhere(point: Point) -> Row:
        world = idle.get()
        try:
            return try_point(world, point)
        finally:
            idle.put(world)

    with ThreadPoolExecutor(len(worlds)) as pool:
        rows = pool.map(try_somewhere, points)
        lines = [_line(row) for row in track(rows, title, len(points), console=console)]
    if lines:
        console.print(_table(title, lines))
    return lines


def _requeue_under_fire(console: Console, world: World) -> Line:
    with console.status(f"Requeue of {REQUEUED} events at {REQUEUE_RATE:.0f} a second, killed half-way"):
        result = requeue_under_fire(world, events=REQUEUED, rate=REQUEUE_RATE)
    line = Line(
        what=f"requeue: {result.failed} failed events, {result.delivered} delivered ones beside them",
        point=f"killed after {result.before_the_kill}, run again",
        outcome=f"sent at {result.measured_rate:.0f} a second, {result.rate:.0f} asked for",
        faults=result.faults[:MAX_FAULTS],
    )
    console.print(_table("Requeue under fire", [line]))
    return line


def _receive_hostile_answers(console: Console) -> list[Line]:
    with console.status(f"Hostile receivers, for up to {WEBHOOK_TIMEOUT_SECONDS:.0f} s"):
        lines = [_line_of_receiver(outcome) for outcome in run_all(WEBHOOK_TIMEOUT_SECONDS)]
    console.print(_table("Hostile receivers", lines))
    return lines


def _text(point: Point) -> str:
    return f"{point.scenario.function}: {point.scenario.name}, {point}"


def _line(row: Row) -> Line:
    scenario = row.point.scenario
    return Line(
        what=f"{scenario.function}: {scenario.name}",
        point=str(row.point),
        outcome=row.outcome,
        faults=row.faults,
    )


def _line_of_receiver(outcome: HostileOutcome) -> Line:
    growth = f"{outcome.memory_growth_bytes / 2**20:.1f} MiB"
    return Line(
        what=outcome.name,
        point=f"{outcome.seconds:.1f} s, {growth}",
        outcome=outcome.outcome,
        faults=() if outcome.held else (outcome.fault,),
    )


def _table(title: str, lines: Sequence[Line]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("What", "Point", "Outcome", "Lost"):
        table.add_column(heading, overflow="fold")
    before = None
    for line in lines:
        table.add_row(
            line.what if line.what != before else "",
            line.point,
            line.outcome,
            "[red]YES[/]" if line.faults else "no",
        )
        before = line.what
    return table


if __name__ == "__main__":
    typer.run(main)
