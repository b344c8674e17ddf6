"""The stack that a command works on: its outputs, and clients that reach it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from botocore.config import Config
from botocore.session import Session
from pydantic import BaseModel, ConfigDict, ValidationError

from handlers.environment import LONGEST_RUN_SECONDS
from handlers.store.table import Table
from handlers.store.tenant_registry import TenantRegistry
from ops.errors import InputError, OpsError
from ops.keep_alive import keep_invocations_alive

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_lambda.client import LambdaClient

# The requeue function may run as long as any function. A call that is cut off must not be repeated.
_INVOKE_SECONDS = LONGEST_RUN_SECONDS + 20
_INVOKE = Config(read_timeout=_INVOKE_SECONDS, retries={"total_max_attempts": 1})

# The local stack has one region and takes this key. The user's AWS files, profile and proxies are not for it.
_LOCAL_REGION = "us-east-1"
_LOCAL_KEY = "test"
_NO_USERS_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
_LOCAL_CONFIG = Config(proxies={}, connect_timeout=5, retries={"total_max_attempts": 1})

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


class Outputs(BaseModel):
    """The stack outputs that the commands need; others are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    events_url: str
    tenant_table_name: str
    queue_url: str
    requeue_function_name: str
    aws_endpoint_url: str | None = None

    @property
    def local(self) -> bool:
        """Whether this is the local stack: only its outputs name an endpoint."""
        return self.aws_endpoint_url is not None

    @property
    def region(self) -> str:
        """The region, from the queue's URL: `https://sqs.<region>.amazonaws.com/...`."""
        found = re.match(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.com", self.queue_url)
        return found.group(1) if found else _LOCAL_REGION


class Stack:
    """Reaches one stack; reads and connects only when a command asks."""

    def __init__(self, read: Callable[[], str]) -> None:
        """Work on the stack whose outputs `read` gives, as JSON text."""
        self._read = read

    @cached_property
    def outputs(self) -> Outputs:
        """The stack's outputs.

        Raises:
            InputError: they are not JSON, or lack a needed output, which the message names.
        """
        text = self._read()
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(
                f"the stack outputs are not JSON ({error}): give a file written by "
                "`pulumi stack output --json` or `python -m local up --ready-file FILE`"
            ) from error
        try:
            return Outputs.model_validate(document)
        except ValidationError as error:
            missing = ", ".join(".".join(map(str, fault["loc"])) or "object" for fault in error.errors())
            raise InputError(
                f"the stack outputs lack {missing}: are they from a webhook-delivery stack?"
            ) from error

    @property
    def tenants(self) -> TenantRegistry:
        """The table of tenants."""
        return TenantRegistry(Table(self._dynamodb, self.outputs.tenant_table_name))

    @cached_property
    def http(self) -> requests.Session:
        """Sends what producers send."""
        session = requests.Session()
        # The user's proxies and passwords are not for the local stack.
        session.trust_env = not self.outputs.local
        return session

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """Invokes functions."""
        client: LambdaClient = self._client("lambda", _INVOKE)
        if self.outputs.local:
            return client
        # The certificates that botocore itself would use: a proxy that inspects TLS has its own.
        certificates = self._session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        return keep_invocations_alive(client, read_timeout=_INVOKE_SECONDS, verify=certificates or True)

    @cached_property
    def _dynamodb(self) -> "DynamoDBClient":
        return self._client("dynamodb")

    def _client(self, service: str, config: Config | None = None) -> Any:
        if not self.outputs.local:
            return self._session.create_client(service, region_name=self.outputs.region, config=config)
        return self._session.create_client(
            service,
            region_name=self.outputs.region,
            endpoint_url=self.outputs.aws_endpoint_url,
            aws_access_key_id=_LOCAL_KEY,
            aws_secret_access_key=_LOCAL_KEY,
            config=_LOCAL_CONFIG.merge(config) if config else _LOCAL_CONFIG,
        )

    @cached_property
    def _session(self) -> Session:
        return Session(session_vars=_NO_USERS_SETTINGS if self.outputs.local else None)


def outputs_of_file(path: Path) -> str:
    """The text of an outputs file; `-` is standard input.

    Raises:
        InputError: it cannot be read.
    """
    if str(path) == "-":
        return sys.stdin.read()
    try:
        return path.read_text()
    except OSError as error:
        raise InputError(
            f"--outputs {path}: {error.strerror}. `python -m local up --ready-file FILE` writes one"
        ) from error


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, fixed words


def outputs_of_pulumi(stack: str | None, run: Run = _run) -> str:
    """The text of `pulumi stack output --json`.

    Raises:
        OpsError: Pulumi is not installed, or refuses; the message quotes it.
    """
    command = ["pulumi", "stack", "output", "--json", *(["--stack", stack] if stack else [])]
    try:
        done = run(command)
    except FileNotFoundError as error:
        raise OpsError(
            "the Pulumi CLI is not installed: install it, or name a file with --outputs FILE"
        ) from error
    if done.returncode != 0:
        raise OpsError(
            f"`{' '.join(command)}` failed: {done.stderr.strip()}. "
            "Log in and select a stack, or name a file with --outputs FILE"
        )
    return done.stdout
