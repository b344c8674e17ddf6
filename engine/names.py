"""The physical names that the provider makes up, and how long they may be."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

_RANDOM_DIGITS = 7


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How resources of a type are named.

    Attributes:
        property: the property that holds the name.
        longest: the number of characters that AWS accepts.
    """

    property: str
    longest: int


NAMED: Mapping[str, Naming | None] = {
    # The limits of pulumi_aws, or AWS's where they are stricter.
    "aws:apigatewayv2/api:Api": Naming(property="name", longest=128),
    "aws:apigatewayv2/stage:Stage": Naming(property="name", longest=128),
    "aws:cloudwatch/eventRule:EventRule": Naming(property="name", longest=64),
    "aws:cloudwatch/eventTarget:EventTarget": Naming(property="targetId", longest=64),
    "aws:cloudwatch/logGroup:LogGroup": Naming(property="name", longest=512),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Naming(property="name", longest=255),
    "aws:dynamodb/table:Table": Naming(property="name", longest=255),
    "aws:iam/role:Role": Naming(property="name", longest=64),
    "aws:iam/rolePolicy:RolePolicy": Naming(property="name", longest=128),
    "aws:lambda/function:Function": Naming(property="name", longest=64),
    "aws:lambda/permission:Permission": Naming(property="statementId", longest=100),
    "aws:sns/topic:Topic": Naming(property="name", longest=256),
    "aws:sqs/queue:Queue": Naming(property="name", longest=80),
    # The program, the parent resource or AWS names these.
    "aws:acm/certificate:Certificate": None,
    "aws:acm/certificateValidation:CertificateValidation": None,
    "aws:apigatewayv2/apiMapping:ApiMapping": None,
    "aws:apigatewayv2/domainName:DomainName": None,
    "aws:apigatewayv2/integration:Integration": None,
    "aws:apigatewayv2/route:Route": None,
    "aws:cloudwatch/dashboard:Dashboard": None,
    "aws:lambda/eventSourceMapping:EventSourceMapping": None,
    "aws:lambda/invocation:Invocation": None,
    "aws:route53/record:Record": None,
    "aws:sns/topicPolicy:TopicPolicy": None,
    "aws:sns/topicSubscription:TopicSubscription": None,
    "aws:sqs/queuePolicy:QueuePolicy": None,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": None,
    "aws:sqs/redrivePolicy:RedrivePolicy": None,
}


class NamingError(ValueError):
    """The provider cannot make up a name for a resource; the message says why."""


class Mode(Enum):
    """How the engine's option `autonaming` treats the name that it proposes."""

    PROPOSE = 0
    ENFORCE = 1
    DISABLE = 2


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The name that the engine proposes if the option `autonaming` is set."""

    name: str
    mode: Mode


def make_name(naming: Naming, logical_name: str, *, seed: bytes, proposal: Proposal | None = None) -> str:
    """Make up a physical name for a resource.

    Args:
        naming: how resources of its type are named.
        logical_name: its name in the program.
        seed: the source of the name's digits; equal seeds give equal names.
        proposal: the engine's proposal, if it has one.

    Raises:
        NamingError: the name would be too long, or autonaming is disabled.
    """
    if proposal and proposal.mode is Mode.DISABLE:
        raise NamingError(f"the program gives {logical_name!r} no name, and autonaming is disabled")
    digits = hashlib.sha256(seed).hexdigest()[:_RANDOM_DIGITS]
    name = proposal.name if proposal else f"{logical_name}-{digits}"
    if len(name) > naming.longest:
        raise NamingError(
            f"would be {name!r}, {len(name)} characters where AWS takes {naming.longest}: "
            f"give {logical_name!r} a shorter name in the program"
        )
    return name
