"""Stops a command that runs in the foreground."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def stopped_by_signals() -> Generator[None]:
    """Let the first SIGINT or SIGTERM raise KeyboardInterrupt; later ones do not interrupt the stopping."""

    def stop(*_signal: object) -> NoReturn:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
