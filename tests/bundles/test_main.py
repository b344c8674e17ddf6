from pathlib import Path

import pytest

from bundles.__main__ import main
from tests.support.small_project import write_files


def test_every_bundle_is_built_and_measured(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without requirements no index is needed."""
    write_files(project / "bundles" / "requirements", {"greet.in": b"", "greet.txt": b""})

    assert (main(project), main(project)) == (0, 0)

    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("greet")]
    assert [row[-1] for row in rows] == ["miss", "hit"]
    assert [row[1] for row in rows] == ["0", "0"]


def test_a_bundle_that_cannot_be_built_is_one_message_and_a_failure(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "bundles" / "requirements" / "greet.txt").unlink()

    assert main(project) == 1

    assert "run `make lock`" in capsys.readouterr().err
