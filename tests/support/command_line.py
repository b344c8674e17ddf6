"""Runs the operator's command line in this process."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from ops.__main__ import main


@dataclass
class Done:
    """The outcome of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Ops = Callable[..., Done]


def run_ops(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> Done:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    return Done(int(ended.value.code or 0), captured.out, captured.err)
