"""Runs this repository's Pulumi program and creates what it declares in the emulator.

The program is the one that `pulumi up` runs. The ids, names and ARNs of created resources flow on through it,
in the order of its dependencies. The emulator starts empty, so nothing is ever updated or deleted.
"""

import json
import os
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from local.deployer.resources import Declared, Properties, create, look_up
from local.deployer.runner import Monitor, main_program, plain, run
from local.emulator.aws import Aws
from local.errors import LocalStackError, ProgramError

STACK = "local"

# The user's settings are for the user's own deployments.
_USERS_PREFIXES = ("PULUMI_", "AWS_")


def deploy(aws: Aws, config: Mapping[str, Any], program: Callable[[], None] = main_program) -> dict[str, Any]:
    """Run a program and create its resources.

    Args:
        aws: where to create them.
        config: stack configuration by key, without the project's namespace; text, or anything JSON can hold.
        program: registers the resources; the whole program by default.

    Returns:
        The stack's outputs.

    Raises:
        ProgramError: the program refused its configuration, or could not be run.
        LocalStackError: a resource is not known here, or the emulator refused it.
    """
    creator = _Creator(aws)
    monitor = Monitor(creator)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    try:
        with _without_users_settings():
            run(program, monitor, stack=STACK, config=texts)
    except pulumi.RunError as error:
        raise ProgramError(str(error)) from error
    finally:
        # The program hears of the failure too, and reports it in other words, as one of the engine.
        if creator.failure:
            raise creator.failure from None
    return monitor.stack_outputs


@contextmanager
def _without_users_settings() -> Generator[None]:
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_USERS_PREFIXES)}
    try:
        yield
    finally:
        os.environ.update(hidden)


class _Creator(Mocks):
    """Creates what the program registers, and keeps the first failure."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._lock = threading.Lock()
        self.failure: LocalStackError | None = None

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not args.custom:
            return "", {}
        inputs: dict[str, Any] = plain(args.inputs)  # pyright: ignore[reportUnknownMemberType] - the SDK says dict
        declared = Declared(type=args.typ, name=args.name, properties=Properties(inputs))
        with self._failure_kept():
            created = create(self._aws, declared)
        return created.id, {**inputs, **created.outputs}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        with self._failure_kept():
            return look_up(self._aws, args.token, plain(args.args)), []  # pyright: ignore[reportUnknownMemberType] - as above

    @contextmanager
    def _failure_kept(self) -> Generator[None]:
        try:
            yield
        except LocalStackError as error:
            with self._lock:
                self.failure = self.failure or error
            raise
