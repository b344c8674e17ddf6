"""A Lambda function written in Python, with its own role and its own log group."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from bundles import Target
from components.permission import Permission, policy
from handlers.environment import FunctionEnvironment

_RUNTIME = f"python{Target.LAMBDA.python_version}"
_ARCHITECTURE = "arm64"  # Lambda's name for the aarch64 of `Target.LAMBDA`


@dataclass(frozen=True, kw_only=True)
class PythonFunctionArgs:
    """What the function runs, and what it may do.

    Attributes:
        module: the module of `handlers` whose `handler` Lambda calls.
        code: the bundle.
        environment_model: the variables that the function reads from its environment.
        environment: exactly the fields of that model; text may be an output.
        permissions: all its permissions except writing its own logs.
        timeout_seconds: the limit of one invocation, at most `LONGEST_RUN_SECONDS`.
        memory_mb: also sets the function's share of a processor; 1769 MB gives one whole processor.
        log_retention_days: how long the log group keeps its lines.
        hooks: run when the function itself is deployed.
    """

    module: str
    code: pulumi.Archive
    environment_model: type[FunctionEnvironment]
    environment: Mapping[str, Any]
    permissions: Sequence[Permission]
    timeout_seconds: int
    memory_mb: int
    log_retention_days: int
    hooks: pulumi.ResourceHookBinding | None = None


class PythonFunction(pulumi.ComponentResource):
    """A Lambda function, its log group, its role and the role's one policy."""

    function: aws.lambda_.Function

    def __init__(
        self, name: str, args: PythonFunctionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("webhooks:index:PythonFunction", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        variables = _variables(name, args.environment_model, args.environment)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs", retention_in_days=args.log_retention_days, opts=child
        )
        role = aws.iam.Role(f"{name}-role", assume_role_policy=policy([_LAMBDA_MAY_ASSUME]), opts=child)
        role_policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=policy(
                [permission.statement() for permission in (*args.permissions, _logging(log_group))]
            ),
            opts=child,
        )
        self.function = aws.lambda_.Function(
            f"{name}-function",
            runtime=_RUNTIME,
            architectures=[_ARCHITECTURE],
            handler=f"handlers.{args.module}.handler",
            code=args.code,
            role=role.arn,
            timeout=args.timeout_seconds,
            memory_size=args.memory_mb,
            environment={"variables": variables},
            logging_config={"log_format": "JSON", "log_group": log_group.name},
            # The function must have its permissions before anything invokes it.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role_policy], hooks=args.hooks),
        )
        self.register_outputs({"name": self.function.name})


_LAMBDA_MAY_ASSUME: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def _logging(log_group: aws.cloudwatch.LogGroup) -> Permission:
    return Permission(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        # Lambda chooses the name of a log stream at run time.
        resource=pulumi.Output.concat(log_group.arn, ":*"),
    )


def _variables(
    name: str, model: type[FunctionEnvironment], environment: Mapping[str, Any]
) -> dict[str, pulumi.Input[str]]:
    """The environment variables that `model` reads.

    Raises:
        ValueError: the environment lacks a field of the model, or has a field that the model lacks.
    """
    fields = model.model_fields
    if missing := fields.keys() - environment.keys():
        raise ValueError(
            f"environment of {name} lacks {', '.join(sorted(missing))}: {model.__name__} reads it"
        )
    if unknown := environment.keys() - fields.keys():
        raise ValueError(
            f"environment of {name} has {', '.join(sorted(unknown))}: "
            f"declare it in {model.__name__} or remove it"
        )
    return {
        model.variable_name(field): value if fields[field].annotation is str else json.dumps(value)
        for field, value in environment.items()
    }
