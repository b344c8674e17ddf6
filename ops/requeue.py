"""The command that sends failed events again."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from handlers.recovery.requeue import Reason
from handlers.recovery.requeue_request import REFUSED, RequeueInputError, RequeueRequest
from ops import show
from ops.errors import InputError, OpsError, told_plainly
from ops.show import AsJson
from ops.stack import Stack

_FILTERS = ("tenantId", "eventIds", "since", "until")
_WHY: Mapping[str, str] = {
    Reason.UNKNOWN: "there is no such event of its tenant, or it has expired",
    Reason.DELIVERED: "it was delivered",
    Reason.WAITING: "it waits for an attempt already",
    Reason.NOT_FAILED: "it is delivered, waiting or unknown; give the tenant to be told which",
    Reason.OUT_OF_RANGE: "it was not created between since and until",
    Reason.NOT_REACHED: "limit or time ran out, it failed again, or DynamoDB did not answer; run it again",
    Reason.TENANT_NOT_FOUND: "its tenant is gone",
}
_IDS_REPEATED = 3
# Why even an event that failed was left.
_HELD_UP = frozenset({Reason.NOT_REACHED, Reason.TENANT_NOT_FOUND})


def requeue(  # noqa: PLR0917 - one parameter per option
    context: typer.Context,
    tenant_id: Annotated[str | None, typer.Option(help="Only events of this tenant.")] = None,
    event_id: Annotated[list[str] | None, typer.Option(help="Only this event; repeatable.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only events created from this time on, for example 2026-11-23T10:00:00Z."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Only events created before this time, for example 2026-11-23T10:00:00Z."),
    ] = None,
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
    told = document.get("errorMessage", document)
    if str(told).startswith(REFUSED):  # the error's type is not told everywhere
        raise InputError(str(told))
    raise OpsError(
        f"the requeue function failed: {told}. What it had sent is sent; run it again for the rest"
    )


def _for_people(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with what was left in words, and without claiming that a dry run sent anything."""
    shown = {
        "would be requeued" if name == "requeued" and report["dryRun"] else name: value
        for name, value in report.items()
    }
    if "left" in report:
        shown["left"] = [{entry["eventId"]: _in_words(entry["reason"])} for entry in report["left"]]
    return shown


def _in_words(reason: str) -> str:
    # The function may be of a later version than this command.
    return f"{reason}: {_WHY[reason]}" if reason in _WHY else reason


def _why_none(report: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """What it means that no event was requeued, for somebody who expected some."""
    reasons = {entry["reason"] for entry in report.get("left", ())}
    if report["remaining"]:
        return f"the time ran out before any of {report['remaining']} failed events was sent: run it again"
    if reasons & _HELD_UP:
        return "none could be requeued: `left` tells why"
    asked = ", ".join(f"{name} {_named(payload[name])}" for name in _FILTERS if name in payload)
    if not asked:
        return "there are no failed events"
    return f"no failed event matches {asked}" + (": `left` tells why" if reasons else "")


def _named(value: str | list[str]) -> str:
    if isinstance(value, str):
        return value
    return " ".join(value) if len(value) <= _IDS_REPEATED else f"({len(value)} ids)"
