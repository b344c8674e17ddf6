"""`seed`: fills a stack with a few tenants and events to look at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import requests
import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ops import show
from ops.errors import InputError, OpsError, aws_errors_explained
from ops.show import AsJson
from ops.stack import Stack
from ops.tenants import create_tenant, created_document

DEFAULT_FILE = Path(__file__).with_name("seed.json")
_TIMEOUT_SECONDS = 30


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


class SeedEvent(_Model):
    """An event as a producer sends it."""

    type: str
    data: dict[str, Any]


class SeedTenant(_Model):
    """A tenant and the events that it sends."""

    tenant_id: str
    target_url: str
    events: list[SeedEvent] = Field(default_factory=list[SeedEvent])


class Seed(_Model):
    """The content of a seed file."""

    tenants: list[SeedTenant]


def seed(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A JSON file with the tenants and events to create.")
    ] = DEFAULT_FILE,
    target_url: Annotated[
        str | None, typer.Option(help="Deliver to this URL instead of those in the file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create the tenants of a file and send their events; new keys and secrets are printed only this once."""
    stack: Stack = context.obj
    content = read_seed(file)
    with aws_errors_explained():
        created = list(_create_and_send(stack, content, target_url))
    show.results(created, as_json=as_json, title="Tenant created: shown this once")


def read_seed(file: Path) -> Seed:
    """Read a seed file.

    Raises:
        InputError: it cannot be read or has the wrong shape; the message names the place.
    """
    try:
        return Seed.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'file'}: {f['msg']}" for f in error.errors())
        raise InputError(f"{file}: {faults}") from error


def _create_and_send(stack: Stack, content: Seed, target_url: str | None) -> Iterator[dict[str, Any]]:
    for tenant in content.tenants:
        if stack.tenants.show(tenant.tenant_id) is not None:
            # Its key was shown only once and cannot be read back.
            show.progress.print(f"tenant {tenant.tenant_id} exists already: kept, none of its events sent")
            continue
        created = create_tenant(stack, tenant.tenant_id, target_url or tenant.target_url)
        ids = [_send(stack, created.api_key, event) for event in tenant.events]
        show.progress.print(f"tenant {tenant.tenant_id}: {len(ids)} events accepted")
        yield created_document(created) | {"eventIds": ids}


def _send(stack: Stack, api_key: str, event: SeedEvent) -> str:
    events_url = stack.outputs.events_url
    try:
        answer = stack.http.post(
            events_url,
            json=event.model_dump(),
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=_TIMEOUT_SECONDS,
        )
    except requests.RequestException as error:
        raise OpsError(
            f"{events_url} could not be reached: {type(error).__name__}. Is the stack up?"
        ) from error
    if answer.status_code != requests.codes.accepted:
        raise OpsError(f"{events_url} answered {answer.status_code} to {event.type}: {answer.text[:500]}")
    return str(answer.json()["id"])
