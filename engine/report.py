"""The steps of a run, each with its counts and faults."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

from engine.cli import CliError, Operation
from engine.events import LogError
from local.errors import LocalStackError

_LAST_LINES = 12


class AbandonedError(Exception):
    """A step failed, and the next ones build on it."""


@dataclass(kw_only=True)
class Step:
    """One step.

    Attributes:
        counted: the result, in words.
        faults: the expectations that did not hold.
    """

    name: str
    counted: str = ""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list[str])

    def expect(self, held: bool, fault: str) -> None:
        """Record the fault unless the expectation held."""
        if not held:
            self.faults.append(fault)

    def succeeded(self, operation: Operation) -> None:
        """Count an operation that must have succeeded, because the next steps build on it."""
        self.counted = str(operation.changes)
        if operation.code:
            self.failed(operation)
            raise AbandonedError

    def failed(self, operation: Operation) -> None:
        """Count an operation that should not have failed."""
        self.counted = f"code {operation.code}, {operation.changes}"
        self.faults.append(f"it ended with code {operation.code}:\n{_told(operation)}")

    def refused(self, operation: Operation, *words: str) -> None:
        """Count an operation that must have been refused with a message that contains these words."""
        nothing_done = operation.planned or operation.changes.none
        refused = "refused" if nothing_done else f"refused, after {operation.changes}"
        self.counted = refused if operation.code else str(operation.changes)
        self.expect(operation.code != 0, "it was not refused")
        for word in words:
            self.expect(word in operation.text, f"its message lacks {word!r}:\n{_told(operation)}")


@dataclass(kw_only=True)
class Report:
    """All steps of a run, each printed once it is over."""

    console: Console
    steps: list[Step] = field(default_factory=list[Step])

    def heading(self, text: str) -> None:
        """Print the heading of the next steps."""
        self.console.print(f"\n{escape(text)}", soft_wrap=True, style="bold", highlight=False)

    @contextmanager
    def step(self, name: str) -> Generator[Step]:
        """Run a step: record its faults and print its row.

        Raises:
            AbandonedError: the next steps cannot be tried.
        """
        step, began = Step(name=name), time.monotonic()
        self.steps.append(step)
        try:
            yield step
        except (CliError, LogError, LocalStackError) as error:
            step.faults.append(str(error))
            raise AbandonedError from error
        finally:
            step.seconds = time.monotonic() - began
            self._print(step)

    def verdict(self) -> bool:
        """Print how many steps held; return whether all did."""
        failed = [step for step in self.steps if step.faults]
        held = len(self.steps) - len(failed)
        colour = "red" if failed else "green"
        self.console.print(f"\n[{colour}]{held} of {len(self.steps)} steps held[/]", highlight=False)
        return not failed

    def _print(self, step: Step) -> None:
        held = "[red]NO [/]" if step.faults else "[green]yes[/]"
        row = f"{held}  {escape(step.name):<48} {escape(step.counted):<52} {step.seconds:6.1f} s"
        self.console.print(row, soft_wrap=True, highlight=False)
        for fault in step.faults:
            indented = fault.replace("\n", "\n       ")
            self.console.print(f"     - {escape(indented)}", soft_wrap=True, highlight=False)


def _told(operation: Operation) -> str:
    """The error messages of an operation, or the end of its output if there are none."""
    text = "\n".join(operation.changes.errors) or operation.text
    return "\n".join([line for line in text.splitlines() if line.strip()][-_LAST_LINES:])
