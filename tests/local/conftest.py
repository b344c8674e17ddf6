from collections.abc import Iterator

import pytest

from local.emulator.launcher import Emulator, running_emulator
from local.stack import LocalStack


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """The stack as deployed, with the real retry schedule."""
    with LocalStack() as running:
        yield running


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """The emulator alone, with nothing deployed."""
    with running_emulator() as running:
        running.wait_until_it_answers()
        yield running
