"""Which changes replace a resource: the ForceNew properties of the Terraform provider under pulumi_aws."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.values import DEFAULTS, same

# These services have no regions; the program can give every other resource a region of its own.
_GLOBAL = ("aws:iam/", "aws:route53/")

FORCES_NEW: Mapping[str, frozenset[str]] = {
    type_token: frozenset(properties | (set[str]() if type_token.startswith(_GLOBAL) else {"region"}))
    for type_token, properties in {
        "aws:acm/certificate:Certificate": {
            "certificateAuthorityArn",
            "domainName",
            "keyAlgorithm",
            "subjectAlternativeNames",
            "validationMethod",
            "validationOptions",
        },
        "aws:acm/certificateValidation:CertificateValidation": {"certificateArn", "validationRecordFqdns"},
        "aws:apigatewayv2/api:Api": {"protocolType"},
        "aws:apigatewayv2/apiMapping:ApiMapping": {"apiId", "domainName"},
        "aws:apigatewayv2/domainName:DomainName": {"domainName"},
        "aws:apigatewayv2/integration:Integration": {"apiId", "integrationSubtype", "integrationType"},
        "aws:apigatewayv2/route:Route": {"apiId"},
        "aws:apigatewayv2/stage:Stage": {"apiId", "name"},
        "aws:cloudwatch/dashboard:Dashboard": {"dashboardName"},
        "aws:cloudwatch/eventRule:EventRule": {"eventBusName", "name", "namePrefix"},
        "aws:cloudwatch/eventTarget:EventTarget": {"eventBusName", "rule", "targetId"},
        "aws:cloudwatch/logGroup:LogGroup": {"logGroupClass", "name", "namePrefix"},
        "aws:cloudwatch/metricAlarm:MetricAlarm": {"name"},
        "aws:dynamodb/table:Table": {
            "hashKey",
            "importTable",
            "localSecondaryIndexes",
            "name",
            "rangeKey",
            "restoreBackupArn",
            "restoreDateTime",
            "restoreSourceName",
            "restoreSourceTableArn",
            "restoreToLatestTime",
        },
        "aws:iam/role:Role": {"name", "namePrefix", "path"},
        "aws:iam/rolePolicy:RolePolicy": {"name", "namePrefix", "role"},
        "aws:lambda/eventSourceMapping:EventSourceMapping": {
            "amazonManagedKafkaEventSourceConfig",
            "eventSourceArn",
            "queues",
            "selfManagedEventSource",
            "selfManagedKafkaEventSourceConfig",
            "startingPosition",
            "startingPositionTimestamp",
            "topics",
        },
        "aws:lambda/function:Function": {"name", "packageType", "tenancyConfig"},
        # `input` replaces it unless its life cycle says that every change invokes it.
        "aws:lambda/invocation:Invocation": {"functionName", "input", "qualifier", "triggers"},
        "aws:lambda/permission:Permission": {
            "action",
            "eventSourceToken",
            "function",
            "functionUrlAuthType",
            "invokedViaFunctionUrl",
            "principal",
            "principalOrgId",
            "qualifier",
            "sourceAccount",
            "sourceArn",
            "statementId",
            "statementIdPrefix",
        },
        "aws:route53/record:Record": {"name", "zoneId"},
        "aws:sns/topic:Topic": {"fifoTopic", "name", "namePrefix"},
        "aws:sns/topicPolicy:TopicPolicy": {"arn"},
        "aws:sns/topicSubscription:TopicSubscription": {"endpoint", "protocol", "topic"},
        "aws:sqs/queue:Queue": {"fifoQueue", "name", "namePrefix"},
        "aws:sqs/queuePolicy:QueuePolicy": {"queueUrl"},
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": {"queueUrl"},
        "aws:sqs/redrivePolicy:RedrivePolicy": {"queueUrl"},
    }.items()
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The consequences of a change of a resource's inputs.

    Attributes:
        changed: the changed properties.
        replaces: those of them that cannot change in place.
        delete_first: whether the old resource must go first, because the program gives both the same name.
    """

    changed: list[str]
    replaces: list[str]
    delete_first: bool


def plan(
    type_token: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    naming: str | None = None,
    ignored: Iterable[str] = (),
) -> Plan:
    """Plan a change.

    Args:
        type_token: one of `FORCES_NEW`.
        old: the present inputs.
        new: the wanted inputs.
        naming: the property that holds the name, if the provider makes names up for this type.
        ignored: properties whose changes do not count.

    Raises:
        KeyError: the type is unknown here.
    """
    skipped = {DEFAULTS, *ignored}
    changed = sorted(
        key for key in (old.keys() | new.keys()) - skipped if not same(old.get(key), new.get(key))
    )
    replaces = [key for key in changed if key in FORCES_NEW[type_token]]
    given = naming is not None and naming in new and naming not in new.get(DEFAULTS, [])
    return Plan(
        changed=changed,
        replaces=replaces,
        delete_first=bool(replaces) and given and same(old.get(naming or ""), new.get(naming or "")),
    )
