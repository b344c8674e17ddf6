"""Takes each right from its function's role and looks for what breaks: a right without use must go."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from tests.security.permissions.deployed_system import DeployedSystem, FlowBrokenError
from tests.security.permissions.flows import Flow, flows_of
from tests.security.permissions.roles import FUNCTIONS, Right, Role, policy_instead

_BY_LAMBDA = "Lambda itself uses it in the function's role; the emulator's Lambda checks no policy for it"

UNUSED_HERE = MappingProxyType(
    {
        **{
            (function, action, f"log-group:{function}-logs:*", ""): _BY_LAMBDA
            for function in FUNCTIONS
            for action in ("logs:CreateLogStream", "logs:PutLogEvents")
        },
        ("worker", "sqs:ReceiveMessage", "delivery-queue", ""): _BY_LAMBDA,
        ("worker", "sqs:DeleteMessage", "delivery-queue", ""): _BY_LAMBDA,
        ("worker", "sqs:GetQueueAttributes", "delivery-queue", ""): _BY_LAMBDA,
    }
)
"""Rights that nothing on this machine needs, by function, action, resource and attribute; why AWS needs them.

`test_static.py` asserts on which resource each is granted. The fault matrix asserts that the worker's own
code receives and deletes no message.
"""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What taking a right away did.

    Attributes:
        flow: the first flow that broke; None if none did.
        how: how it broke, in the words of the flow.
        mended: whether the flow works with the whole policy again.
    """

    right: Right
    flow: Flow | None = None
    how: str = ""
    mended: bool = True

    @property
    def fault(self) -> str | None:
        if self.flow is None:
            return f"{self.right}: nothing breaks without it. It must not be granted, or a flow is missing."
        if not self.mended:
            return f"{self.right}: {self.flow.name!r} does not work with the whole policy either."
        return None


def rights_to_prove(role: Role) -> list[Right]:
    """Everything that a role grants, by action and by attribute, except what is unused here."""
    return [right for right in _rights(role) if _name(right) not in UNUSED_HERE]


def prove(system: DeployedSystem, right: Right) -> Proof:
    """Take a right away, run flows until one breaks, and give it back."""
    role = system.roles[right.function]
    for flow in flows_of(right.function):
        with policy_instead(system.stack.aws, role, role.without(right)):
            how = broken(system, flow)
        if how:
            return Proof(right=right, flow=flow, how=how, mended=not broken(system, flow))
    return Proof(right=right)


def broken(system: DeployedSystem, flow: Flow) -> str:
    """How a flow breaks now; empty if it holds."""
    system.start_over()
    try:
        flow.run(system)
    except FlowBrokenError as error:
        return str(error)
    return ""


def faults_of_what_is_unused(system: DeployedSystem) -> Iterator[str]:
    """What is wrong with `UNUSED_HERE`: rights that no policy grants, or that are needed after all."""
    granted = {_name(right) for role in system.roles.values() for right in _rights(role)}
    for name in sorted(UNUSED_HERE.keys() - granted):
        yield f"{' '.join(name)} is listed as unused here, but no policy grants it"
    for role in system.roles.values():
        unused = [right for right in _rights(role) if _name(right) in UNUSED_HERE]
        with policy_instead(system.stack.aws, role, role.without(*unused)):
            for flow in flows_of(role.function):
                if how := broken(system, flow):
                    rights = ", ".join(map(str, unused))
                    yield f"without {rights}, which are listed as unused here, {flow.name!r} breaks: {how}"


def _rights(role: Role) -> list[Right]:
    return [*role.actions(), *role.attributes()]


def _name(right: Right) -> tuple[str, str, str, str]:
    return right.function, right.action, right.where, right.attribute
