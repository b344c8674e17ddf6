"""The permissions of a role, which together make up its one policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class Permission:
    """Actions on one resource.

    Attributes:
        actions: such as `sqs:SendMessage`, never with a wildcard.
        resource: an ARN.
        only_attributes: attributes of a DynamoDB item that a read or an update may name; empty allows all.
        returns_nothing: whether a write to a DynamoDB item must not ask for the item back.
    """

    actions: Sequence[str]
    resource: pulumi.Input[str]
    only_attributes: Sequence[str] = ()
    returns_nothing: bool = False

    def statement(self) -> dict[str, Any]:
        """The statement of an IAM policy."""
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": self.resource,
        }
        condition = self._condition()
        return statement | ({"Condition": condition} if condition else {})

    def _condition(self) -> dict[str, Any]:
        """The condition of the statement, which limits attributes and returned values.

        `ForAllValues` also passes a request that names no attribute and so returns them all; hence
        `Null: false` makes every request name some, and a read must select those only. A write could
        return the whole item and so reveal what reads may not see; hence it must ask for nothing back.
        Source: DynamoDB developer guide, "Using IAM policy conditions for fine-grained access control".
        """
        condition: dict[str, Any] = {}
        if self.only_attributes:
            condition["ForAllValues:StringEquals"] = {"dynamodb:Attributes": list(self.only_attributes)}
            condition["Null"] = {"dynamodb:Attributes": "false"}
        if self.returns_nothing:
            condition["StringEqualsIfExists"] = {"dynamodb:ReturnValues": "NONE"}
        elif self.only_attributes:
            # Only Query has the parameter `Select`; GetItem and BatchGetItem lack it, hence `IfExists`.
            condition["StringEqualsIfExists"] = {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}
        return condition


def policy(statements: Sequence[dict[str, Any]]) -> pulumi.Output[str]:
    """An IAM policy document as JSON."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def deny_without_tls(actions: str, resource: pulumi.Input[str]) -> dict[str, Any]:
    """A statement for a resource's own policy that denies everybody access without TLS."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
