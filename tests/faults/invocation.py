"""One invocation of a function, in a process of its own that can be killed at any call it makes.

The process announces each call to AWS and each request to a receiver before it makes it and once it has the
answer. It learns of them from botocore's events and from the interpreter's audit hook, not from a list kept
by hand: a call that somebody adds to the code becomes a new crash point by itself.
"""

import json
import multiprocessing
import os
import re
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from multiprocessing.connection import Connection, wait
from typing import Any
from urllib.parse import urlsplit

from handlers.store import schema
from tests.faults.fates import AWS_FAULTS, KILLED_AFTER, KILLED_BEFORE, RECEIVER, Fate, let_aws_fail
from tests.support.factories import LambdaContext

_GRACE_SECONDS = 10

_process_lock = threading.Lock()
"""`Process.start` also polls every other process. Of two threads that poll one ended process at the same
time, the second is told exit code 255."""

_WIRING = {
    "ingest": "wired_service",
    "worker": "wired_settler",
    "requeue": "wired_requeuer",
    "reconciler": "wired_reconciler",
}
FUNCTIONS = tuple(_WIRING)


@dataclass(kw_only=True)
class Outcome:
    """What came of an invocation.

    Attributes:
        calls: the names of the calls that it made or began, in order.
        answer: what the function returned.
        error: the traceback of what it raised instead.
    """

    calls: list[str] = field(default_factory=list[str])
    answer: Any = None
    error: str | None = None
    killed: bool = False


def invoke(
    function: str,
    event: Any,
    *,
    environment: Mapping[str, str],
    clock_ahead_seconds: float,
    remaining_seconds: float,
    fate: Fate | None,
    started: Callable[[int], None],
) -> Outcome:
    """Run an invocation until it ends, in whichever way.

    Args:
        function: a module of `handlers`.
        event: its input.
        environment: its environment variables.
        clock_ahead_seconds: how far its clock is ahead of this machine's.
        remaining_seconds: the time that its context says is left.
        fate: how it dies, or which of its calls fails; None leaves it alone.
        started: told the process id before the function runs.

    Raises:
        TimeoutError: it still ran well after its time was over, and was killed.
    """
    ours, theirs = _forkserver.Pipe()
    invocation = {
        "function": function,
        "event": event,
        "environment": environment,
        "clock_ahead": timedelta(seconds=clock_ahead_seconds),
        "context": LambdaContext(remaining_ms=int(remaining_seconds * 1000)),
        "fate": fate,
    }
    process = _forkserver.Process(target=_run, args=(theirs,), kwargs=invocation, daemon=True)
    with _process_lock:
        process.start()
    theirs.close()
    started(process.pid or 0)
    outcome = Outcome()
    try:
        ours.send("go")
        with suppress(EOFError, ConnectionResetError):  # the process has ended
            while ours.poll(remaining_seconds + _GRACE_SECONDS):
                kind, value = ours.recv()
                if kind == "call":
                    outcome.calls.append(value)
                else:
                    setattr(outcome, kind, value)
            raise TimeoutError(f"{function} made no call and did not end")
    finally:
        ours.close()
        if outcome.answer is None and outcome.error is None and not wait([process.sentinel], timeout=1):
            process.kill()
        wait([process.sentinel])
        with _process_lock:
            process.join()
    outcome.killed = process.exitcode == -signal.SIGKILL
    return outcome


class _Calls:
    """Counts calls by name, announces them, and dies at the one that the fate names."""

    def __init__(self, connection: Connection, fate: Fate | None) -> None:
        self._connection, self._fate = connection, fate
        self._lock = threading.Lock()
        self._counts = Counter[str]()
        self._of_this_thread = threading.local()

    def begin(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1
            self._of_this_thread.call = (name, self._counts[name])
            self._connection.send(("call", name))
            self._die_if(KILLED_BEFORE)

    def end(self) -> None:
        with self._lock:
            self._die_if(KILLED_AFTER)

    def is_at(self, fate: Fate) -> bool:
        """Whether this thread is in the call that the fate names."""
        return self._of_this_thread.call == (fate.call, fate.nth)

    def _die_if(self, kind: str) -> None:
        if self._fate and self._fate.kind == kind and self.is_at(self._fate):
            os.kill(os.getpid(), signal.SIGKILL)


def _run(
    connection: Connection,
    *,
    function: str,
    event: Any,
    environment: Mapping[str, str],
    clock_ahead: timedelta,
    context: LambdaContext,
    fate: Fate | None,
) -> None:
    connection.recv()  # until the parent knows this process
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - swallows the log until the process ends
    os.environ.update(environment)
    calls = _Calls(connection, fate)
    _announce_aws_calls(calls)
    _announce_receivers(calls, urlsplit(environment["AWS_ENDPOINT_URL"]).port)
    if fate and fate.kind in AWS_FAULTS:
        let_aws_fail(fate, calls.is_at)
    module: Any = import_module(f"handlers.{function}")
    try:
        part = getattr(module, _WIRING[function])(lambda: datetime.now(UTC) + clock_ahead)
        contexts = (context,) if function in {"requeue", "reconciler"} else ()
        connection.send(("answer", module.respond(event, *contexts, part)))
    except Exception:  # noqa: BLE001 - Lambda reports every exception to its caller
        connection.send(("error", traceback.format_exc()))
    connection.close()
    # An attempt's timer or a resolver's thread must not delay the end.
    os._exit(0)


def _announce_aws_calls(calls: _Calls) -> None:
    import boto3  # noqa: PLC0415 - `warm` has made the session before this process was forked

    events = boto3.DEFAULT_SESSION.events
    events.register_first("before-call", lambda model, params, **_: calls.begin(_name(model.name, params)))
    events.register_last("after-call", lambda **_: calls.end())


def _announce_receivers(calls: _Calls, aws_port: int | None) -> None:
    """A new process keeps no connection yet, so each of its requests to a receiver begins with connecting."""

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and arguments[1][1] != aws_port:
            calls.begin(RECEIVER)

    sys.addaudithook(heard)


def _name(operation: str, params: Mapping[str, Any]) -> str:
    """The operation and its subject, as an operator would say it."""
    request = json.loads(params["body"])
    match operation:
        case "PutItem":
            subject = _item(request["Item"])
        case "GetItem":
            subject = _item(request["Key"])
        case "BatchGetItem":
            (table,) = request["RequestItems"].values()
            subject = _item(table["Keys"][0])
        case "UpdateItem":
            subject = _update(request)
        case "Query":
            subject = request.get("IndexName", "latest events")
        case _:
            subject = "DLQ" if "-dlq" in request.get("QueueUrl", "") else "queue"
    return f"{operation} {subject}"


def _item(item: Mapping[str, Any]) -> str:
    if schema.API_KEY in item:
        return "API key"
    event_id = item[schema.EVENT_ID]["S"]
    if event_id.startswith("idempotency#"):
        is_mark = item.get(schema.QUEUED) == {"BOOL": True}
        return "mark on the idempotency key" if is_mark else "idempotency key"
    return "payload" if event_id.startswith("payload#") else "event"


def _update(request: Mapping[str, Any]) -> str:
    """Named by the attributes that it sets: in DynamoDB's grammar, `SET #name = :value, …`."""
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    pairs = re.findall(r"(#?\w+)\s*=\s*(:\w+)", request["UpdateExpression"])
    sets = {names.get(name, name): values[value] for name, value in pairs}
    if schema.HELD_UNTIL in sets:
        return "claim"
    if schema.STATUS in sets:
        return sets[schema.STATUS]["S"]
    return "outcome" if schema.ATTEMPT_HISTORY in sets else "queued again"


_forkserver = multiprocessing.get_context("forkserver")
# It forks with everything imported and both services' descriptions read: an invocation starts in 30 ms.
_forkserver.set_forkserver_preload(["tests.faults.warm"])
