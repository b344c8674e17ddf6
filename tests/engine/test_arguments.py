"""Inputs are checked against the argument types of pulumi_aws."""

from typing import Any

import pytest

from engine.arguments import UnknownTypeError, config_faults, faults, output_names
from engine.values import UNKNOWN

TABLE = "aws:dynamodb/table:Table"
QUEUE = "aws:sqs/queue:Queue"
FUNCTION = "aws:lambda/function:Function"
ARCHIVE = {
    "4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7",
    "path": "/bundle",
    "hash": "1",
}


def told(type_token: str, inputs: dict[str, Any]) -> list[str]:
    return [f"{fault.path} {fault.reason}" for fault in faults(type_token, inputs)]


def test_right_inputs_have_no_faults():
    inputs = {
        "hashKey": "id",
        "attributes": [{"name": "id", "type": "S"}],
        "ttl": {"attributeName": "expiresAt", "enabled": True},
        "deletionProtectionEnabled": False,
        "readCapacity": 1,
        "tags": {"a": "b"},
    }
    assert told(TABLE, inputs) == []
    assert told(FUNCTION, {"role": "arn", "code": ARCHIVE, "runtime": "python3.13", "timeout": 3}) == []


def test_a_property_that_the_type_does_not_have_is_refused():
    assert told(QUEUE, {"visibilityTimeout": 30}) == ["visibilityTimeout is not a property of this type"]


def test_an_output_cannot_be_set():
    assert told(QUEUE, {"arn": "arn:aws:sqs:us-east-1:1:q"}) == ["arn is not a property of this type"]


def test_a_property_that_is_missing_is_named():
    assert told(FUNCTION, {"code": ARCHIVE}) == ["role is missing"]
    assert told(FUNCTION, {"code": ARCHIVE, "role": None}) == ["role is missing"]


def test_a_property_of_a_property_is_held_to_its_type_too():
    inputs = {
        "attributes": [{"name": "id", "type": "S"}, {"name": "at", "kind": "N"}],
        "ttl": {"enabled": "yes"},
        "pointInTimeRecovery": {},
    }
    assert told(TABLE, inputs) == [
        "attributes[1].kind is not a property of this type",
        "attributes[1].type is missing",
        "ttl.enabled is 'yes', but must be true or false",
        "pointInTimeRecovery.enabled is missing",
    ]


@pytest.mark.parametrize(
    ("type_token", "inputs", "fault"),
    [
        (QUEUE, {"name": 1}, "name is 1, but must be text"),
        (QUEUE, {"delaySeconds": "1"}, "delaySeconds is '1', but must be a whole number"),
        (QUEUE, {"delaySeconds": 1.5}, "delaySeconds is 1.5, but must be a whole number"),
        (QUEUE, {"delaySeconds": True}, "delaySeconds is True, but must be a whole number"),
        (QUEUE, {"fifoQueue": 1}, "fifoQueue is 1, but must be true or false"),
        (QUEUE, {"tags": ["a"]}, "tags is ['a'], but must be an object"),
        (QUEUE, {"tags": {"a": 1}}, "tags['a'] is 1, but must be text"),
        (
            QUEUE,
            {"policy": {"Version": "2012-10-17"}},
            "policy is {'Version': '2012-10-17'}, but must be text",
        ),
        (TABLE, {"attributes": {"name": "id"}}, "attributes is {'name': 'id'}, but must be a list"),
        (TABLE, {"ttl": True}, "ttl is True, but must be an object"),
        (FUNCTION, {"role": "r", "code": "a.zip"}, "code is 'a.zip', but must be of the type Archive"),
        (FUNCTION, {"role": "r", "runtime": 3}, "runtime is 3, but must be text"),
        (FUNCTION, {"role": "r", "architectures": [1]}, "architectures[0] is 1, but must be text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(type_token: str, inputs: dict[str, Any], fault: str):
    assert told(type_token, inputs) == [fault]


def test_a_number_may_be_whole():
    alarm = {"comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1}
    assert told("aws:cloudwatch/metricAlarm:MetricAlarm", {**alarm, "threshold": 0}) == []
    assert told("aws:cloudwatch/metricAlarm:MetricAlarm", {**alarm, "threshold": 0.5}) == []


def test_what_only_a_deployment_knows_is_taken_as_right():
    assert told(FUNCTION, {"role": UNKNOWN, "timeout": UNKNOWN, "environment": UNKNOWN}) == []
    assert told(TABLE, {"attributes": [UNKNOWN, {"name": UNKNOWN, "type": "S"}]}) == []


@pytest.mark.parametrize(
    "type_token",
    ["aws:sqs/queue:Kew", "aws:sqs/kew:Kew", "aws:kew/kew:Kew", "gcp:storage/bucket:Bucket", "aws"],
)
def test_a_type_that_there_is_not_is_refused(type_token: str):
    with pytest.raises(UnknownTypeError, match=f"{type_token} is not a resource of pulumi_aws"):
        faults(type_token, {})


def test_outputs_are_what_cannot_be_set():
    assert output_names(QUEUE) == {"arn", "tagsAll", "url"}


def test_the_providers_own_configuration_is_held_to_its_types():
    right = {
        "region": "us-east-1",
        "defaultTags": '{"tags": {"stack": "dev"}}',
        "skipMetadataApiCheck": "true",
    }
    assert config_faults({**right, "version": "7.51.1"}) == []
    wrong = {"regoin": "us-east-1", "defaultTags": '{"tag": {}}', "maxRetries": "many"}
    assert [f"{fault.path} {fault.reason}" for fault in config_faults(wrong)] == [
        "regoin is not a property of this type",
        "defaultTags.tag is not a property of this type",
        "maxRetries is 'many', but must be a whole number",
    ]
