"""Permissions as values: what a function may do, and on what."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class Permission:
    """Allows some actions on some resources.

    Attributes:
        actions: such as `sqs:SendMessage`; never with a star.
        resource: the ARN of what they are allowed on; never a star.
        condition: as in an IAM policy statement.
    """

    actions: Sequence[str]
    resource: pulumi.Input[str]
    condition: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def __post_init__(self) -> None:
        """Refuse an action with a star.

        Raises:
            ValueError: naming the action.
        """
        for action in self.actions:
            if "*" in action:
                raise ValueError(f"permission {action!r}: name each action, without stars")


def only_attributes(*names: str) -> Mapping[str, Mapping[str, Any]]:
    """The condition under which a DynamoDB read may return these attributes only.

    It must ask for them by a projection: a read without one would return every attribute.
    Source: "Using IAM policy conditions for fine-grained access control" in the DynamoDB guide.
    """
    return {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": list(names)},
        "Null": {"dynamodb:Attributes": "false"},
        "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    }


def policy_document(permissions: Sequence[Permission]) -> pulumi.Output[str]:
    """One IAM policy with a statement for each permission, as JSON."""

    def document(resources: Sequence[str]) -> str:
        statements: list[dict[str, Any]] = []
        for permission, resource in zip(permissions, resources, strict=True):
            statement: dict[str, Any] = {
                "Effect": "Allow",
                "Action": list(permission.actions),
                "Resource": resource,
            }
            if permission.condition:
                statement["Condition"] = permission.condition
            statements.append(statement)
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    return pulumi.Output.all(*[permission.resource for permission in permissions]).apply(document)


def deny_without_tls(resource_arn: pulumi.Input[str], action: str) -> pulumi.Output[str]:
    """A resource policy that refuses everyone who does not use TLS, as JSON."""

    def document(arn: str) -> str:
        statement = {
            "Sid": "DenyWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": action,
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    return pulumi.Output.from_input(resource_arn).apply(document)
