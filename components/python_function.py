"""A Lambda function in Python with its own role, policy and log group."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.permission import Permission, policy_document
from handlers.environment import FunctionEnvironment

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"

_TRUST_LAMBDA = json.dumps(
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

Variable = pulumi.Input[str] | int | float | bool | Sequence[int]


@dataclass(frozen=True, kw_only=True)
class PythonFunctionArgs:
    """Settings of a function.

    Attributes:
        handler: `module.function` within the bundle.
        bundle: the folder that becomes the zip, as `bundles.build` made it.
        environment: the model of what the function reads from its environment.
        variables: a value for each field of that model, and for no other.
        permissions: all that it may do, besides writing to its own log group.
        timeout_seconds: 1 to 900, Lambda's limit.
        memory_mb: its memory; CPU comes in proportion.
    """

    handler: str
    bundle: Path
    environment: type[FunctionEnvironment]
    variables: Mapping[str, Variable]
    permissions: Sequence[Permission]
    timeout_seconds: int
    memory_mb: int
    log_retention_days: int

    def __post_init__(self) -> None:
        """Refuse variables that are not those of the environment.

        Raises:
            ValueError: naming what is missing and what is too much.
        """
        expected, given = set(self.environment.model_fields), set(self.variables)
        if expected != given:
            raise ValueError(
                f"variables of {self.handler}: missing {sorted(expected - given)}, "
                f"unknown {sorted(given - expected)} in {self.environment.__name__}"
            )


class PythonFunction(pulumi.ComponentResource):
    """Produces a function on arm64 from a zip without layers, its role and inline policy, and its log group."""

    function: aws.lambda_.Function

    def __init__(
        self, name: str, args: PythonFunctionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("webhooks:index:PythonFunction", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs", retention_in_days=args.log_retention_days, opts=child
        )
        role = aws.iam.Role(f"{name}-role", assume_role_policy=_TRUST_LAMBDA, opts=child)
        write_logs = Permission(
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            # Streams have no ARN before they are made: the suffix stands for those of this group.
            resource=pulumi.Output.concat(log_group.arn, ":*"),
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=policy_document([*args.permissions, write_logs]),
            opts=child,
        )
        self.function = aws.lambda_.Function(
            f"{name}-function",
            code=pulumi.FileArchive(str(args.bundle)),
            handler=args.handler,
            runtime=RUNTIME,
            architectures=[ARCHITECTURE],
            role=role.arn,
            timeout=args.timeout_seconds,
            memory_size=args.memory_mb,
            environment={
                "variables": {
                    args.environment.variable_name(field): _as_text(value)
                    for field, value in args.variables.items()
                }
            },
            logging_config={"log_format": "Text", "log_group": log_group.name},
            # Without its policy the function could be called before it may do anything.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({"function_name": self.function.name})


def _as_text(value: Variable) -> pulumi.Input[str]:
    """Text and outputs as they are, everything else as JSON, as `FunctionEnvironment.load` reads it."""
    if isinstance(value, str | pulumi.Output):
        return value
    return json.dumps(value)
