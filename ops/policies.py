"""`policies`: prints the IAM policies to deploy a stack and to run these commands.

It needs neither a stack nor credentials. AWS's service authorization reference says which actions exist and
which of them can be limited to resources.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer

LONGEST = 6144
"""Most characters of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas")."""

app = typer.Typer(no_args_is_help=True, help="Print IAM policies, for `aws iam create-policy`.")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The resources and the condition of a statement.

    Attributes:
        resources: ARNs; every name that the program makes up or gives begins with `webhooks-`.
        unlimited: why the ARNs are not limited to the program's names; empty if they are.
        condition: in IAM's form.
    """

    resources: Sequence[str]
    unlimited: str = ""
    condition: Mapping[str, Any] = field(default_factory=dict[str, Any])


_FUNCTIONS = "arn:aws:lambda:*:*:function:webhooks-*"
_OF_OUR_FUNCTIONS: Mapping[str, Any] = {"ArnLike": {"lambda:FunctionArn": _FUNCTIONS}}
_MAPPINGS = "arn:aws:lambda:*:*:event-source-mapping:*"
_AWS_MAKES_ID = "AWS makes up the id, so it does not begin with our prefix"
_NO_RESOURCE = "IAM cannot limit these actions to resources"

SCOPES: Mapping[str, Scope] = {
    "NoResource": Scope(resources=["*"], unlimited=_NO_RESOURCE),
    "Tables": Scope(resources=["arn:aws:dynamodb:*:*:table/webhooks-*"]),
    "Queues": Scope(resources=["arn:aws:sqs:*:*:webhooks-*"]),
    "Functions": Scope(resources=[_FUNCTIONS]),
    "NewMappings": Scope(resources=["*"], unlimited=_NO_RESOURCE, condition=_OF_OUR_FUNCTIONS),
    "Mappings": Scope(resources=[_MAPPINGS], unlimited=_AWS_MAKES_ID, condition=_OF_OUR_FUNCTIONS),
    # A request about tags does not tell IAM the function.
    "MappingTags": Scope(resources=[_MAPPINGS], unlimited=_AWS_MAKES_ID),
    "Roles": Scope(resources=["arn:aws:iam::*:role/webhooks-*"]),
    "RolesOfFunctions": Scope(
        resources=["arn:aws:iam::*:role/webhooks-*"],
        condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    ),
    "LogGroups": Scope(
        resources=[
            "arn:aws:logs:*:*:log-group:webhooks-*",
            "arn:aws:logs:*:*:log-group:/aws/vendedlogs/webhooks-*",
        ]
    ),
    # API Gateway sets up its access log with the permissions of its caller (developer guide, "Configure
    # logging for HTTP APIs in API Gateway", "Permissions to activate logging").
    "AccessLog": Scope(resources=["*"], unlimited=_NO_RESOURCE),
    "Apis": Scope(
        resources=[
            "arn:aws:apigateway:*::/apis",
            "arn:aws:apigateway:*::/apis/*",
            "arn:aws:apigateway:*::/tags/*",
        ],
        unlimited=f"{_AWS_MAKES_ID}, and creating one is a POST to the list",
    ),
    "DomainNames": Scope(
        resources=["arn:aws:apigateway:*::/domainnames", "arn:aws:apigateway:*::/domainnames/*"],
        unlimited="the operator chooses the domain name, and creating one is a POST to the list",
    ),
    # API Gateway creates this role if the account has none (developer guide, "Using service-linked roles for
    # API Gateway").
    "RoleOfApiGateway": Scope(
        resources=["arn:aws:iam::*:role/aws-service-role/ops.apigateway.amazonaws.com/*"],
        unlimited="the role is API Gateway's own, and AWS chose its name",
        condition={"StringEquals": {"iam:AWSServiceName": "ops.apigateway.amazonaws.com"}},
    ),
    "Rules": Scope(resources=["arn:aws:events:*:*:rule/webhooks-*"]),
    "Alarms": Scope(resources=["arn:aws:cloudwatch:*:*:alarm:webhooks-*"]),
    "AlarmList": Scope(
        resources=["arn:aws:cloudwatch:*:*:alarm:*"],
        unlimited="it lists alarms, and AWS documents only for some kinds that names narrow the list",
    ),
    "Dashboards": Scope(resources=["arn:aws:cloudwatch::*:dashboard/webhooks-*"]),
    "Topics": Scope(resources=["arn:aws:sns:*:*:webhooks-*"]),
    "Certificates": Scope(resources=["arn:aws:acm:*:*:certificate/*"], unlimited=_AWS_MAKES_ID),
    "Zones": Scope(resources=["arn:aws:route53:::hostedzone/*"], unlimited=_AWS_MAKES_ID),
    "ZoneRecords": Scope(
        resources=["arn:aws:route53:::hostedzone/*"],
        unlimited=_AWS_MAKES_ID,
        # The domain name's alias, and the proof of ownership for ACM.
        condition={
            "ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["A", "CNAME"]}
        },
    ),
    "ZoneChanges": Scope(resources=["arn:aws:route53:::change/*"], unlimited=_AWS_MAKES_ID),
}
"""The statements of the deployer's policy by Sid, in their order."""

Needs = Mapping[str, str]
"""Actions without their service, separated by spaces; the key is service and Sid, such as `sqs Queues`."""

_API: Needs = {"apigateway Apis": "DELETE GET PATCH POST"}
_QUEUE_POLICY: Needs = {"sqs Queues": "GetQueueAttributes SetQueueAttributes"}

PROVIDER: Needs = {"sts NoResource": "GetCallerIdentity"}
"""What the AWS provider asks when it starts; it does not ask whether the region exists."""

RESOURCES: Mapping[str, Needs] = {
    "aws:acm/certificate:Certificate": {
        "acm NoResource": "RequestCertificate",
        "acm Certificates": (
            "AddTagsToCertificate DeleteCertificate DescribeCertificate ListTagsForCertificate "
            "RemoveTagsFromCertificate"
        ),
    },
    "aws:acm/certificateValidation:CertificateValidation": {"acm Certificates": "DescribeCertificate"},
    "aws:apigatewayv2/api:Api": {
        # The service authorization reference does not list the two tag actions, but AWS demands them.
        "apigateway Apis": "DELETE GET PATCH POST PUT TagResource UntagResource",
        "iam RoleOfApiGateway": "CreateServiceLinkedRole",
    },
    "aws:apigatewayv2/apiMapping:ApiMapping": {"apigateway DomainNames": "DELETE GET PATCH POST"},
    "aws:apigatewayv2/domainName:DomainName": {
        "apigateway DomainNames": "DELETE GET PATCH POST PUT TagResource UntagResource",
        "apigateway Apis": "DELETE GET POST PUT",  # for /tags/*, which has a domain name's tags too
        "iam RoleOfApiGateway": "CreateServiceLinkedRole",
    },
    "aws:apigatewayv2/integration:Integration": _API,
    "aws:apigatewayv2/route:Route": _API,
    "aws:apigatewayv2/stage:Stage": {
        "apigateway Apis": "DELETE GET PATCH POST PUT TagResource UntagResource",
        "logs AccessLog": (
            "CreateLogDelivery DeleteLogDelivery DescribeResourcePolicies GetLogDelivery ListLogDeliveries "
            "PutResourcePolicy UpdateLogDelivery"
        ),
    },
    "aws:cloudwatch/dashboard:Dashboard": {
        "cloudwatch Dashboards": "DeleteDashboards GetDashboard PutDashboard"
    },
    "aws:cloudwatch/eventRule:EventRule": {
        "events Rules": "DeleteRule DescribeRule ListTagsForResource PutRule TagResource UntagResource"
    },
    "aws:cloudwatch/eventTarget:EventTarget": {"events Rules": "ListTargetsByRule PutTargets RemoveTargets"},
    "aws:cloudwatch/logGroup:LogGroup": {
        "logs LogGroups": (
            "CreateLogGroup DeleteLogGroup ListTagsForResource PutRetentionPolicy TagResource UntagResource"
        ),
        "logs NoResource": "DescribeLogGroups",
    },
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        "cloudwatch Alarms": "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource",
        "cloudwatch AlarmList": "DescribeAlarms",
    },
    # No KMS action: the policy of DynamoDB's key admits everybody who may use DynamoDB (DynamoDB developer
    # guide, "DynamoDB encryption at rest: usage notes").
    "aws:dynamodb/table:Table": {
        "dynamodb Tables": (
            "CreateTable DeleteTable DescribeContinuousBackups DescribeTable DescribeTimeToLive "
            "ListTagsOfResource TagResource UntagResource UpdateContinuousBackups UpdateTable "
            "UpdateTimeToLive"
        )
    },
    "aws:iam/role:Role": {
        "iam Roles": (
            "CreateRole DeleteRole GetRole GetRolePolicy ListAttachedRolePolicies "
            "ListInstanceProfilesForRole ListRolePolicies TagRole UntagRole UpdateAssumeRolePolicy"
        )
    },
    "aws:iam/rolePolicy:RolePolicy": {"iam Roles": "DeleteRolePolicy GetRolePolicy PutRolePolicy"},
    "aws:lambda/eventSourceMapping:EventSourceMapping": {
        "lambda NewMappings": "CreateEventSourceMapping",
        "lambda Mappings": "DeleteEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping",
        "lambda MappingTags": "ListTags TagResource UntagResource",
    },
    "aws:lambda/function:Function": {
        "lambda Functions": (
            "CreateFunction DeleteFunction GetFunction GetFunctionCodeSigningConfig GetFunctionConfiguration "
            "ListTags ListVersionsByFunction TagResource UntagResource UpdateFunctionCode "
            "UpdateFunctionConfiguration"
        ),
        "iam RolesOfFunctions": "PassRole",
    },
    "aws:lambda/invocation:Invocation": {"lambda Functions": "InvokeFunction"},
    "aws:lambda/permission:Permission": {"lambda Functions": "AddPermission GetPolicy RemovePermission"},
    "aws:route53/record:Record": {
        "route53 Zones": "GetHostedZone ListResourceRecordSets",
        "route53 ZoneRecords": "ChangeResourceRecordSets",
        "route53 ZoneChanges": "GetChange",
    },
    "aws:sns/topic:Topic": {
        "sns Topics": (
            "CreateTopic DeleteTopic GetTopicAttributes ListTagsForResource SetTopicAttributes TagResource "
            "UntagResource"
        )
    },
    "aws:sns/topicPolicy:TopicPolicy": {"sns Topics": "GetTopicAttributes SetTopicAttributes"},
    "aws:sns/topicSubscription:TopicSubscription": {
        "sns Topics": "ListSubscriptionsByTopic Subscribe",
        "sns NoResource": "GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe",
    },
    "aws:sqs/queue:Queue": {
        "sqs Queues": (
            "CreateQueue DeleteQueue GetQueueAttributes ListQueueTags SetQueueAttributes TagQueue UntagQueue"
        )
    },
    "aws:sqs/queuePolicy:QueuePolicy": _QUEUE_POLICY,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _QUEUE_POLICY,
}
"""What the AWS provider does to create, read, update, tag and delete each type that the program declares."""

LOOKUPS: Mapping[str, Needs] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"sts NoResource": "GetCallerIdentity"},
    "aws:index/getRegion:getRegion": {},  # the provider knows it from its own configuration
    "aws:route53/getZone:getZone": {
        "route53 NoResource": "ListHostedZones",
        "route53 Zones": "GetHostedZone ListTagsForResource",
    },
}
"""The same for each lookup that the program makes through the provider."""

OPERATOR: Mapping[str, tuple[Scope, Sequence[str]]] = {
    # A change of all rows of a tenant is a transaction, which needs the permission of each action in it.
    "Tenants": (
        Scope(resources=["arn:aws:dynamodb:*:*:table/webhooks-tables-tenant-api-keys-*"]),
        ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateItem"],
    ),
    "Requeue": (
        Scope(resources=["arn:aws:lambda:*:*:function:webhooks-requeue-function-*"]),
        ["lambda:InvokeFunction"],
    ),
}
"""What these commands do with their operator's credentials; `seed` posts events with an API key."""


@app.command()
def deployer() -> None:
    """Print what `pulumi up`, `refresh` and `destroy` need; access to Pulumi's state is not in it."""
    typer.echo(json.dumps(deployer_policy(), indent=2))


@app.command()
def operator() -> None:
    """Print what `python -m ops` needs; what `pulumi stack output` reads is not in it."""
    typer.echo(json.dumps(operator_policy(), indent=2))


def deployer_policy() -> dict[str, Any]:
    """The policy of whoever deploys a stack, in any configuration."""
    actions: dict[str, set[str]] = {sid: set() for sid in SCOPES}
    for needs in (PROVIDER, *RESOURCES.values(), *LOOKUPS.values()):
        for place, names in needs.items():
            service, sid = place.split()
            actions[sid].update(f"{service}:{name}" for name in names.split())
    return _document([_statement(sid, scope, sorted(actions[sid])) for sid, scope in SCOPES.items()])


def operator_policy() -> dict[str, Any]:
    """The policy of whoever manages tenants and requeues events."""
    return _document([_statement(sid, scope, actions) for sid, (scope, actions) in OPERATOR.items()])


def _document(statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _statement(sid: str, scope: Scope, actions: Sequence[str]) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(scope.resources)}
    return statement | ({"Condition": dict(scope.condition)} if scope.condition else {})
