"""`up`: the stack in the foreground, with a tenant and a receiver to try it."""

import json
import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from handlers.model.tenant import NewTenant
from local.errors import LocalStackError
from local.receiver import Delivery, Receiver
from local.signals import stopped_by_signals
from local.stack import LocalStack

DEMO_TENANT = "local-demo"


def up(*, config: Mapping[str, Any], port: int, ready_file: Path | None) -> None:
    """Run the stack until Ctrl-C or SIGTERM; leave nothing behind.

    Args:
        config: stack configuration by key, without namespace.
        port: the port to answer on, on 127.0.0.1; 0 for a free one.
        ready_file: written once everything answers; removed at the end.

    Raises:
        ProgramError: the program refused the configuration.
        LocalStackError: the stack did not start, or did not stay.
    """
    if ready_file:
        _remove_stale(ready_file)
    typer.echo("Starting the stack; the first time builds the functions' bundles too.\n")
    with (
        suppress(KeyboardInterrupt),
        stopped_by_signals(),
        Receiver(on_delivery=_tell) as receiver,
        LocalStack(config=config, port=port, ready_file=ready_file) as stack,
    ):
        tenant = stack.create_tenant(DEMO_TENANT, receiver.url)
        receiver.trust(tenant.webhook_secret)
        with _ready_file_written(ready_file, {**stack.outputs, "aws_endpoint_url": stack.url}):
            _greet(stack, tenant, receiver)
            stack.emulator.process.wait()
            raise LocalStackError(f"the emulator ended by itself; its log:\n{stack.emulator.log()}")


def _remove_stale(ready_file: Path) -> None:
    """Remove a file that an earlier run may have left, so that nobody takes it for this run's."""
    if not ready_file.absolute().parent.is_dir():
        raise LocalStackError(f"--ready-file {ready_file}: its folder does not exist: create it first")
    if ready_file.is_dir():
        raise LocalStackError(f"--ready-file {ready_file} is a folder: name a file")
    ready_file.unlink(missing_ok=True)


@contextmanager
def _ready_file_written(ready_file: Path | None, outputs: Mapping[str, Any]) -> Generator[None]:
    """Keep the complete file there, for its owner alone, while the context lasts."""
    if ready_file is None:
        yield
        return
    fd, partial = tempfile.mkstemp(dir=ready_file.absolute().parent, prefix=f".{ready_file.name}.")
    with os.fdopen(fd, "w") as file:
        json.dump(outputs, file, indent=2)
    Path(partial).replace(ready_file)
    try:
        yield
    finally:
        ready_file.unlink(missing_ok=True)


def _greet(stack: LocalStack, tenant: NewTenant, receiver: Receiver) -> None:
    body = json.dumps({"type": "order.created", "data": {"orderId": "o-1001", "total": 4250}})
    typer.echo(f"Endpoint   {stack.outputs['endpoint_url']}")
    typer.echo(f"Tenant     {tenant.tenant_id}; its deliveries to {receiver.url} are shown below")
    typer.echo("\nSend an event:\n")
    typer.echo(
        f"curl -i -X POST {stack.outputs['events_url']} -H 'Authorization: Bearer {tenant.api_key}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
    typer.echo("\nCtrl-C stops it.\n")


def _tell(delivery: Delivery) -> None:
    at = datetime.fromtimestamp(delivery.at, UTC).strftime("%H:%M:%S.%f")[:-3]
    by = " and ".join(sorted(delivery.verified_by)) or "nobody"
    typer.echo(
        f"{at}  received {delivery.event_id} {delivery.type}, attempt {delivery.attempt}, verified by {by}"
    )
