"""`tenants`: commands that create, show and change tenants."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from handlers.delivery.targets import TargetNotAllowedError, parse_target
from handlers.model.tenant import API_KEY_PREFIX, KeyState, NewTenant, TenantSummary, key_id_of
from handlers.model.timestamps import to_iso, utc_now
from handlers.store.tenant_errors import TenantError, UnknownTenantError
from ops import show
from ops.errors import InputError, aws_errors_explained
from ops.show import AsJson
from ops.stack import Stack

OVERLAP_HOURS = 24
LONGEST_OVERLAP_HOURS = 24 * 7

app = typer.Typer(no_args_is_help=True, help="Create, show and change tenants.")

TenantId = Annotated[str | None, typer.Argument(metavar="TENANT_ID", help="The tenant.", show_default=False)]
KeyId = Annotated[
    str | None,
    typer.Option(help="Only this key: its id, as `show` lists it, or the key itself; all keys unless given."),
]
TenantIdOption = Annotated[
    str | None, typer.Option("--tenant-id", help="The tenant, by option as in `create` and `requeue`.")
]


@app.command()
def create(
    context: typer.Context,
    tenant_id: Annotated[str, typer.Option(help="1 to 64 letters, digits, underscores and hyphens.")],
    target_url: Annotated[str, typer.Option(help="Where the tenant's events are delivered.")],
    as_json: AsJson = False,
) -> None:
    """Create a tenant; its API key and webhook secret are printed only this once."""
    created = create_tenant(context.obj, tenant_id, target_url)
    show.result(created_document(created), as_json=as_json, title="Tenant created: shown this once")


@app.command(name="list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List all tenants, without their secrets."""
    stack: Stack = context.obj
    with aws_errors_explained():
        rows = [_summary_document(summary) for summary in stack.tenants.list()]
    show.result(rows, as_json=as_json, title="Tenants")


@app.command(name="show")
def show_(
    context: typer.Context, tenant: TenantId = None, tenant_id: TenantIdOption = None, as_json: AsJson = False
) -> None:
    """Show one tenant and its keys, without secrets."""
    stack: Stack = context.obj
    name = _tenant_id(tenant, tenant_id)
    with _refusals_explained():
        summary = stack.tenants.show(name)
        if summary is None:
            raise UnknownTenantError(name)
    _show(summary, as_json=as_json, title=f"Tenant {name}")


@app.command()
def rotate_secret(  # noqa: PLR0917 - one parameter per option
    context: typer.Context,
    tenant: TenantId = None,
    tenant_id: TenantIdOption = None,
    overlap_hours: Annotated[
        float,
        typer.Option(
            min=0,
            max=LONGEST_OVERLAP_HOURS,
            help="How long the current secret signs deliveries too; 0 ends every secret but the new one.",
        ),
    ] = OVERLAP_HOURS,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Rotate during the overlap of an earlier rotation; the secret before the current one ends.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give a tenant a new webhook secret, printed only this once; the current one signs too for a while.

    Rotating again during the overlap is refused unless you pass `--force` or `--overlap-hours 0`.
    """
    stack: Stack = context.obj
    with _refusals_explained():
        rotated = stack.tenants.rotate_secret(
            _tenant_id(tenant, tenant_id), overlap=timedelta(hours=overlap_hours), now=utc_now(), force=force
        )
    document = {
        "tenantId": rotated.tenant_id,
        "webhookSecret": rotated.webhook_secret,
        "previousWebhookSecretExpiresAt": _iso(rotated.previous_expires_at),
    }
    show.result(document, as_json=as_json, title="Webhook secret rotated: shown this once")


@app.command()
def rotate_key(
    context: typer.Context, tenant: TenantId = None, tenant_id: TenantIdOption = None, as_json: AsJson = False
) -> None:
    """Give a tenant one more API key, printed only this once; disable the others once it is in use."""
    stack: Stack = context.obj
    with _refusals_explained():
        added = stack.tenants.rotate_key(_tenant_id(tenant, tenant_id), now=utc_now())
    document = {
        "tenantId": added.tenant_id,
        "apiKey": added.api_key,
        "otherActiveKeyIds": list(added.other_active_key_ids),
    }
    show.result(document, as_json=as_json, title="API key added: shown this once")


@app.command()
def disable(
    context: typer.Context,
    tenant: TenantId = None,
    tenant_id: TenantIdOption = None,
    key_id: KeyId = None,
    as_json: AsJson = False,
) -> None:
    """Disable an API key, or all keys of a tenant; requests with it are refused within a minute."""
    name = _tenant_id(tenant, tenant_id)
    summary = _set_state(context.obj, name, KeyState.DISABLED, key_id)
    if not summary.active_key_ids:
        show.progress.print(f"{name} has no active key now: `enable` or `rotate-key` lets it in again")
    _show(summary, as_json=as_json, title="API key disabled" if key_id else "All API keys disabled")


@app.command()
def enable(
    context: typer.Context,
    tenant: TenantId = None,
    tenant_id: TenantIdOption = None,
    key_id: KeyId = None,
    as_json: AsJson = False,
) -> None:
    """Enable a disabled API key, or all keys of a tenant."""
    summary = _set_state(context.obj, _tenant_id(tenant, tenant_id), KeyState.ACTIVE, key_id)
    _show(summary, as_json=as_json, title="API key enabled" if key_id else "All API keys enabled")


@app.command()
def set_url(
    context: typer.Context,
    target_url: Annotated[str, typer.Option(help="Where the tenant's events are delivered from now on.")],
    tenant: TenantId = None,
    tenant_id: TenantIdOption = None,
    as_json: AsJson = False,
) -> None:
    """Deliver a tenant's new and requeued events to another URL; events underway keep theirs."""
    stack: Stack = context.obj
    with _refusals_explained():
        name = _tenant_id(tenant, tenant_id)
        _check_target(stack, target_url)
        summary = stack.tenants.set_url(name, target_url)
    _show(summary, as_json=as_json, title=f"Tenant {name}")


def create_tenant(stack: Stack, tenant_id: str, target_url: str) -> NewTenant:
    """Create a tenant if deliveries may go to its target.

    Raises:
        InputError: the id or the URL is wrong, or the tenant exists already.
    """
    with _refusals_explained():
        _check_target(stack, target_url)
        return stack.tenants.create(tenant_id=tenant_id, target_url=target_url, now=utc_now())


def created_document(created: NewTenant) -> dict[str, Any]:
    """A new tenant with its secrets, under the names of the HTTP API."""
    return {
        "tenantId": created.tenant_id,
        "apiKey": created.api_key,
        "webhookSecret": created.webhook_secret,
        "targetUrl": created.target_url,
    }


@contextmanager
def _refusals_explained() -> Generator[None]:
    with aws_errors_explained():
        try:
            yield
        except (TargetNotAllowedError, TenantError) as error:
            raise InputError(str(error)) from error


def _check_target(stack: Stack, target_url: str) -> None:
    # The local stack delivers to this machine; a deployed one refuses to.
    parse_target(target_url, allow_private=stack.outputs.local)


def _set_state(stack: Stack, tenant_id: str, state: str, key: str | None) -> TenantSummary:
    # An operator revoking a leaked key has the key, not its id. A message must not repeat the key.
    key_id = key_id_of(key) if key and key.startswith(API_KEY_PREFIX) else key
    with _refusals_explained():
        return stack.tenants.set_state(tenant_id, state, key_id)


def _tenant_id(argument: str | None, option: str | None) -> str:
    """The id of a command's tenant, given as argument or as option."""
    if argument and option and argument != option:
        raise InputError(f"two tenants are named, {argument!r} and {option!r}: name one")
    if not (argument or option):
        raise InputError("no tenant is named: give an id that `tenants list` shows")
    return argument or option or ""


def _show(summary: TenantSummary, *, as_json: bool, title: str) -> None:
    keys = [{"keyId": key.key_id, "state": key.state, "createdAt": key.created_at} for key in summary.keys]
    rotation = {"previousWebhookSecretExpiresAt": _iso(summary.previous_expires_at)}
    show.result(_summary_document(summary) | rotation | {"keys": keys}, as_json=as_json, title=title)


def _iso(at: datetime | None) -> str | None:
    return to_iso(at) if at else None


def _summary_document(summary: TenantSummary) -> dict[str, Any]:
    active = len(summary.active_key_ids)
    return {
        "tenantId": summary.tenant_id,
        "targetUrl": summary.target_url,
        "createdAt": summary.created_at,
        "activeKeys": active,
        "disabledKeys": len(summary.keys) - active,
    }
