"""One invocation of a handler, in a process of its own that can be killed at any call it makes.

The process announces each call to AWS and each request to a receiver before it is made and once it has been
answered. It learns of them from botocore's own events and from the interpreter's audit hook, not from a list
kept by hand: a call that somebody adds to the code is a new crash point by itself.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection, wait
from typing import Any
from urllib.parse import urlsplit

from handlers.model.timestamps import utc_now
from handlers.store import schema
from tests.faults.aws_faults import AwsFault, interfere

_GRACE_SECONDS = 10

_one_looks_after_processes = threading.Lock()
"""`Process.start` reads how every other process ended, and of two threads that read one's end at the same
time the second is told 255."""

RECEIVER = "POST to the receiver"

_WIRING = {
    "ingest": "wired_service",
    "worker": "wired_dispatcher",
    "requeue": "wired_requeuer",
    "reconciler": "wired_reconciler",
}
FUNCTIONS = tuple(_WIRING)


@dataclass(frozen=True, kw_only=True)
class Crash:
    """The process is killed (SIGKILL) at one of its calls.

    Attributes:
        call: which one, counted from 0.
        after: once it has taken effect and was answered, rather than before it is made.
    """

    call: int
    after: bool


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """What is run, and what becomes of it.

    Attributes:
        function: a module of `handlers`.
        event: what it is invoked with.
        environment: its environment variables.
        clock_ahead_seconds: by how much its clock is ahead of this machine's.
        remaining_seconds: what its context says it has left.
        fate: how it is killed or what goes wrong with its calls; nothing unless given.
    """

    function: str
    event: Any
    environment: Mapping[str, str]
    clock_ahead_seconds: float = 0.0
    remaining_seconds: float = 300.0
    fate: Crash | AwsFault | None = None


@dataclass(kw_only=True)
class Outcome:
    """What came of an invocation.

    Attributes:
        calls: the calls that it made or began, in order.
        answer: what the handler returned.
        error: what it raised instead, as text.
    """

    calls: list[str] = field(default_factory=list[str])
    answer: Any = None
    error: str | None = None
    killed: bool = False


def invoke(invocation: Invocation, *, started: Callable[[int], None] = lambda _: None) -> Outcome:
    """Run an invocation to its end, whichever it is.

    Args:
        invocation: what to run.
        started: told the process id before the handler runs.

    Raises:
        TimeoutError: it was still running well after the time that it had left; it is killed then.
    """
    ours, theirs = _context.Pipe()
    process = _context.Process(target=_run, args=(invocation, theirs), daemon=True)
    with _one_looks_after_processes:
        process.start()
    theirs.close()
    started(process.pid or 0)
    outcome = Outcome()
    try:
        ours.send("go")
        with suppress(EOFError, ConnectionResetError):  # it has ended, by itself or not
            while ours.poll(invocation.remaining_seconds + _GRACE_SECONDS):
                kind, value = ours.recv()
                if kind == "call":
                    outcome.calls.append(value)
                else:
                    setattr(outcome, kind, value)
            raise TimeoutError(f"{invocation.function} made no call and did not end")
    finally:
        ours.close()
        if outcome.answer is None and outcome.error is None and not wait([process.sentinel], timeout=1):
            process.kill()
        wait([process.sentinel])
        with _one_looks_after_processes:
            process.join()
    outcome.killed = process.exitcode == -signal.SIGKILL
    return outcome


class _Context:
    """What Lambda hands to a handler, as far as ours look at it."""

    aws_request_id = "fault-injection"

    def __init__(self, remaining_seconds: float) -> None:
        self._remaining_ms = int(remaining_seconds * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining_ms


class _Calls:
    """Counts calls, announces them, and dies where it is told to."""

    def __init__(self, connection: Connection, crash: Crash | None) -> None:
        self._connection, self._crash = connection, crash
        self._lock = threading.Lock()
        self._count = 0
        self._own = threading.local()

    def begin(self, name: str) -> None:
        with self._lock:
            self._own.number, self._count = self._count, self._count + 1
            self._connection.send(("call", name))
            self._die_if(after=False)

    def end(self) -> None:
        with self._lock:
            self._die_if(after=True)

    @property
    def number(self) -> int:
        """The call that this thread is in, counted from 0."""
        return self._own.number

    def _die_if(self, *, after: bool) -> None:
        if self._crash == Crash(call=self._own.number, after=after):
            os.kill(os.getpid(), signal.SIGKILL)


def _run(invocation: Invocation, connection: Connection) -> None:
    connection.recv()  # until whoever watches knows this process
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - what handlers log, until the process ends
    os.environ.update(invocation.environment)
    fate = invocation.fate
    calls = _Calls(connection, fate if isinstance(fate, Crash) else None)
    _announce_aws_calls(calls)
    _announce_receivers(calls, urlsplit(invocation.environment["AWS_ENDPOINT_URL"]).port)
    if isinstance(fate, AwsFault):
        interfere(fate, lambda: calls.number)
    module: Any = import_module(f"handlers.{invocation.function}")
    clock = partial(_ahead, timedelta(seconds=invocation.clock_ahead_seconds))
    try:
        part = getattr(module, _WIRING[invocation.function])(clock)
        context = (_Context(invocation.remaining_seconds),) if _takes_context(invocation.function) else ()
        connection.send(("answer", module.respond(invocation.event, *context, part)))
    except Exception:  # noqa: BLE001 - whatever it raises, Lambda tells its caller
        connection.send(("error", traceback.format_exc()))
    connection.close()
    # Neither an attempt's timer nor a resolver's thread holds up the end.
    os._exit(0)


def _takes_context(function: str) -> bool:
    return function in {"requeue", "reconciler"}


def _ahead(by: timedelta) -> datetime:
    return utc_now() + by


def _announce_aws_calls(calls: _Calls) -> None:
    import boto3  # noqa: PLC0415 - warmed up, and with it the session, before this process was forked

    events = boto3.DEFAULT_SESSION.events
    events.register_first("before-call", lambda model, params, **_: calls.begin(_named(model, params)))
    events.register_last("after-call", lambda **_: calls.end())


def _announce_receivers(calls: _Calls, aws_port: int | None) -> None:
    """A process is new, and keeps no connection: whatever it posts, it connects for."""

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and arguments[1][1] != aws_port:
            calls.begin(RECEIVER)

    sys.addaudithook(heard)


def _named(model: Any, params: Mapping[str, Any]) -> str:
    """An operation with what it is about, as an operator would say it."""
    request = json.loads(params["body"])
    about = {
        "PutItem": lambda: _item(request["Item"]),
        "GetItem": lambda: _item(request["Key"]),
        "BatchGetItem": lambda: _item(next(iter(request["RequestItems"].values()))["Keys"][0]),
        "UpdateItem": lambda: _update(request["ExpressionAttributeValues"]),
        "Query": lambda: request.get("IndexName", "latest events"),
    }.get(model.name, lambda: _queue(request["QueueUrl"]))
    return f"{model.name} {about()}"


def _item(item: Mapping[str, Any]) -> str:
    if schema.API_KEY in item:
        return "API key"
    event_id = item[schema.EVENT_ID]["S"]
    if event_id.startswith("idempotency#"):
        return "mark on the idempotency key" if item.get("queued") == {"BOOL": True} else "idempotency key"
    return "payload" if event_id.startswith("payload#") else "event"


def _update(values: Mapping[str, Any]) -> str:
    if ":heldUntil" in values:
        return "claim"
    if ":status" in values:
        return values[":status"]["S"]
    return "outcome" if ":attemptHistory" in values else "queued again"


def _queue(url: str) -> str:
    return "DLQ" if "-dlq" in url else "queue"


_context = multiprocessing.get_context("forkserver")
# Forked once everything is imported and a client of each service was made: an invocation starts in 30 ms.
_context.set_forkserver_preload(["tests.faults.warm"])
