"""The threat model names tests that are there, and every one of them is tried without its safeguard."""

import ast
import re

import pytest

from tests.security.safeguards import ROOT, SAFEGUARDS, Safeguard

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
    assert {safeguard.test for safeguard in SAFEGUARDS} == set(NAMED)


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda safeguard: safeguard.test.partition("::")[2])
def test_every_safeguard_is_where_it_is_said_to_be(safeguard: Safeguard):
    assert (ROOT / safeguard.file).read_text().count(safeguard.code) == 1
    assert safeguard.without not in {safeguard.code, ""} or safeguard.code.endswith("\n")
