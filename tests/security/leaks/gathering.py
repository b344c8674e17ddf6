"""Gathers everything that a running system wrote."""

import json
import os
from pathlib import Path

import psutil

from handlers.store import schema
from handlers.store.items import decode_body
from handlers.store.table import plain
from tests.security.leaks.marks import Traces
from tests.security.leaks.system import (
    DELIVERIES,
    DLQ,
    EVENTS,
    LOG_GROUP,
    PAYLOADS,
    QUEUE,
    TENANTS,
    MarkedSystem,
)


def gather(system: MarkedSystem) -> None:
    """Gather everything written: logs, tables, queues, configuration, files."""
    stack, traces, aws = system.stack, system.traces, system.stack.aws
    traces.add("stack outputs", json.dumps(dict(stack.outputs)))
    traces.add("log of the emulator", (stack.emulator.private / "emulator.log").read_bytes())
    for group in aws.logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for stream in aws.logs.describe_log_streams(logGroupName=name)["logStreams"]:
            events = aws.logs.get_log_events(
                logGroupName=name, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
            traces.add(f"{LOG_GROUP} {name}", "\n".join(event["message"] for event in events))
    for function in aws.lambda_.list_functions()["Functions"]:
        traces.add("configuration of functions", json.dumps(function, default=str))
    for table, place in (("tenant_table_name", TENANTS), ("events_table_name", EVENTS)):
        for item in aws.dynamodb.scan(TableName=stack.outputs[table])["Items"]:
            values = plain(item)
            if schema.PAYLOAD in values:
                traces.add(PAYLOADS, decode_body(values))
                del values[schema.PAYLOAD]
            traces.add(place, json.dumps(values, default=str))
    for message in stack.queued():
        traces.add(QUEUE, message.body)
    for message in stack.dead_letters():
        traces.add(DLQ, message.body)
    for delivery in system.receiver.deliveries():
        traces.add(DELIVERIES, delivery.body)
    _gather_files(traces, stack.emulator.private)
    _gather_processes(traces, stack.emulator.process.pid)


def _gather_files(traces: Traces, folder: Path) -> None:
    """Every file of the emulator except the functions' code, which was there before any secret."""
    for root, folders, names in os.walk(folder):
        if "code" in folders:
            folders.remove("code")
        for name in names:
            if name != "code.zip":
                traces.add("files of the emulator", (Path(root) / name).read_bytes())


def _gather_processes(traces: Traces, root: int) -> None:
    """What others on the machine may see of the emulator and the functions that it runs."""
    emulator = psutil.Process(root)
    for process in (emulator, *emulator.children(recursive=True)):
        traces.add("command lines and environments", f"{process.cmdline()} {process.environ()}\n")
