"""The local stack is the program, with only what one machine needs added."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.store.events import EventStore
from handlers.store.table import Table
from local.deployer.resources.functions import invoke
from local.errors import ProgramError
from local.stack import LocalStack
from tests.support.factories import a_delivery

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import FunctionConfigurationTypeDef


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


def reconciler(stack: LocalStack) -> "FunctionConfigurationTypeDef":
    """No output names it, since only its schedule invokes it."""
    functions = stack.aws.lambda_.list_functions()["Functions"]
    (found,) = [function for function in functions if "-reconciler-" in function["FunctionName"]]
    return found


def test_the_deployed_reconciler_runs_every_ten_minutes(stack: LocalStack):
    (rule,) = stack.aws.events.list_rules()["Rules"]
    (target,) = stack.aws.events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    function = reconciler(stack)
    policy = json.loads(stack.aws.lambda_.get_policy(FunctionName=function["FunctionName"])["Policy"])
    (statement,) = policy["Statement"]

    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(10 minutes)", "ENABLED")
    assert target["Arn"] == function["FunctionArn"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": rule["Arn"]}}


def test_the_deployed_reconciler_may_queue_an_event_that_no_message_names(stack: LocalStack):
    now = datetime.now(UTC)
    table = Table(stack.aws.dynamodb, stack.outputs["events_table_name"])
    events = EventStore(table=table, shards=8, retention=timedelta(days=30))
    events.put(a_delivery(target_url="http://127.0.0.1:9/nobody-answers", now=now - timedelta(days=1)))

    report = json.loads(invoke(stack.aws, reconciler(stack)["FunctionName"], "{}"))

    assert report == {"stalled": 1, "waiting": 0, "queued": 1}
