"""What a role may do: small values that make up its one policy."""

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
        only_attributes: of a DynamoDB item, the attributes that a read or an update may name; all when empty.
        returns_nothing: whether a write of a DynamoDB item may not be answered with the item.
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
        """By the DynamoDB developer guide, "Using IAM policy conditions for fine-grained access control".

        A request that names no attribute satisfies ForAllValues, and would be answered with all of them: it
        must name some, and a read must ask for those alone. A write can be answered with the whole item, and
        read what no read may: it must not ask for that.
        """
        condition: dict[str, Any] = {}
        if self.only_attributes:
            condition["ForAllValues:StringEquals"] = {"dynamodb:Attributes": list(self.only_attributes)}
            condition["Null"] = {"dynamodb:Attributes": "false"}
        if self.returns_nothing:
            condition["StringEqualsIfExists"] = {"dynamodb:ReturnValues": "NONE"}
        elif self.only_attributes:
            # A query says so itself; GetItem and BatchGetItem have no such parameter.
            condition["StringEqualsIfExists"] = {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}
        return condition


def policy(statements: Sequence[dict[str, Any]]) -> pulumi.Output[str]:
    """An IAM policy document as JSON."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def deny_without_tls(actions: str, resource: pulumi.Input[str]) -> dict[str, Any]:
    """A statement for a resource's own policy: nobody may use it over a connection that is not encrypted."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
