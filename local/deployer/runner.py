"""Runs a Pulumi program in this process, with the SDK's mock monitor in place of the engine."""

import asyncio
import runpy
from collections.abc import Callable, Mapping
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.mocks import MockMonitor

from local.constants import REGION, REPO

PROJECT = "webhook-delivery"
STACK_TYPE = "pulumi:pulumi:Stack"


class Monitor(MockMonitor):
    """Stands in for the engine and keeps the stack's outputs."""

    def __init__(self, cloud: mocks.Mocks) -> None:
        """Let `cloud` create the resources and answer the lookups."""
        super().__init__(cloud)
        self.stack_outputs: dict[str, Any] = {}

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        """Keep the outputs if they are the stack's."""
        if f"::{STACK_TYPE}::" in request.urn:
            self.stack_outputs = plain(rpc.deserialize_properties(request.outputs, keep_unknowns=True))
        return super().RegisterResourceOutputs(request)  # pyright: ignore[reportUnknownMemberType] - the SDK says dict


def main_program() -> None:
    """The program that `pulumi up` runs."""
    runpy.run_path(str(REPO / "__main__.py"), run_name="__main__")


def run(
    program: Callable[[], None],
    monitor: Monitor,
    *,
    stack: str,
    config: Mapping[str, str],
    preview: bool = False,
) -> None:
    """Run a program to its end; runs do not see each other.

    Args:
        program: registers resources.
        monitor: registers them.
        stack: the stack's name.
        config: the project's configuration, by key without its namespace.
        preview: leave every output that only a deployment knows unknown.

    Raises:
        pulumi.RunError: the program refused its configuration.
    """
    asyncio.run(_run(program, monitor, stack, config, preview))


async def _run(
    program: Callable[[], None], monitor: Monitor, stack: str, config: Mapping[str, str], preview: bool
) -> None:
    # The SDK keeps all of this in context variables: what is set here ends with this task.
    settings.reset_options()  # forgets the outputs that an earlier run may have left unfinished
    texts = {f"{PROJECT}:{key}": text for key, text in config.items()}
    pulumi.runtime.set_all_config(texts | {"aws:region": REGION}, [])
    mocks.set_mocks(monitor.mocks, project=PROJECT, stack=stack, preview=preview, monitor=monitor)
    settings.set_root_resource(None)  # pyright: ignore[reportArgumentType] - run_in_stack makes its own
    await pulumi.runtime.run_in_stack(program)


def plain(value: Any) -> Any:
    """A value as the program set it: secrets unwrapped, whole numbers (floats on the wire) as integers."""
    if rpc.is_rpc_secret(value):
        return plain(rpc.unwrap_rpc_secret(value))
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: plain(inner) for key, inner in cast("dict[str, Any]", value).items()}
        case list():
            return [plain(inner) for inner in cast("list[Any]", value)]
        case _:
            return value
