"""Commands that create and show tenants."""

from typing import Annotated, Any

import typer

from handlers.domain.targets import TargetNotAllowedError, parse_target
from handlers.domain.tenants import (
    InvalidTenantIdError,
    NewTenant,
    TenantExistsError,
    TenantSummary,
)
from handlers.domain.timestamps import utc_now
from ops import show
from ops.errors import InputError, told_plainly
from ops.show import AsJson
from ops.stack import Stack

app = typer.Typer(no_args_is_help=True, help="Create and show tenants.")


@app.command()
def create(
    context: typer.Context,
    tenant_id: Annotated[str, typer.Option(help="1 to 64 letters, digits, underscores and hyphens.")],
    target_url: Annotated[str, typer.Option(help="Where the tenant's events are delivered.")],
    as_json: AsJson = False,
) -> None:
    """Create a tenant and print, this once, its API key and its webhook secret."""
    with told_plainly():
        created = create_tenant(context.obj, tenant_id, target_url)
    show.result(created_document(created), as_json=as_json, title="Tenant created: shown this once")


@app.command(name="list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List all tenants, without their secrets."""
    stack: Stack = context.obj
    with told_plainly():
        rows = [_summary_document(summary) for summary in stack.tenants.list()]
    show.result(rows, as_json=as_json, title="Tenants")


@app.command(name="show")
def show_(
    context: typer.Context, tenant_id: Annotated[str, typer.Argument()], as_json: AsJson = False
) -> None:
    """Show one tenant, without its secrets."""
    stack: Stack = context.obj
    with told_plainly():
        summary = stack.tenants.show(tenant_id)
    if summary is None:
        raise InputError(f"there is no tenant {tenant_id!r}: `tenants list` shows those there are")
    show.result(_summary_document(summary), as_json=as_json, title=f"Tenant {tenant_id}")


def create_tenant(stack: Stack, tenant_id: str, target_url: str) -> NewTenant:
    """Create a tenant once its target is one that deliveries may go to.

    Raises:
        InputError: the id or the URL is wrong, or the tenant is there already.
    """
    try:
        # The local stack delivers to this machine; a deployed one refuses to.
        parse_target(target_url, allow_private=stack.outputs.local)
        return stack.tenants.create(tenant_id=tenant_id, target_url=target_url, now=utc_now())
    except (TargetNotAllowedError, InvalidTenantIdError, TenantExistsError) as error:
        raise InputError(str(error)) from error


def created_document(created: NewTenant) -> dict[str, Any]:
    """A new tenant with its secrets, in the names of the HTTP API."""
    return {
        "tenantId": created.tenant_id,
        "apiKey": created.api_key,
        "webhookSecret": created.webhook_secret,
        "targetUrl": created.target_url,
    }


def _summary_document(summary: TenantSummary) -> dict[str, Any]:
    return {
        "tenantId": summary.tenant_id,
        "targetUrl": summary.target_url,
        "createdAt": summary.created_at,
        "activeKeys": summary.active_keys,
        "disabledKeys": summary.disabled_keys,
    }
