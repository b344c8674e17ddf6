"""`requeue`: sends failed events again."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from handlers.recovery.requeue import Reason
from handlers.recovery.requeue_request import REFUSED, RequeueInputError, RequeueRequest
from ops import show
from ops.errors import InputError, OpsError, aws_errors_explained
from ops.show import AsJson
from ops.stack import Stack

_FILTERS = ("tenantId", "eventIds", "since", "until")
_EXPLANATIONS: Mapping[str, str] = {
    Reason.UNKNOWN: "its tenant has no such event, or it has expired",
    Reason.DELIVERED: "it was delivered",
    Reason.WAITING: "it is already waiting for an attempt",
    Reason.NOT_FAILED: "it is delivered, waiting or unknown; give the tenant to see which",
    Reason.OUT_OF_RANGE: "it was not created between since and until",
    Reason.NOT_REACHED: "limit or time ran out, it failed again, or DynamoDB did not answer; requeue again",
    Reason.TENANT_NOT_FOUND: "its tenant does not exist any more",
}
# A remark repeats up to this many ids.
_IDS_REPEATED = 3
# The reasons for which even a failed event is left.
_HELD_UP = frozenset({Reason.NOT_REACHED, Reason.TENANT_NOT_FOUND})


def requeue(  # noqa: PLR0917 - one parameter per option
    context: typer.Context,
    tenant_id: Annotated[str | None, typer.Option(help="Only events of this tenant.")] = None,
    event_id: Annotated[list[str] | None, typer.Option(help="Only this event; repeatable.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only events created at this time or later, for example 2026-11-23T10:00:00Z."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Only events created before this time, for example 2026-11-23T10:00:00Z."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most this many events.")] = None,
    rate_per_second: Annotated[
        float | None, typer.Option(help="At most this many events per second.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing; only count what would be sent.")
    ] = False,
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
    with aws_errors_explained(), show.progress.status("requeue is running, for up to 15 minutes"):
        report = _invoke(context.obj, payload)
    show.result(
        report if as_json else _for_people(report),
        as_json=as_json,
        title="Dry run: nothing was sent" if dry_run else "Requeued",
    )
    if not report["requeued"]:
        show.progress.print(_why_none(report, payload), soft_wrap=True)


def _invoke(stack: Stack, payload: dict[str, Any]) -> dict[str, Any]:
    answer = stack.lambda_.invoke(
        FunctionName=stack.outputs.requeue_function_name, Payload=json.dumps(payload).encode()
    )
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" not in answer:
        return document
    message = str(document.get("errorMessage", document))
    if message.startswith(REFUSED):  # not every stack reports the error's type
        raise InputError(message)
    raise OpsError(
        f"the requeue function failed: {message}. The events it sent before stay sent; "
        "run requeue again for the rest"
    )


def _for_people(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with reasons in words; a dry run is not said to have sent anything."""
    shown = {
        "would be requeued" if name == "requeued" and report["dryRun"] else name: value
        for name, value in report.items()
    }
    if "left" in report:
        shown["left"] = [{entry["eventId"]: _in_words(entry["reason"])} for entry in report["left"]]
    return shown


def _in_words(reason: str) -> str:
    # The function may be newer than this command.
    return f"{reason}: {_EXPLANATIONS[reason]}" if reason in _EXPLANATIONS else reason


def _why_none(report: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """Why no event was requeued, for an operator who expected some."""
    reasons = {entry["reason"] for entry in report.get("left", ())}
    if report["remaining"]:
        return f"time ran out before any of {report['remaining']} failed events was sent: run requeue again"
    if reasons & _HELD_UP:
        return "no event could be requeued: `left` says why"
    asked = ", ".join(f"{name} {_named(payload[name])}" for name in _FILTERS if name in payload)
    if not asked:
        return "there are no failed events"
    return f"no failed event matches {asked}" + (": `left` says why" if reasons else "")


def _named(value: str | list[str]) -> str:
    if isinstance(value, str):
        return value
    return " ".join(value) if len(value) <= _IDS_REPEATED else f"({len(value)} ids)"
