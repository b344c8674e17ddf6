"""What the local stack adds to the program: nothing but what one machine needs."""

import json

import pytest

from local.errors import ProgramError
from local.stack import LocalStack


def test_every_part_can_be_created_a_domain_alarms_and_a_requeue_included():
    config = {
        "domainName": "hooks.example.com",
        "hostedZoneName": "example.com",
        "alarmEmail": "ops@example.com",
        "requeue": json.dumps({"dryRun": True}),
    }

    with LocalStack(config=config) as stack:
        outputs = stack.outputs
        topics = stack.aws.sns.list_topics()["Topics"]

    assert outputs["requeue_result"] == {
        "requeued": 0,
        "skipped": 0,
        "remaining": 0,
        "dryRun": True,
        "eventIds": [],
    }
    assert outputs["events_url"] == f"{stack.url}/v1/events"
    assert len(topics) == 1


def test_a_wrong_setting_is_refused_and_the_emulator_stopped():
    stack = LocalStack(config={"workerBatchSize": 11})

    with pytest.raises(ProgramError, match="workerBatchSize"), stack:
        pass

    assert stack.emulator.process.poll() is not None
    assert not stack.emulator.private.exists()


def test_the_deployed_tables_and_queues_are_as_declared(stack: LocalStack):
    table = stack.aws.dynamodb.describe_table(TableName=stack.outputs["events_table_name"])["Table"]
    (index,) = table["GlobalSecondaryIndexes"]
    queue = stack.aws.sqs.get_queue_attributes(QueueUrl=stack.outputs["queue_url"], AttributeNames=["All"])[
        "Attributes"
    ]

    assert [key["AttributeName"] for key in index["KeySchema"]] == ["status", "shard", "createdAt"]
    assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] == 6
    assert queue["VisibilityTimeout"] == "270"
    assert json.loads(queue["Policy"])["Statement"][0]["Effect"] == "Deny"
