"""`python -m engine`: run the program with the real Pulumi engine, step by step, without AWS.

The exit code is 0 if every step held, 1 if one did not, and 2 without a Pulumi CLI.
"""

import sys
import time
from collections.abc import Callable

from rich.console import Console

import bundles
from engine.cli import NoCliError, find_cli
from engine.emulator_steps import in_the_emulator
from engine.plan_steps import planned_only
from engine.report import AbandonedError, Report
from local.signals import stopped_by_signals

HELD, FAILED, NO_CLI, INTERRUPTED = 0, 1, 2, 130

Steps = Callable[[str, Report], None]
_ALL: tuple[Steps, ...] = (in_the_emulator, planned_only)


def run(console: Console, executable: str, all_steps: tuple[Steps, ...] = _ALL) -> int:
    """Run all steps with this CLI and return the exit code."""
    report, began = Report(console=console), time.monotonic()
    console.print(f"The Pulumi CLI at {executable}", soft_wrap=True, highlight=False)
    abandoned = False
    for steps in all_steps:
        try:
            steps(executable, report)
        except AbandonedError:
            console.print("     The next steps build on this one, so they were not tried.")
            abandoned = True
    held = report.verdict() and not abandoned
    console.print(f"{time.monotonic() - began:.0f} s")
    return HELD if held else FAILED


def main() -> int:
    """Find the CLI, run all steps and return the exit code."""
    try:
        executable = find_cli()
    except NoCliError as error:
        print(error, file=sys.stderr)
        return NO_CLI
    try:
        with stopped_by_signals():
            for target in (bundles.Target.host(), bundles.Target.LAMBDA):
                for function in bundles.functions():
                    bundles.build(function, target)
            return run(Console(), executable)
    except bundles.BundleError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
