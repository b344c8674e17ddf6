"""The command that sends failed events again."""

import json
from typing import Annotated, Any

import typer

from handlers.domain.requeue import RequeueInputError, RequeueRequest
from ops import show
from ops.errors import InputError, OpsError, told_plainly
from ops.show import AsJson
from ops.stack import Stack


def requeue(  # noqa: PLR0917 - one parameter per option
    context: typer.Context,
    tenant_id: Annotated[str | None, typer.Option(help="Only events of this tenant.")] = None,
    event_id: Annotated[list[str] | None, typer.Option(help="Only this event; repeatable.")] = None,
    since: Annotated[str | None, typer.Option(help="Only events created from this ISO 8601 time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only events created before this ISO 8601 time.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many events.")] = None,
    rate_per_second: Annotated[float | None, typer.Option(help="At most so many events a second.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send failed events again: all of them, or those that the options choose."""
    options = {
        "tenantId": tenant_id,
        "eventIds": event_id or None,
        "since": since,
        "until": until,
        "limit": limit,
        "ratePerSecond": rate_per_second,
    }
    payload: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    payload |= {"dryRun": True} if dry_run else {}
    try:
        RequeueRequest.parse(payload)
    except RequeueInputError as error:
        raise InputError(str(error)) from error
    with told_plainly(), show.progress.status("requeue is running, for up to 15 minutes"):
        report = _invoke(context.obj, payload)
    show.result(report, as_json=as_json, title="Dry run" if dry_run else "Requeued")


def _invoke(stack: Stack, payload: dict[str, Any]) -> dict[str, Any]:
    answer = stack.lambda_.invoke(
        FunctionName=stack.outputs.requeue_function_name, Payload=json.dumps(payload).encode()
    )
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise OpsError(
            f"the requeue function failed: {document.get('errorMessage', document)}. "
            "What it had sent is sent; run it again for the rest"
        )
    return document
