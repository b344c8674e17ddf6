"""The roles of the deployed functions and their policies, as the emulator has them."""

import json
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from local.emulator.aws import Aws
from tests.security.permissions.calls import SPECIFIC, Call

FUNCTIONS = ("ingest", "worker", "requeue", "reconciler")

_PHYSICAL = re.compile(r"webhooks-|-[0-9a-f]{7}(?![0-9a-z])")
_LIMITED_TO = "ForAllValues:StringEquals"
_ATTRIBUTES = "dynamodb:Attributes"
_EXACTLY = "StringEqualsIfExists"
_RETURNS_NOTHING = {"dynamodb:ReturnValues": "NONE"}
_READS_WHAT_IT_NAMES = {"dynamodb:Select": SPECIFIC}


@dataclass(frozen=True, kw_only=True)
class Right:
    """One thing that a policy grants: an action on a resource, or an attribute that a call may name.

    Attributes:
        statement: its position in the policy.
        attribute: empty for the whole action.
    """

    function: str
    statement: int
    action: str
    resource: str
    attribute: str = ""

    def __str__(self) -> str:
        named = f" naming {self.attribute}" if self.attribute else ""
        return f"{self.function}: {self.action}{named} on {self.where}"

    @property
    def where(self) -> str:
        """The resource as the program names it, without ARN head, stack prefix and AWS's suffix."""
        return _PHYSICAL.sub("", self.resource.split(":", 5)[-1])


@dataclass(frozen=True, kw_only=True)
class Role:
    """A function's role with its only policy."""

    function: str
    function_name: str
    arn: str
    policy_name: str
    policy: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]

    def actions(self) -> Iterator[Right]:
        """Every action of every statement."""
        for position, statement in enumerate(self.policy["Statement"]):
            for action in statement["Action"]:
                yield self._right(position, action)

    def attributes(self) -> Iterator[Right]:
        """Every attribute that a statement limits its calls to."""
        for position, statement in enumerate(self.policy["Statement"]):
            for attribute in _limits(statement) or ():
                yield self._right(position, statement["Action"][0], attribute)

    def without(self, *rights: Right) -> dict[str, Any]:
        """The policy without these rights."""
        policy = deepcopy(dict(self.policy))
        for right in rights:
            statement = policy["Statement"][right.statement]
            if right.attribute:
                statement["Condition"][_LIMITED_TO][_ATTRIBUTES].remove(right.attribute)
            else:
                statement["Action"].remove(right.action)
        # IAM refuses a statement without an action.
        policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
        return policy

    def allows(self, call: Call) -> bool:
        """Whether the policy grants a call by the rules of IAM, not of the emulator."""
        return any(
            call.action in statement["Action"]
            and fnmatchcase(call.resource, statement["Resource"])
            and _meets(call, statement)
            for statement in self.policy["Statement"]
        )

    def _right(self, position: int, action: str, attribute: str = "") -> Right:
        return Right(
            function=self.function,
            statement=position,
            action=action,
            resource=self.policy["Statement"][position]["Resource"],
            attribute=attribute,
        )


def read_roles(aws: Aws) -> dict[str, Role]:
    """The role of each function.

    Raises:
        ValueError: a role has more than its one policy, or the policy has an unexpected shape.
    """
    names = [function["FunctionName"] for function in aws.lambda_.list_functions()["Functions"]]
    return {function: _read_role(aws, function, names) for function in FUNCTIONS}


def _read_role(aws: Aws, function: str, names: list[str]) -> Role:
    (function_name,) = (name for name in names if f"-{function}-function" in name)
    arn = aws.lambda_.get_function_configuration(FunctionName=function_name)["Role"]
    role = arn.rpartition("/")[2]
    (policy_name,) = aws.iam.list_role_policies(RoleName=role)["PolicyNames"]
    if attached := aws.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        raise ValueError(f"role {role} has managed policies, which are not looked at here: {attached}")
    policy = aws.iam.get_role_policy(RoleName=role, PolicyName=policy_name)["PolicyDocument"]
    if not isinstance(policy, dict):
        raise ValueError(f"policy of {role}: {policy!r} is not a document")  # noqa: TRY004 - what was read
    for statement in policy["Statement"]:
        if statement["Effect"] != "Allow" or statement.keys() - {"Effect", "Action", "Resource", "Condition"}:
            raise ValueError(
                f"policy of {role}: what {statement} grants is not computed here: teach `allows`"
            )
        _limits(statement)
    return Role(
        function=function, function_name=function_name, arn=arn, policy_name=policy_name, policy=policy
    )


@contextmanager
def policy_instead(aws: Aws, role: Role, policy: Mapping[str, Any]) -> Generator[None]:
    """While the context lasts, a role has another policy; then its own again."""

    def put(document: Mapping[str, Any]) -> None:
        aws.iam.put_role_policy(
            RoleName=role.name, PolicyName=role.policy_name, PolicyDocument=json.dumps(document)
        )

    put(policy)
    try:
        yield
    finally:
        put(role.policy)


def _limits(statement: Mapping[str, Any]) -> list[str] | None:
    """The attributes that a statement's reads or updates may name; None without a limit."""
    condition = statement.get("Condition")
    if condition in (None, {_EXACTLY: _RETURNS_NOTHING}):
        return None
    expected = {
        _LIMITED_TO: {_ATTRIBUTES: condition.get(_LIMITED_TO, {}).get(_ATTRIBUTES)},
        "Null": {_ATTRIBUTES: "false"},
    }
    if condition not in [
        expected | {_EXACTLY: exactly} for exactly in (_RETURNS_NOTHING, _READS_WHAT_IT_NAMES)
    ]:
        raise ValueError(f"what the condition {condition} grants is not computed here: teach `allows`")
    return condition[_LIMITED_TO][_ATTRIBUTES]


def _meets(call: Call, statement: Mapping[str, Any]) -> bool:
    exactly = statement.get("Condition", {}).get(_EXACTLY)
    if exactly == _RETURNS_NOTHING and call.returns != "NONE":
        return False
    if exactly == _READS_WHAT_IT_NAMES and not call.is_specific:
        return False
    limits = _limits(statement)
    return limits is None or (bool(call.names) and set(call.names) <= set(limits))
