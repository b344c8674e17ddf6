"""Runs the Pulumi program of this repository in process, and creates what it declares in the emulator.

The SDK's mock hook stands where the engine would: the program is the one that `pulumi up` runs, and the
ids, names and ARNs that creating a resource gives flow on through it, in the order of its dependencies. The
emulator is empty before, so nothing is ever updated or deleted.
"""

import asyncio
import json
import os
import runpy
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs

from local.aws import Aws
from local.environment import REGION
from local.errors import LocalStackError, ProgramError
from local.resources import LOOKUPS, Declared, Properties, create

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "webhook-delivery"
STACK = "local"

_STACK_TYPE = "pulumi:pulumi:Stack"
# What belongs to the user's own deployments must not configure this one.
_FOREIGN = ("PULUMI_", "AWS_")


def deploy(aws: Aws, config: Mapping[str, Any], *, root: Path = ROOT) -> dict[str, Any]:
    """Run the program of `root` and create its resources.

    Args:
        aws: where to create them.
        config: stack configuration by key, without the project's namespace; text, or anything JSON can hold.
        root: the folder of `__main__.py`.

    Returns:
        The stack's outputs.

    Raises:
        ProgramError: the program refused its configuration, or could not be run.
        LocalStackError: a resource is not known here, or the emulator refused it.
    """
    creator = _Creator(aws)
    monitor = _Monitor(creator)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    with _own_environment():
        settings.reset_options(
            project=PROJECT, stack=STACK, organization="local", root_directory=str(root), preview=False
        )
        pulumi.runtime.set_all_config(
            {f"{PROJECT}:{key}": text for key, text in texts.items()} | {"aws:region": REGION}
        )
        try:
            asyncio.run(_run(root, creator, monitor))
        except pulumi.RunError as error:
            raise ProgramError(str(error)) from error
        finally:
            # It reaches the program, and then us, as a failure of the engine in other words.
            if creator.failure:
                raise creator.failure from None
    return monitor.stack_outputs


async def _run(root: Path, creator: "_Creator", monitor: "_Monitor") -> None:
    mocks.set_mocks(creator, project=PROJECT, stack=STACK, preview=False, monitor=monitor)
    settings.set_root_resource(None)  # pyright: ignore[reportArgumentType] - run_in_stack makes its own

    def program() -> None:
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    sys.path.insert(0, str(root))
    try:
        await pulumi.runtime.run_in_stack(program)
    finally:
        sys.path.remove(str(root))


@contextmanager
def _own_environment() -> Generator[None]:
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_FOREIGN)}
    try:
        yield
    finally:
        os.environ.update(hidden)


class _Creator(mocks.Mocks):
    """Creates what the program registers; keeps the first failure, since the program only hears of one."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._lock = threading.Lock()
        self.failure: LocalStackError | None = None

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not args.custom:
            return "", {}
        inputs: dict[str, Any] = _plain(args.inputs)  # pyright: ignore[reportUnknownMemberType] - the SDK says dict
        try:
            created = create(
                self._aws, Declared(type=args.typ, name=args.name, properties=Properties(inputs))
            )
        except LocalStackError as error:
            self._keep(error)
            raise
        return created.id, {**inputs, **created.outputs}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        lookup = LOOKUPS.get(args.token)
        if lookup is None:
            error = LocalStackError(
                f"{args.token}: the local stack does not know this lookup; "
                "say how it is answered in local/resources/lookups.py"
            )
            self._keep(error)
            raise error
        return lookup(self._aws, _plain(args.args)), []  # pyright: ignore[reportUnknownMemberType] - as above

    def _keep(self, error: LocalStackError) -> None:
        with self._lock:
            self.failure = self.failure or error


class _Monitor(MockMonitor):
    """Keeps the stack's outputs."""

    def __init__(self, creator: _Creator) -> None:
        super().__init__(creator)
        self.stack_outputs: dict[str, Any] = {}

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the engine's interface
        if f"::{_STACK_TYPE}::" in request.urn:
            self.stack_outputs = _plain(rpc.deserialize_properties(request.outputs))
        return super().RegisterResourceOutputs(request)  # pyright: ignore[reportUnknownMemberType] - as above


def _plain(value: Any) -> Any:
    """A value as the program set it: secrets unwrapped, whole numbers (floats on the wire) as such."""
    if rpc.is_rpc_secret(value):
        return _plain(rpc.unwrap_rpc_secret(value))
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _plain(inner) for key, inner in cast("dict[str, Any]", value).items()}
        case list():
            return [_plain(inner) for inner in cast("list[Any]", value)]
        case _:
            return value
