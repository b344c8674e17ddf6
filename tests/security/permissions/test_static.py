"""Roles and policies: what the local stack cannot enforce, asserted over the recorded program.

Wildcards, trust, TLS, permissions to invoke and the exact permissions of each function are asserted in
`tests/components/test_contracts.py` and `test_program.py` already, and not again here.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.store import schema
from tests.security.permissions.mutation import UNUSED_HERE
from tests.security.permissions.roles import FUNCTIONS
from tests.security.permissions.trial import UNENFORCED
from tests.support.configurations import CONFIGURATIONS, recorded
from tests.support.recorder import Recording
from tests.support.resources import (
    FUNCTION,
    LOG_GROUP,
    MAPPING,
    QUEUE,
    QUEUE_POLICY,
    ROLE,
    ROLE_POLICY,
    TABLE,
    statements,
)

PERMISSION = "aws:lambda/permission:Permission"
REDRIVE_ALLOW = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"

BEARS_RIGHTS = re.compile(
    r"polic|permission|role|grant|principal|acl\b|credential|attachment|iam/", re.IGNORECASE
)
KNOWN_TYPES = {
    ROLE,
    ROLE_POLICY,
    PERMISSION,
    QUEUE_POLICY,
    REDRIVE_ALLOW,
    "aws:sns/topicPolicy:TopicPolicy",
}
KNOWN_PROPERTIES = {
    (ROLE, "assumeRolePolicy"),
    (ROLE_POLICY, "policy"),
    (ROLE_POLICY, "role"),
    (FUNCTION, "role"),
    (PERMISSION, "principal"),
    (QUEUE, "redrivePolicy"),
    (QUEUE_POLICY, "policy"),
    (REDRIVE_ALLOW, "redriveAllowPolicy"),
    ("aws:sns/topicPolicy:TopicPolicy", "policy"),
    # The version of TLS, no right.
    ("aws:apigatewayv2/domainName:DomainName", "securityPolicy"),
}


@pytest.fixture(params=CONFIGURATIONS)
def recording(request: pytest.FixtureRequest) -> Recording:
    """The program in each configuration in turn."""
    return recorded(request.param)


def granted(recording: Recording, function: str) -> list[dict[str, Any]]:
    return statements(recording.one(ROLE_POLICY, f"-{function}-policy"))


def keys_of(value: Any) -> Iterator[str]:
    """The names of all properties, however deep."""
    if isinstance(value, dict):
        yield from value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys_of(child)


def test_nothing_bears_a_policy_but_the_kinds_of_resources_that_are_looked_at(recording: Recording):
    resources = [resource for resource in recording.resources.values() if resource.custom]
    types = {resource.type for resource in resources if BEARS_RIGHTS.search(resource.type)}
    properties = {
        (resource.type, key)
        for resource in resources
        for key in keys_of(resource.inputs)
        if BEARS_RIGHTS.search(key)
    }

    assert types <= KNOWN_TYPES, "a new kind of policy: assert what it may grant, then name it here"
    assert properties <= KNOWN_PROPERTIES, "a new way to grant rights: assert what it may, then name it here"


def test_every_known_kind_of_policy_is_in_some_configuration():
    resources = [
        resource
        for label in CONFIGURATIONS
        for resource in recorded(label).resources.values()
        if resource.custom
    ]

    assert {resource.type for resource in resources} >= KNOWN_TYPES
    assert {(resource.type, key) for resource in resources for key in keys_of(resource.inputs)} >= (
        KNOWN_PROPERTIES
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_takes_its_own_role_and_the_role_its_own_policy(recording: Recording, function: str):
    declared = recording.one(FUNCTION, f"-{function}-function")
    policy = recording.one(ROLE_POLICY, f"-{function}-policy")
    own = declared.name.removesuffix("-function") + "-role"

    assert declared.inputs["role"].endswith(f":role/{own}")
    assert policy.inputs["role"] == f"{own}-1a2b3c4"
    assert [role.name for role in recording.of_type(ROLE)].count(own) == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_writes_the_log_of_its_own_function_and_no_other(recording: Recording, function: str):
    own = recording.one(LOG_GROUP, f"-{function}-logs").name
    logs = [s for s in granted(recording, function) if any(a.startswith("logs:") for a in s["Action"])]

    assert [(s["Action"], s["Resource"].rpartition("/")[2]) for s in logs] == [
        (["logs:CreateLogStream", "logs:PutLogEvents"], f"{own}:*")
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_may_use_tables_queues_and_logs_and_no_other_service(recording: Recording, function: str):
    """So nobody is granted what the emulator lets anybody do."""
    services = {
        action.partition(":")[0]
        for statement in granted(recording, function)
        for action in statement["Action"]
    }

    assert services == {"dynamodb", "sqs", "logs"}
    assert not services & {name.partition(".")[0] for name in UNENFORCED}


def test_the_policy_of_a_queue_refuses_everybody_everything_and_grants_nothing(recording: Recording):
    policies = recording.of_type(QUEUE_POLICY)

    assert len(policies) == len(recording.of_type(QUEUE)) == 2
    for policy in policies:
        assert [(s["Effect"], s["Principal"], s["Action"]) for s in statements(policy)] == [
            ("Deny", "*", "sqs:*")
        ]


def test_every_dead_letter_queue_takes_messages_from_the_queues_that_name_it_and_no_other(
    recording: Recording,
):
    sources: dict[str, set[str]] = {}
    for queue in recording.of_type(QUEUE):
        if "redrivePolicy" in queue.inputs:
            target = json.loads(queue.inputs["redrivePolicy"])["deadLetterTargetArn"].rpartition("/")[2]
            sources.setdefault(f"{target}-1a2b3c4", set()).add(queue.name)
    allowed = {
        allow.inputs["queueUrl"].rpartition("/")[2]: json.loads(allow.inputs["redriveAllowPolicy"])
        for allow in recording.of_type(REDRIVE_ALLOW)
    }

    assert sources
    assert {
        url: (policy["redrivePermission"], {arn.rpartition("/")[2] for arn in policy["sourceQueueArns"]})
        for url, policy in allowed.items()
    } == {url: ("byQueue", queues) for url, queues in sources.items()}


def test_a_permission_to_invoke_is_to_invoke_and_names_one_source(recording: Recording):
    for permission in recording.of_type(PERMISSION):
        assert permission.inputs.keys() == {"action", "function", "principal", "sourceArn"}
        assert permission.inputs["action"] == "lambda:InvokeFunction"
        assert "*" not in permission.inputs["sourceArn"].removesuffix("/*")


def test_the_mapping_may_do_what_lambda_needs_to_read_the_queue_it_is_for(recording: Recording):
    """AWS Lambda developer guide, "Using Lambda with Amazon SQS": the three actions of an execution role."""
    mapping = recording.one(MAPPING).inputs
    needed = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    on = {
        action: statement["Resource"]
        for statement in granted(recording, "worker")
        for action in statement["Action"]
        if action in needed
    }

    assert on == dict.fromkeys(needed, mapping["eventSourceArn"])


@pytest.mark.parametrize("name", UNUSED_HERE, ids=" ".join)
def test_what_only_aws_needs_is_granted_once_and_on_that_resource_alone(
    recording: Recording, name: tuple[str, str, str, str]
):
    function, action, where, _ = name
    (resource,) = (
        statement["Resource"] for statement in granted(recording, function) if action in statement["Action"]
    )

    assert resource.endswith(f"-{where.removeprefix('log-group:')}")


def test_a_read_that_is_limited_to_attributes_may_name_the_keys_by_which_it_reads(recording: Recording):
    """DynamoDB counts them among the attributes of a request (developer guide, "Specifying conditions")."""
    keys = {
        table.name.partition("-tables-")[2]: {table.inputs["hashKey"], table.inputs.get("rangeKey")} - {None}
        for table in recording.of_type(TABLE)
    }
    limited = [
        (statement["Resource"].partition("-tables-")[2], limits_of(statement))
        for function in FUNCTIONS
        for statement in granted(recording, function)
        if limits_of(statement)
    ]

    assert len(limited) == 8
    for resource, attributes in limited:
        needed = {f"tenant-api-keys/index/{schema.TENANT_ID_INDEX}": {schema.TENANT_ID}, **keys}[resource]
        assert needed <= set(attributes)


def test_only_these_reads_are_not_limited_to_attributes(recording: Recording):
    reads = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan"}
    unlimited = {
        (function, action, statement["Resource"].partition("-tables-")[2])
        for function in FUNCTIONS
        for statement in granted(recording, function)
        for action in reads & set(statement["Action"])
        if not limits_of(statement)
    }

    assert unlimited == {
        # It signs with the secrets, and sends the payloads.
        ("worker", "dynamodb:Query", f"tenant-api-keys/index/{schema.TENANT_ID_INDEX}"),
        ("worker", "dynamodb:BatchGetItem", "events"),
        # The index holds keys alone.
        ("requeue", "dynamodb:Query", f"events/index/{schema.STATUS_INDEX}"),
        ("reconciler", "dynamodb:Query", f"events/index/{schema.STATUS_INDEX}"),
    }
    (index,) = recording.one(TABLE, "-events").inputs["globalSecondaryIndexes"]
    assert index["projectionType"] == "KEYS_ONLY"


def limits_of(statement: dict[str, Any]) -> list[str]:
    condition = statement.get("Condition", {})
    return condition.get("ForAllValues:StringEquals", {}).get("dynamodb:Attributes", [])
