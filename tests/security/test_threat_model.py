"""The threat model names tests that exist, and each of them is tried without its safeguard."""

import ast
import re
import subprocess
import sys

import pytest

from tests.security.safeguards import SAFEGUARDS
from tests.security.without_safeguards import ROOT, named_tests

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "SECURITY.md").read_text().splitlines()
    if re.match(r"\|.*\| `tests/[^`]+` \|$", line)
]
NAMED = [row[-1].strip("`") for row in ROWS]


def test_every_row_says_who_tries_what_what_stops_it_and_which_test_shows_it():
    assert len(ROWS) >= 30
    assert all(len(row) == 4 and all(row) for row in ROWS)
    assert len(set(NAMED)) == len(NAMED)


@pytest.mark.parametrize("test", NAMED)
def test_every_test_that_is_named_is_there(test: str):
    file, _, name = test.partition("::")
    functions = [
        node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)
    ]

    assert name in functions


def test_every_row_is_tried_without_its_safeguard_and_nothing_else_is():
    assert sorted(named_tests().values()) == sorted(NAMED)
    assert named_tests().keys() == SAFEGUARDS.keys()


def test_every_safeguard_can_be_taken_out():
    """In a process of their own: there is no way back."""
    program = "from tests.security.safeguards import SAFEGUARDS\nfor out in SAFEGUARDS.values(): out()"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.returncode == 0
