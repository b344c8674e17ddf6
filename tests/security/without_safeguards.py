"""Runs the tests of the threat model: with all safeguards, and each without its own, when it must fail.

A test that passed without its safeguard would prove nothing, and nobody would notice.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.security.part import Part
from tests.security.safeguards import SAFEGUARDS, VARIABLE

ROOT = Path(__file__).resolve().parents[2]
_STARTUP = Path(__file__).with_name("startup")
_WORKERS = 2
_TESTS_FAILED = 1  # pytest's exit code; any other one is an error of its own
# A function that is wrapped got other arguments than its wrapper takes: the test would fail for nothing.
_MISFIT = re.compile(r"^E +TypeError: \S+\(\) (?:got|missing|takes) ", re.MULTILINE)


def named_tests() -> dict[str, str]:
    """The node id of each test that the threat model names, by its function."""
    found = re.findall(r"\| `(tests/\S+::(\w+))` \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    return {function: test for test, function in found}


def run_named_tests() -> Part:
    """Run every test that the threat model names: all of them pass."""
    tests = sorted(named_tests().values())
    done = run_tests(tests)
    return Part(
        title="Tests that the threat model names, with all safeguards",
        counts={"tests": len(tests)},
        faults=[done.stdout[-2000:]] if done.returncode else [],
    )


def run_safeguards() -> Part:
    """Take each safeguard out, and run its test: it fails."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        faults = [fault for fault in pool.map(fault_of, named_tests().values()) if fault]
    return Part(
        title="Safeguards taken out one by one, each missed by its test",
        counts={"safeguards": len(SAFEGUARDS)},
        faults=faults,
    )


def fault_of(test: str) -> str | None:
    """What is wrong with a test: it passes without its safeguard, or cannot be run."""
    done = run_tests([test], without=test.rpartition("::")[2])
    if done.returncode == 0:
        return f"{test} still passes without its safeguard: {done.stderr.strip()[-500:]}"
    if _MISFIT.search(done.stdout):
        return f"{test} fails because what takes its safeguard out does not fit: {done.stdout.strip()[-500:]}"
    if done.returncode != _TESTS_FAILED:
        return f"{test} ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-500:]}"
    return None


def run_tests(tests: Sequence[str], *, without: str = "") -> "subprocess.CompletedProcess[str]":
    """Run tests up to the first that fails, without the safeguard that one function shows."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    with TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
            cwd=ROOT,
            # What a test finds without its safeguard is not to be tried again with it.
            env=environ
            | {"PYTHONPATH": str(_STARTUP), VARIABLE: without, "HYPOTHESIS_STORAGE_DIRECTORY": folder},
            capture_output=True,
            text=True,
            check=False,
        )
