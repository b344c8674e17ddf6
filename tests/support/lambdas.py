"""Creates small functions in the emulator from source in a test."""

import io
import json
import textwrap
import zipfile
from typing import Any

from local.deployer.resources.functions import invoke
from local.emulator.aws import Aws

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def create_role(aws: Aws, name: str) -> str:
    """Create a role that may do nothing; gives its ARN."""
    return aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]


def create_function(aws: Aws, name: str, role: str, source: str, *, timeout_seconds: int = 20) -> None:
    """Create a function from the source of `index.py`; its `handler` is called."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(source))
    aws.lambda_.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": zipped.getvalue()},
        Timeout=timeout_seconds,
    )


def run_once(
    aws: Aws, name: str, role: str, source: str, event: Any = None, *, timeout_seconds: int = 20
) -> Any:
    """Create a function and invoke it once with an event; gives what it returns."""
    create_function(aws, name, role, source, timeout_seconds=timeout_seconds)
    return json.loads(invoke(aws, name, json.dumps(event or {})))
