"""The emulator's process: ministack behind the guard, with a clock of its own for the queues.

Run as `python -m local.emulator FD PORT PRIVATE [READY_FILE]` by `local.launcher`, which holds the other end
of standard input. When that end closes, however the launcher ended, this process stops and leaves nothing.
"""

import asyncio
import importlib
import json
import os
import re
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

from local.clock import ShiftedTime
from local.guard import Guard

_GRACE_SECONDS = 0.5
_WORKERS_SECONDS = 2
# DynamoDB developer guide, "Using update expressions" and "Condition and filter expressions".
_WORDS_OF_EXPRESSIONS = frozenset(
    {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN", "IF_NOT_EXISTS", "LIST_APPEND"}
    | {"ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS", "ATTRIBUTE_TYPE", "BEGINS_WITH", "CONTAINS", "SIZE"}
)


def main(fd: int, port: int, private: Path, ready_file: Path | None) -> None:
    """Serve on a listening socket until told to stop.

    Args:
        fd: the listening socket.
        port: its port.
        private: the folder for all temporary files, removed at the end.
        ready_file: removed at the end as well.
    """
    os.umask(0o077)
    try:
        asyncio.run(_serve(fd, port))
    finally:
        _end_workers()
        if ready_file:
            ready_file.unlink(missing_ok=True)
        shutil.rmtree(private, ignore_errors=True)
        # Neither a worker that would not end nor a thread that waits for something holds the process.
        os.killpg(os.getpgrp(), signal.SIGKILL)


async def _serve(fd: int, port: int) -> None:
    config = Config()
    config.bind = [f"fd://{fd}"]
    config.loglevel = "WARNING"
    config.graceful_timeout = _GRACE_SECONDS
    config.keep_alive_timeout = 75
    # The emulator's modules and the framework that serves them have types of their own, or none.
    ministack = importlib.import_module("ministack.app")
    importlib.import_module("ministack.core.hypercorn_compat").install()
    _see_what_requests_read()
    guard: Any = Guard(ministack.app, port=port, advance=_queue_clock())
    serve_app: Any = importlib.import_module("hypercorn.asyncio").serve
    await serve_app(guard, config, shutdown_trigger=_stop_requested().wait)


def _queue_clock() -> Callable[[float], float]:
    """Give the queues a clock of their own, and the means to advance it."""
    sqs: Any = importlib.import_module("ministack.services.sqs")
    clock = sqs.time = ShiftedTime()

    def advance(seconds: float) -> float:
        clock.advanced_seconds += seconds
        sqs.esm_wake.set()  # the poller of the event source mapping looks at once
        return clock.advanced_seconds

    return advance


def _see_what_requests_read() -> None:
    """Let policies see which attributes a batch or an update names, and whether a write returns the item.

    The emulator looks for attributes in the projection at the top of a request, where neither has one: it
    would refuse both to a role that must name them. `dynamodb:ReturnValues` it does not know at all.
    """
    iam: Any = importlib.import_module("ministack.core.iam_actions")
    at_the_top: Callable[[bytes], dict[str, Any]] = iam.dynamodb_service_context

    def of_every_table(body: bytes) -> dict[str, Any]:
        try:
            tables: list[Any] = list(json.loads(body)["RequestItems"].values())
        except (ValueError, LookupError, TypeError, AttributeError):
            return at_the_top(body)
        contexts = [at_the_top(json.dumps(table).encode()) for table in tables]
        named = [context.get("dynamodb:Attributes") for context in contexts]
        # One table of which everything is asked is as good as everything.
        if not all(named):
            return at_the_top(body)
        return {
            "dynamodb:Attributes": [name for names in named for name in names or ()],
            "dynamodb:Select": "SPECIFIC_ATTRIBUTES",
        }

    def of_writes_too(body: bytes) -> dict[str, Any]:
        context = of_every_table(body)
        try:
            request: dict[str, Any] = dict(json.loads(body))
        except (ValueError, TypeError):
            return context
        # DynamoDB developer guide, "Specifying conditions": it always has a value.
        context["dynamodb:ReturnValues"] = request.get("ReturnValues") or "NONE"
        if "UpdateExpression" in request or "AttributeUpdates" in request:
            context["dynamodb:Attributes"] = _named_by_update(request)
        return context

    iam.dynamodb_service_context = of_writes_too


def _named_by_update(request: dict[str, Any]) -> list[str]:
    """The top-level attributes that an UpdateItem names: its key, and what it changes and looks at."""
    names: dict[str, str] = request.get("ExpressionAttributeNames") or {}
    expressions = f"{request.get('UpdateExpression', '')} {request.get('ConditionExpression', '')}"
    # A path's first segment; what follows a dot lies within it, and what begins with a colon is a value.
    words: list[str] = re.findall(r"(?<![\w.:#])#?[A-Za-z_]\w*", expressions)
    spoken = {names.get(word, word) for word in words if word.upper() not in _WORDS_OF_EXPRESSIONS}
    return sorted({*request.get("Key", {}), *request.get("AttributeUpdates", {}), *spoken})


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
    """End every process of this one's group but itself, the Lambda workers, whatever they are doing."""
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
