"""Data at rest and in transit: every resource type needs a rule here, so that none is forgotten."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
import yaml

from components.settings import LOG_RETENTION_DAYS
from local.constants import REPO
from tests.support.configurations import CONFIGURATIONS
from tests.support.recorder import Recording, Registered
from tests.support.resources import FUNCTION, LOG_GROUP, QUEUE, QUEUE_POLICY, TABLE, statements

DOMAIN_NAME = "aws:apigatewayv2/domainName:DomainName"
STAGE = "aws:apigatewayv2/stage:Stage"
TOPIC, TOPIC_POLICY = "aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"
RECORD = "aws:route53/record:Record"

Rule = Callable[[Registered, Recording], Iterator[str]]


def _encrypted_and_restorable(table: Registered, recording: Recording) -> Iterator[str]:
    if table.inputs.get("serverSideEncryption") != {"enabled": True}:
        yield "is not encrypted at rest by a key of KMS"
    if table.inputs.get("pointInTimeRecovery") != {"enabled": True}:
        yield "cannot be restored to a point in time"


def _encrypted_and_tls_only(queue: Registered, recording: Recording) -> Iterator[str]:
    if queue.inputs.get("sqsManagedSseEnabled") is not True:
        yield "is not encrypted at rest"
    policies = [
        p for p in recording.of_type(QUEUE_POLICY) if p.inputs["queueUrl"].endswith(f"/{queue.name}-1a2b3c4")
    ]
    if not any(_denies_all_without_tls(policy, queue, "sqs:*") for policy in policies):
        yield "can be used without TLS"


def _tls_only(topic: Registered, recording: Recording) -> Iterator[str]:
    policies = [p for p in recording.of_type(TOPIC_POLICY) if p.inputs["arn"].endswith(f"/{topic.name}")]
    # SNS policies can name other actions too; this one allows nobody any of them.
    if not any(_denies_all_without_tls(policy, topic, "sns:Publish") for policy in policies):
        yield "can be published to without TLS"


def _denies_all_without_tls(policy: Registered, resource: Registered, actions: str) -> bool:
    return any(
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Action"] == actions
        and statement["Resource"].endswith(f"/{resource.name}")
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in statements(policy)
    )


def _forgets(group: Registered, recording: Recording) -> Iterator[str]:
    # CloudWatch Logs encrypts every group at rest by itself (user guide, "Encrypt log data").
    if group.inputs.get("retentionInDays") not in LOG_RETENTION_DAYS:
        yield f"keeps its lines for {group.inputs.get('retentionInDays')} days"


def _is_told_no_secret(function: Registered, recording: Recording) -> Iterator[str]:
    for name, value in function.inputs["environment"]["variables"].items():
        if re.search(r"SECRET|PASSWORD|TOKEN|CREDENTIAL|(?<!_HASH)_KEY$", name) or re.search(
            r"whsec_|whk_", value
        ):
            yield f"has {name} in its environment, which everybody can read who may look at the function"
        if value.startswith("http://"):
            yield f"is sent to {value} without TLS"
    if function.inputs.get("loggingConfig", {}).get("logFormat") != "JSON":
        yield "does not log JSON"


def _tls_1_2_or_later(domain: Registered, recording: Recording) -> Iterator[str]:
    if domain.inputs["domainNameConfiguration"].get("securityPolicy") != "TLS_1_2":
        yield "takes connections by TLS older than 1.2"


def _logs_no_secret(stage: Registered, recording: Recording) -> Iterator[str]:
    logged = json.dumps(stage.inputs["accessLogSettings"]["format"]).lower()
    for word in ("header", "query", "body", "authoriz", "path"):
        if word in logged:
            yield f"logs the {word} of requests"


RULES: dict[str, Rule] = {
    TABLE: _encrypted_and_restorable,
    QUEUE: _encrypted_and_tls_only,
    TOPIC: _tls_only,
    LOG_GROUP: _forgets,
    FUNCTION: _is_told_no_secret,
    DOMAIN_NAME: _tls_1_2_or_later,
    STAGE: _logs_no_secret,
}

# Types that neither store nor carry data, each with the reason.
HOLDS_NOTHING = {
    "aws:acm/certificate:Certificate": "AWS keeps its private key",
    "aws:acm/certificateValidation:CertificateValidation": "waits for the certificate",
    "aws:apigatewayv2/api:Api": "its own endpoint speaks TLS only",
    "aws:apigatewayv2/apiMapping:ApiMapping": "which domain leads to which API",
    "aws:apigatewayv2/integration:Integration": "which function answers",
    "aws:apigatewayv2/route:Route": "which integration answers",
    "aws:cloudwatch/dashboard:Dashboard": "shows metrics",
    "aws:cloudwatch/eventRule:EventRule": "when something runs",
    "aws:cloudwatch/eventTarget:EventTarget": "what runs then, without any input",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "watches metrics",
    "aws:iam/role:Role": "a right, see the tests of permissions",
    "aws:iam/rolePolicy:RolePolicy": "a right, see the tests of permissions",
    "aws:lambda/eventSourceMapping:EventSourceMapping": "which queue a function reads",
    "aws:lambda/invocation:Invocation": "what an operator configured, and ids",
    "aws:lambda/permission:Permission": "a right, see the tests of permissions",
    RECORD: "public by nature",
    "aws:sns/topicSubscription:TopicSubscription": "an operator's address, for alarms",
    QUEUE_POLICY: "a right, see the tests of permissions",
    TOPIC_POLICY: "a right, see the tests of permissions",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "a right, see the tests of permissions",
}


def custom(recording: Recording) -> list[Registered]:
    return [resource for resource in recording.resources.values() if resource.custom]


def test_every_resource_is_of_a_kind_whose_data_somebody_has_thought_of(recording: Recording):
    types = {resource.type for resource in custom(recording)}

    assert types <= RULES.keys() | HOLDS_NOTHING.keys(), "add a rule to RULES, or a reason to HOLDS_NOTHING"
    assert not RULES.keys() & HOLDS_NOTHING.keys()


@pytest.mark.parametrize("type_", RULES)
def test_every_resource_of_a_kind_keeps_the_rule_of_its_kind(recording: Recording, type_: str):
    faults = [
        f"{resource.name} {fault}"
        for resource in recording.of_type(type_)
        for fault in RULES[type_](resource, recording)
    ]

    assert faults == []


def test_no_rule_is_for_a_kind_that_is_in_no_configuration(every_recording: dict[str, Recording]):
    assert every_recording.keys() == CONFIGURATIONS.keys()
    types = {resource.type for recording in every_recording.values() for resource in custom(recording)}

    assert RULES.keys() | HOLDS_NOTHING.keys() == types


def guards(table: Registered) -> tuple[bool, bool, bool]:
    """Whether it is guarded against deletion by AWS, against deletion by Pulumi, and when the stack ends."""
    return table.inputs["deletionProtectionEnabled"] is True, table.protect, table.retain_on_delete


def test_every_table_is_guarded_in_every_way_where_data_is_protected_and_in_none_elsewhere(
    every_recording: dict[str, Recording],
):
    for label, recording in every_recording.items():
        wanted = CONFIGURATIONS[label].get("protectData") == "true"
        assert {guards(table) for table in recording.of_type(TABLE)} == {(wanted,) * 3}, label


PROTECTED = {TABLE, QUEUE, "aws:apigatewayv2/api:Api", DOMAIN_NAME}
"""The types that hold data, and those whose addresses producers use."""


def test_where_data_is_protected_pulumi_deletes_neither_what_is_owed_nor_the_address_of_the_api(
    every_recording: dict[str, Recording],
):
    for label, recording in every_recording.items():
        wanted = PROTECTED if CONFIGURATIONS[label].get("protectData") == "true" else set[str]()
        protected = {resource.type for resource in custom(recording) if resource.protect}
        assert protected == wanted, label
        assert all(resource.protect for type_ in wanted for resource in recording.of_type(type_)), label


def test_the_production_stack_protects_its_data_and_delivers_to_public_addresses_alone():
    config = yaml.safe_load((REPO / "Pulumi.prod.yaml").read_text())["config"]

    assert config["webhook-delivery:protectData"] in {True, "true"}
    assert "webhook-delivery:allowPrivateTargets" not in config
