"""The resources that the program declares in each configuration."""

import json
import logging
from typing import Any

import pulumi_aws as aws
import pytest

from components.schedule import Schedule, ScheduleArgs
from components.settings import Settings
from handlers.store import schema
from local.constants import ACCOUNT_ID, REGION
from tests.support.configurations import CONFIGURATIONS, DEV
from tests.support.recorder import Recording, Registered, record
from tests.support.resources import (
    API,
    FUNCTION,
    LOG_GROUP,
    MAPPING,
    QUEUE,
    ROLE_POLICY,
    RULE,
    TABLE,
    statements,
)

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
INVOCATION = "aws:lambda/invocation:Invocation"
DLQ_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:queue/webhooks-delivery-dlq"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:queue/webhooks-delivery-queue"
EVENTS_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/webhooks-tables-events"
TENANTS_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/webhooks-tables-tenant-api-keys"
TENANT_INDEX_ARN = f"{TENANTS_ARN}/index/{schema.TENANT_ID_INDEX}"
STATUS_INDEX_ARN = f"{EVENTS_ARN}/index/{schema.STATUS_INDEX}"
READ_QUEUE = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
}
SECRETS = {schema.WEBHOOK_SECRET, schema.PREVIOUS_WEBHOOK_SECRET}
PAYLOADS = {schema.PAYLOAD, schema.PAYLOAD_ENCODING}


def permissions(recording: Recording, function: str) -> dict[str, set[str]]:
    """The actions that a function may do on each resource, without writing its logs."""
    granted: dict[str, set[str]] = {}
    for statement in statements(recording.one(ROLE_POLICY, f"-{function}-policy")):
        if not statement["Action"][0].startswith("logs:"):
            granted.setdefault(statement["Resource"], set()).update(statement["Action"])
    return granted


def condition(recording: Recording, function: str, action: str, resource: str) -> dict[str, Any] | None:
    policy = recording.one(ROLE_POLICY, f"-{function}-policy")
    (found,) = [
        statement.get("Condition")
        for statement in statements(policy)
        if statement["Resource"] == resource and action in statement["Action"]
    ]
    return found


def alarm(recording: Recording, label: str) -> Registered:
    return recording.one(ALARM, f"-monitoring-{label}")


def test_ingest_may_look_up_a_key_and_an_earlier_request_store_an_event_and_queue_it(dev: Recording):
    assert permissions(dev, "ingest") == {
        TENANTS_ARN: {"dynamodb:GetItem"},
        EVENTS_ARN: {"dynamodb:PutItem", "dynamodb:GetItem"},
        QUEUE_ARN: {"sqs:SendMessage"},
    }


def test_the_worker_may_read_its_queue_the_events_and_the_tenants_by_their_index(dev: Recording):
    assert permissions(dev, "worker") == {
        QUEUE_ARN: READ_QUEUE,
        EVENTS_ARN: {"dynamodb:BatchGetItem", "dynamodb:UpdateItem"},
        TENANT_INDEX_ARN: {"dynamodb:Query"},
    }


def test_requeue_alone_touches_the_dlq(dev: Recording):
    assert permissions(dev, "requeue") == {
        DLQ_ARN: READ_QUEUE - {"sqs:GetQueueAttributes"},
        QUEUE_ARN: {"sqs:SendMessage"},
        EVENTS_ARN: {"dynamodb:BatchGetItem", "dynamodb:UpdateItem"},
        STATUS_INDEX_ARN: {"dynamodb:Query"},
        TENANT_INDEX_ARN: {"dynamodb:Query"},
    }
    for other in ("ingest", "worker", "reconciler"):
        assert DLQ_ARN not in permissions(dev, other)


def test_the_reconciler_may_find_events_and_queue_them_again(dev: Recording):
    assert permissions(dev, "reconciler") == {
        STATUS_INDEX_ARN: {"dynamodb:Query"},
        EVENTS_ARN: {"dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        QUEUE_ARN: {"sqs:SendMessage", "sqs:GetQueueAttributes"},
    }


@pytest.mark.parametrize(
    ("function", "action", "resource", "attributes"),
    [
        (
            "ingest",
            "dynamodb:GetItem",
            TENANTS_ARN,
            {schema.API_KEY, schema.TENANT_ID, schema.TARGET_URL, schema.STATE},
        ),
        ("requeue", "dynamodb:Query", TENANT_INDEX_ARN, {schema.TENANT_ID, schema.TARGET_URL}),
        (
            "requeue",
            "dynamodb:BatchGetItem",
            EVENTS_ARN,
            {
                schema.TENANT_ID,
                schema.EVENT_ID,
                schema.TYPE,
                schema.STATUS,
                schema.ATTEMPTS,
                schema.TARGET_URL,
                schema.CREATED_AT,
                schema.EXPIRES_AT,
            },
        ),
        (
            "ingest",
            "dynamodb:GetItem",
            EVENTS_ARN,
            {
                schema.TENANT_ID,
                schema.EVENT_ID,
                schema.BODY_HASH,
                schema.FIRST_EVENT_ID,
                schema.CREATED_AT,
                schema.QUEUED,
            },
        ),
        (
            "reconciler",
            "dynamodb:Query",
            EVENTS_ARN,
            {schema.TENANT_ID, schema.EVENT_ID, schema.ATTEMPTS, schema.CREATED_AT},
        ),
        (
            "reconciler",
            "dynamodb:BatchGetItem",
            EVENTS_ARN,
            {
                schema.TENANT_ID,
                schema.EVENT_ID,
                schema.STATUS,
                schema.CREATED_AT,
                schema.QUEUED_AT,
                schema.LAST_ATTEMPT_AT,
                schema.EXPIRES_AT,
            },
        ),
    ],
)
def test_all_but_the_worker_must_name_what_they_read_and_may_name_neither_a_secret_nor_a_payload(
    dev: Recording, function: str, action: str, resource: str, attributes: set[str]
):
    limits = condition(dev, function, action, resource)
    assert limits is not None
    readable = set(limits["ForAllValues:StringEquals"]["dynamodb:Attributes"])
    assert readable == attributes
    assert not readable & (SECRETS | PAYLOADS)
    assert limits["Null"] == {"dynamodb:Attributes": "false"}
    assert limits["StringEqualsIfExists"] == {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}


def test_the_events_table_is_keyed_by_tenant_and_event_and_forgets(dev: Recording):
    events = dev.one(TABLE, "-events").inputs
    assert (events["hashKey"], events["rangeKey"]) == ("tenantId", "eventId")
    assert events["ttl"] == {"attributeName": "expiresAt", "enabled": True}
    (index,) = events["globalSecondaryIndexes"]
    assert (index["name"], index["projectionType"]) == ("status-index", "KEYS_ONLY")
    assert [(key["attributeName"], key["keyType"]) for key in index["keySchemas"]] == [
        ("status", "HASH"),
        ("shard", "HASH"),
        ("createdAt", "RANGE"),
    ]


def test_the_tenants_table_is_keyed_by_api_key_and_found_by_tenant(dev: Recording):
    tenants = dev.one(TABLE, "-tenant-api-keys").inputs
    assert tenants["hashKey"] == "apiKey"
    assert "rangeKey" not in tenants
    (index,) = tenants["globalSecondaryIndexes"]
    assert (index["name"], index["projectionType"]) == ("tenantId-index", "ALL")
    assert index["keySchemas"] == [{"attributeName": "tenantId", "keyType": "HASH"}]


@pytest.mark.parametrize("label", ["-events", "-tenant-api-keys"])
def test_tables_declare_just_the_attributes_that_are_keys(dev: Recording, label: str):
    table = dev.one(TABLE, label).inputs
    (index,) = table["globalSecondaryIndexes"]
    keys = {table["hashKey"], table.get("rangeKey", table["hashKey"])}
    keys |= {key["attributeName"] for key in index["keySchemas"]}
    assert {attribute["name"] for attribute in table["attributes"]} == keys


def test_without_a_domain_the_api_answers_at_its_own_address(dev: Recording):
    api = dev.one(API)
    assert api.inputs["disableExecuteApiEndpoint"] is False
    assert dev.outputs["endpoint_url"] == f"https://{api.name}.execute-api.{REGION}.amazonaws.com"
    assert dev.outputs["events_url"] == dev.outputs["endpoint_url"] + "/v1/events"
    assert not dev.of_type("webhooks:index:CustomDomain")


def test_with_a_domain_the_api_answers_there_by_tls_1_2_and_at_its_own_address_as_before(prod: Recording):
    assert prod.outputs["endpoint_url"] == "https://hooks.vincentchan.cloud"
    assert prod.outputs["events_url"] == "https://hooks.vincentchan.cloud/v1/events"
    assert prod.one(API).inputs["disableExecuteApiEndpoint"] is False
    domain = prod.one("aws:apigatewayv2/domainName:DomainName").inputs
    assert domain["domainName"] == "hooks.vincentchan.cloud"
    assert domain["domainNameConfiguration"]["securityPolicy"] == "TLS_1_2"
    mapping = prod.one("aws:apigatewayv2/apiMapping:ApiMapping").inputs
    assert mapping["stage"] == "$default"
    assert mapping["domainName"] == "hooks.vincentchan.cloud"


def test_the_certificate_is_validated_by_dns_before_the_domain_uses_it(prod: Recording):
    certificate = prod.one("aws:acm/certificate:Certificate")
    assert certificate.inputs["validationMethod"] == "DNS"
    record = prod.one("aws:route53/record:Record", "-validation-record")
    assert record.inputs["name"] == "_proof.hooks.vincentchan.cloud"
    assert record.inputs["type"] == "CNAME"
    validation = prod.one("aws:acm/certificateValidation:CertificateValidation")
    assert validation.inputs["validationRecordFqdns"] == [record.inputs["name"]]
    assert validation.urn in prod.one("aws:apigatewayv2/domainName:DomainName").dependencies


def test_the_zone_points_the_domain_at_the_api(prod: Recording):
    record = prod.one("aws:route53/record:Record", "-alias").inputs
    assert (record["zoneId"], record["name"], record["type"]) == ("Z0", "hooks.vincentchan.cloud", "A")
    (alias,) = record["aliases"]
    assert alias["name"] == "d-1.execute-api.amazonaws.com"
    assert alias["zoneId"] == "Z1"


def test_requeue_runs_only_when_it_is_asked_for(dev: Recording, requeue_asked_for: Recording):
    assert not dev.of_type(INVOCATION)
    invocation = requeue_asked_for.one(INVOCATION)
    text = '{"since": "2026-11-01T00:00:00Z"}'
    assert invocation.inputs["functionName"] == requeue_asked_for.outputs["requeue_function_name"]
    assert invocation.inputs["input"] == text
    assert invocation.inputs["triggers"] == {"requeue": text}
    assert requeue_asked_for.outputs["requeue_result"] == {"requeued": 3}


def test_every_alarm_is_there_without_an_address_and_tells_nobody(dev: Recording):
    assert {alarm.name.removeprefix("webhooks-monitoring-") for alarm in dev.of_type(ALARM)} == {
        "dlq-not-empty",
        "dlq-grows",
        "oldest-event",
        "stalled-events",
        "in-flight",
        "worker-errors",
        "worker-throttles",
        "ingest-errors",
        "reconciler-errors",
        "reconciler-silent",
        "api-5xx",
    }
    assert not any(alarm.inputs["alarmActions"] for alarm in dev.of_type(ALARM))
    assert not dev.of_type("aws:sns/topic:Topic")


def test_with_an_address_every_alarm_is_sent_to_it(with_alarm_email: Recording):
    topic = with_alarm_email.one("aws:sns/topic:Topic")
    subscription = with_alarm_email.one("aws:sns/topicSubscription:TopicSubscription").inputs
    assert (subscription["protocol"], subscription["endpoint"]) == ("email", "ops@vincentchan.cloud")
    for alarm_ in with_alarm_email.of_type(ALARM):
        assert [arn.rpartition("/")[2] for arn in alarm_.inputs["alarmActions"]] == [topic.name]
        assert alarm_.inputs["okActions"] == alarm_.inputs["alarmActions"]


def test_only_cloudwatch_of_this_account_may_publish_to_the_topic(with_alarm_email: Recording):
    policy = with_alarm_email.one("aws:sns/topicPolicy:TopicPolicy")
    allow, deny = statements(policy)
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_alarms_watch_what_their_names_say(dev: Recording):
    watched = {
        label: (alarm(dev, label).inputs["metricName"], alarm(dev, label).inputs["dimensions"])
        for label in (
            "dlq-not-empty",
            "oldest-event",
            "in-flight",
            "worker-errors",
            "reconciler-errors",
            "api-5xx",
        )
    }
    reconciler = dev.one(FUNCTION, "-reconciler-function")
    queue = {"QueueName": "webhooks-delivery-queue-1a2b3c4"}
    assert watched == {
        "dlq-not-empty": (
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "webhooks-delivery-dlq-1a2b3c4"},
        ),
        "oldest-event": ("ApproximateAgeOfOldestMessage", queue),
        "in-flight": ("ApproximateNumberOfMessagesNotVisible", queue),
        "worker-errors": ("Errors", {"FunctionName": dev.outputs["worker_function_name"]}),
        "reconciler-errors": ("Errors", {"FunctionName": f"{reconciler.name}-1a2b3c4"}),
        "api-5xx": ("5xx", {"ApiId": f"{dev.one(API).name}-id"}),
    }
    assert alarm(dev, "in-flight").inputs["threshold"] == 80_000


def test_a_reconciler_that_does_not_run_raises_an_alarm_though_there_is_no_value_then(dev: Recording):
    silent = alarm(dev, "reconciler-silent").inputs
    value, filled = silent["metricQueries"]

    assert (value["metric"]["metricName"], value["metric"]["stat"]) == ("Invocations", "Sum")
    assert (filled["expression"], filled["returnData"]) == ("FILL(value, 0)", True)
    assert (silent["comparisonOperator"], silent["threshold"]) == ("LessThanThreshold", 1)
    assert silent["treatMissingData"] == "breaching"
    rate = dev.one("aws:cloudwatch/eventRule:EventRule").inputs["scheduleExpression"]
    assert value["metric"]["period"] >= 2 * 60 * int(rate.removeprefix("rate(").split(" ", maxsplit=1)[0])


def test_new_failures_raise_an_alarm_while_those_of_before_are_still_there(dev: Recording):
    grows = alarm(dev, "dlq-grows").inputs
    value, growth = grows["metricQueries"]

    assert value["metric"]["metricName"] == "ApproximateNumberOfMessagesVisible"
    assert value["metric"]["dimensions"] == {"QueueName": "webhooks-delivery-dlq-1a2b3c4"}
    assert (growth["expression"], growth["returnData"]) == ("DIFF(value)", True)
    assert (grows["comparisonOperator"], grows["threshold"]) == ("GreaterThanThreshold", 0)


def test_an_event_that_is_owed_for_too_long_is_seen_however_often_it_was_received(dev: Recording):
    stalled = alarm(dev, "stalled-events").inputs
    reconciler = dev.one(FUNCTION, "-reconciler-function")

    assert (stalled["namespace"], stalled["metricName"]) == ("WebhookDelivery", "StalledEvents")
    assert stalled["dimensions"] == {"FunctionName": f"{reconciler.name}-1a2b3c4"}
    assert (stalled["statistic"], stalled["threshold"]) == ("Maximum", 0)


def test_an_event_that_only_waits_for_its_retries_raises_no_alarm(dev: Recording, other_values: Recording):
    longest_wait = (60 + 120 + 240 + 480 + 960) * 1.1
    assert alarm(dev, "oldest-event").inputs["threshold"] > longest_wait
    assert (
        alarm(other_values, "oldest-event").inputs["threshold"]
        < alarm(dev, "oldest-event").inputs["threshold"]
    )


def test_a_deployment_says_how_many_workers_an_account_must_have_room_for(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)

    record(config={**DEV, "workerMaximumConcurrency": "17"})

    assert "up to 17 workers" in caplog.text
    assert "set workerMaximumConcurrency to half of it" in caplog.text


def test_a_certificate_is_waited_for_for_a_quarter_of_an_hour_and_its_record_may_be_there_already(
    prod: Recording,
):
    assert prod.one("aws:acm/certificateValidation:CertificateValidation").create_timeout == "15m"
    assert prod.one("aws:route53/record:Record", "-validation-record").inputs["allowOverwrite"] is True


def test_the_access_log_takes_up_no_room_in_the_accounts_own_policy(dev: Recording):
    group = dev.one("aws:cloudwatch/logGroup:LogGroup", "-access-logs")

    assert group.inputs["namePrefix"].startswith("/aws/vendedlogs/")


def test_dashboards_of_two_stacks_and_of_two_regions_have_different_names(dev: Recording, prod: Recording):
    names = {each.one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardName"] for each in (dev, prod)}

    assert names == {f"webhooks-dev-{REGION}", f"webhooks-prod-{REGION}"}


def test_the_dashboard_shows_the_way_of_an_event_and_its_address_is_an_output(dev: Recording):
    dashboard = dev.one("aws:cloudwatch/dashboard:Dashboard").inputs
    name = dashboard["dashboardName"]
    assert dev.outputs["dashboard_url"] == (
        f"https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}#dashboards/dashboard/{name}"
    )
    widgets = json.loads(dashboard["dashboardBody"])["widgets"]
    namespaces = {metric[0] for widget in widgets for metric in widget["properties"]["metrics"]}
    assert namespaces == {"AWS/ApiGateway", "AWS/SQS", "AWS/Lambda", "AWS/DynamoDB"}
    places = [(widget["x"], widget["y"]) for widget in widgets]
    assert len(set(places)) == len(places)
    assert all(widget["x"] + widget["width"] <= 24 for widget in widgets)


def test_every_setting_reaches_the_resource_that_it_is_for(other_values: Recording):
    worker = other_values.one(FUNCTION, "-worker-function").inputs
    ingest = other_values.one(FUNCTION, "-ingest-function").inputs["environment"]["variables"]
    requeue = other_values.one(FUNCTION, "-requeue-function").inputs["environment"]["variables"]
    reconciler = other_values.one(FUNCTION, "-reconciler-function").inputs["environment"]["variables"]
    mapping = other_values.one(MAPPING).inputs
    assert worker["timeout"] == 22
    assert worker["environment"]["variables"]["WEBHOOK_TIMEOUT_SECONDS"] == "7"
    assert worker["environment"]["variables"]["RETRY_DELAYS_SECONDS"] == "[1, 2]"
    assert worker["environment"]["variables"]["ALLOW_PRIVATE_TARGETS"] == "false"
    assert other_values.one(QUEUE, "-queue").inputs["visibilityTimeoutSeconds"] == 132
    assert json.loads(other_values.one(QUEUE, "-queue").inputs["redrivePolicy"])["maxReceiveCount"] == 3
    assert (ingest["EVENT_RETENTION_DAYS"], ingest["STATUS_INDEX_SHARDS"]) == ("3", "4")
    assert requeue["STATUS_INDEX_SHARDS"] == "4"
    assert (reconciler["STATUS_INDEX_SHARDS"], reconciler["STALLED_AFTER_SECONDS"]) == ("4", "3669")
    assert (mapping["batchSize"], mapping["scalingConfig"]) == (5, {"maximumConcurrency": 6})
    assert {group.inputs["retentionInDays"] for group in other_values.of_type(LOG_GROUP)} == {14}
    throttled = other_values.one("aws:apigatewayv2/stage:Stage").inputs["defaultRouteSettings"]
    assert throttled == {"throttlingRateLimit": 50, "throttlingBurstLimit": 50}


def test_the_other_values_are_of_every_key_that_changes_no_resource_by_being_there():
    tried_elsewhere = {"requeue", "alarmEmail", "allowPrivateTargets", "bundleTarget"}

    assert CONFIGURATIONS["other values"].keys() | tried_elsewhere == Settings.all_keys(), (
        "give the key a value in OTHER of tests/support/configurations.py"
    )


def test_how_long_an_idempotency_key_is_remembered_reaches_ingest():
    recording = record(config={**DEV, "idempotencyHours": "48"})
    ingest = recording.one(FUNCTION, "-ingest-function").inputs["environment"]["variables"]
    assert ingest["IDEMPOTENCY_HOURS"] == "48"


@pytest.mark.parametrize(("minutes", "rate"), [(1, "rate(1 minute)"), (2, "rate(2 minutes)")])
def test_a_schedule_is_written_as_eventbridge_reads_it(minutes: int, rate: str):
    def program() -> None:
        function = aws.lambda_.Function("chime", role="role")
        Schedule("clock", ScheduleArgs(function=function, every_minutes=minutes))

    assert record(program).one(RULE).inputs["scheduleExpression"] == rate
