"""A project with locks, and an audit of it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bundles.audit.__main__ import main
from bundles.audit.advisories import Runner
from tests.support.audits import TODAY, Audit, lock_of
from tests.support.small_project import write_files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of three locks that all pin six."""
    write_files(
        tmp_path,
        {
            "requirements.txt": lock_of("six==1.16.0"),
            "requirements-dev.txt": lock_of("pytest==9.2.0", "six==1.16.0"),
            "bundles/requirements/greet.txt": lock_of("six==1.16.0"),
        },
    )
    return tmp_path


@pytest.fixture
def audit(root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Runner], Audit]:
    def run(pip_audit: Runner) -> Audit:
        code = main(root, pip_audit, TODAY)
        printed = capsys.readouterr()
        rows = [re.split(r" {2,}", line) for line in printed.out.splitlines()]
        return Audit(code, {row[0]: row[1:] for row in rows}, printed.err)

    return run
