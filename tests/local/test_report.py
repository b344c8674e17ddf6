"""The summary of the demonstration claims only what was seen."""

import io

import pytest
from rich.console import Console

from local.demo.report import Line, show
from local.receiver import LIBRARIES, STRIPE, Delivery


def delivery(verified_by: frozenset[str] = LIBRARIES) -> Delivery:
    return Delivery(
        event_id="evt_1",
        type="order.created",
        attempt=1,
        at=0,
        verified_by=verified_by,
        status=200,
        body=b"{}",
    )


def printed(*lines: Line) -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=200)
    held = show(console, list(lines), 1.0)
    return held, console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_all_held_when_every_delivery_was_verified_by_both():
    held, text = printed(Line(promise="Delivered", events=1, deliveries=[delivery()]))

    assert held
    assert "Every promise held" in text


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (Line(promise="P", events=1, deliveries=[delivery()], faults=["it came early"]), "it came early"),
        (
            Line(promise="P", events=1, deliveries=[delivery(), delivery(frozenset({STRIPE}))]),
            "1 of 2 deliveries were not verified by both libraries",
        ),
    ],
)
def test_one_fault_is_enough_and_is_named(line: Line, named: str):
    held, text = printed(Line(promise="Delivered", events=1, deliveries=[delivery()]), line)

    assert not held
    assert named in text
    assert "Not every promise held" in text
