"""The emulator's process: ministack behind the guard; its queues have a clock of their own.

`local.emulator.launcher` runs it as `python -m local.emulator FD PORT PRIVATE [READY_FILE]` and holds the
other end of its standard input. When that end closes, however the launcher ended, this process stops and
leaves nothing behind.
"""

import asyncio
import importlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypercorn.config import Config

from local.emulator import condition_keys
from local.emulator.clock import ShiftedTime
from local.emulator.guard import Guard

_GRACE_SECONDS = 0.5
_WORKERS_SECONDS = 2


def main(fd: int, port: int, private: Path, ready_file: Path | None) -> None:
    """Serve on a listening socket until told to stop.

    Args:
        fd: the listening socket.
        port: its port.
        private: the folder of all temporary files; removed at the end.
        ready_file: removed at the end too.
    """
    os.umask(0o077)
    try:
        asyncio.run(_serve(fd, port))
    finally:
        _end_workers()
        if ready_file:
            ready_file.unlink(missing_ok=True)
        shutil.rmtree(private, ignore_errors=True)
        # No worker that will not end and no waiting thread may keep this process alive.
        os.killpg(os.getpgrp(), signal.SIGKILL)


async def _serve(fd: int, port: int) -> None:
    config = Config()
    config.bind = [f"fd://{fd}"]
    config.loglevel = "WARNING"
    config.graceful_timeout = _GRACE_SECONDS
    config.keep_alive_timeout = 75
    # These packages ship no types, or types of their own.
    ministack = importlib.import_module("ministack.app")
    importlib.import_module("ministack.core.hypercorn_compat").install()
    condition_keys.install()
    guard: Any = Guard(ministack.app, port=port, advance=_queue_clock())
    serve_app: Any = importlib.import_module("hypercorn.asyncio").serve
    await serve_app(guard, config, shutdown_trigger=_stop_requested().wait)


def _queue_clock() -> Callable[[float], float]:
    """Give the queues a clock of their own; the function returned advances it."""
    sqs: Any = importlib.import_module("ministack.services.sqs")
    clock = sqs.time = ShiftedTime()

    def advance(seconds: float) -> float:
        clock.advanced_seconds += seconds
        sqs.esm_wake.set()  # wakes the poller of the event source mapping
        return clock.advanced_seconds

    return advance


def _stop_requested() -> asyncio.Event:
    """Set by SIGTERM, or when the launcher's end of standard input closes."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, daemon=True).start()
    return stop


def _end_workers() -> None:
    """End the Lambda workers, which are every other process of this group, whatever they are doing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTERM)
    deadline = time.monotonic() + _WORKERS_SECONDS
    with suppress(ChildProcessError):  # none is left
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)


if __name__ == "__main__":
    _, _fd, _port, _private, *_ready = sys.argv
    main(int(_fd), int(_port), Path(_private), Path(_ready[0]) if _ready else None)
