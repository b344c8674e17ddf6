"""Promises that every resource of the program keeps in every configuration."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.functions import Functions
from handlers.delivery.retry import MAX_RETRY_AFTER_SECONDS
from handlers.environment import (
    FunctionEnvironment,
    IngestEnvironment,
    ReconcilerEnvironment,
    RequeueEnvironment,
    WorkerEnvironment,
)
from local.constants import ACCOUNT_ID, REGION
from tests.support.recorder import Recording
from tests.support.resources import (
    API,
    FUNCTION,
    LOG_GROUP,
    MAPPING,
    QUEUE,
    ROLE,
    ROLE_POLICY,
    RULE,
    statements,
)

CONTRACT_OUTPUTS = {
    "endpoint_url",
    "events_url",
    "tenant_table_name",
    "events_table_name",
    "queue_url",
    "dlq_url",
    "ingest_function_name",
    "worker_function_name",
    "requeue_function_name",
    "dashboard_url",
}


def allowed(recording: Recording) -> Iterator[dict[str, Any]]:
    for policy in recording.of_type(ROLE_POLICY):
        for statement in statements(policy):
            assert statement["Effect"] == "Allow"
            yield statement


def test_every_resource_is_the_child_of_a_component_whose_name_begins_its_own(recording: Recording):
    components = {component.urn: component for component in recording.components()}
    assert components
    for resource in recording.resources.values():
        parent = components.get(resource.parent)
        if resource.type == "webhooks:index:WebhookDelivery":
            assert "pulumi:pulumi:Stack" in resource.parent
        else:
            assert parent is not None, f"{resource.urn} has no component for a parent"
            assert resource.name.startswith(f"{parent.name}-")


def test_every_component_registers_its_outputs_once_and_takes_none_as_inputs(recording: Recording):
    for component in recording.components():
        assert component.type.startswith("webhooks:index:")
        assert recording.component_outputs[component.urn] == 1
        assert not component.inputs


def test_the_stack_exports_exactly_what_the_contract_names(recording: Recording):
    asked_for = {"requeue_result"} if recording.of_type("aws:lambda/invocation:Invocation") else set()
    assert set(recording.outputs) == CONTRACT_OUTPUTS | asked_for
    assert all(recording.outputs.values())


def test_nothing_the_program_declares_is_a_secret_that_its_state_would_hold(recording: Recording):
    assert not any(resource.secret_inputs for resource in recording.resources.values())
    assert "whsec_" not in json.dumps(recording.outputs)


def test_every_log_group_forgets_and_every_function_writes_to_its_own(recording: Recording):
    groups = recording.of_type(LOG_GROUP)
    assert len(groups) == 5
    assert all(group.inputs["retentionInDays"] > 0 for group in groups)
    for function in recording.of_type(FUNCTION):
        own = function.name.removesuffix("-function") + "-logs"
        assert function.inputs["loggingConfig"]["logGroup"].startswith(own)


def test_no_permission_has_a_wildcard_but_for_the_streams_of_a_log_group(recording: Recording):
    for statement in allowed(recording):
        writes_logs = statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
        resource = statement["Resource"].removesuffix(":*") if writes_logs else statement["Resource"]
        assert "*" not in resource
        assert not any("*" in action for action in statement["Action"])
        assert "Principal" not in statement


def test_every_function_has_a_role_and_a_policy_of_its_own_that_only_lambda_may_take(recording: Recording):
    functions, roles, policies = map(recording.of_type, (FUNCTION, ROLE, ROLE_POLICY))
    assert len(functions) == len(roles) == len(policies) == 4
    assert len({function.inputs["role"] for function in functions}) == 4
    assert len({policy.inputs["role"] for policy in policies}) == 4
    for role in roles:
        assert statements(role, "assumeRolePolicy") == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]


def test_every_function_has_its_permissions_before_it_can_be_invoked(recording: Recording):
    for function in recording.of_type(FUNCTION):
        policy = recording.one(ROLE_POLICY, function.name.removesuffix("-function") + "-policy")
        assert policy.urn in function.dependencies


def test_every_function_runs_python_3_13_on_arm64_without_layers(recording: Recording):
    for function in recording.of_type(FUNCTION):
        assert function.inputs["runtime"] == "python3.13"
        assert function.inputs["architectures"] == ["arm64"]
        assert "layers" not in function.inputs
        assert function.inputs["timeout"] <= 900


@pytest.mark.parametrize(
    ("function", "model"),
    [
        (Functions.ingest, IngestEnvironment),
        (Functions.worker, WorkerEnvironment),
        (Functions.requeue, RequeueEnvironment),
        (Functions.reconciler, ReconcilerEnvironment),
    ],
)
def test_every_function_can_load_the_environment_that_it_is_given(
    recording: Recording, function: Any, model: type[FunctionEnvironment]
):
    name = function.__name__
    declared = recording.one(FUNCTION, f"-{name}-function").inputs
    loaded = model.load(declared["environment"]["variables"]).model_dump()
    assert declared["handler"] == f"handlers.{name}.handler"
    parts = loaded.keys() & recording.outputs.keys()
    assert parts >= {"events_table_name", "queue_url"}
    assert {part: loaded[part] for part in parts} == {part: recording.outputs[part] for part in parts}


def test_a_message_stays_hidden_for_six_times_the_worker_s_timeout(recording: Recording):
    worker = recording.one(FUNCTION, "-worker-function").inputs
    queue = recording.one(QUEUE, "-queue").inputs
    assert queue["visibilityTimeoutSeconds"] == 6 * worker["timeout"]
    webhook_timeout = json.loads(worker["environment"]["variables"]["WEBHOOK_TIMEOUT_SECONDS"])
    assert worker["timeout"] == webhook_timeout + 15


def test_a_message_is_handed_out_once_more_than_there_are_retries(recording: Recording):
    worker = recording.one(FUNCTION, "-worker-function").inputs
    delays = json.loads(worker["environment"]["variables"]["RETRY_DELAYS_SECONDS"])
    redrive = json.loads(recording.one(QUEUE, "-queue").inputs["redrivePolicy"])
    assert redrive["maxReceiveCount"] == len(delays) + 1
    assert redrive["deadLetterTargetArn"].endswith("-dlq")


def test_messages_last_for_two_weeks_and_only_the_queue_may_fill_the_dlq(recording: Recording):
    for queue in recording.of_type(QUEUE):
        assert queue.inputs["messageRetentionSeconds"] == 14 * 24 * 3600
    allow = recording.one("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy").inputs
    policy = json.loads(allow["redriveAllowPolicy"])
    assert policy["redrivePermission"] == "byQueue"
    assert [arn.rpartition("-")[2] for arn in policy["sourceQueueArns"]] == ["queue"]
    assert allow["queueUrl"] == recording.outputs["dlq_url"]


def test_the_worker_takes_batches_at_once_and_reports_each_failure(recording: Recording):
    mapping = recording.one(MAPPING).inputs
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["maximumBatchingWindowInSeconds"] == 0
    assert 1 <= mapping["batchSize"] <= 10
    assert 2 <= mapping["scalingConfig"]["maximumConcurrency"] <= 1000
    assert mapping["eventSourceArn"].endswith("-queue")
    assert mapping["functionName"].endswith("-worker-function")
    assert not any(
        "reservedConcurrentExecutions" in function.inputs for function in recording.of_type(FUNCTION)
    )


def test_every_permission_to_invoke_names_who_may(recording: Recording):
    api, rule = recording.one(API), recording.one(RULE)
    reconciler = recording.one(FUNCTION, "-reconciler-function")
    assert {
        (permission.inputs["principal"], permission.inputs["function"], permission.inputs.get("sourceArn"))
        for permission in recording.of_type("aws:lambda/permission:Permission")
    } == {
        (
            "apigateway.amazonaws.com",
            recording.outputs["ingest_function_name"],
            f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{api.name}/*",
        ),
        (
            "events.amazonaws.com",
            f"{reconciler.name}-1a2b3c4",
            f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/{rule.name}-1a2b3c4",
        ),
    }


def test_a_run_of_the_reconciler_ends_before_the_next_begins(recording: Recording):
    rule, target = recording.one(RULE), recording.one("aws:cloudwatch/eventTarget:EventTarget").inputs
    reconciler = recording.one(FUNCTION, "-reconciler-function")
    assert rule.inputs["scheduleExpression"] == "rate(10 minutes)"
    assert reconciler.inputs["timeout"] < 10 * 60
    assert target["rule"] == f"{rule.name}-1a2b3c4"
    assert target["arn"].endswith(f"/{reconciler.name}")


def test_an_event_that_only_waits_for_a_retry_is_not_taken_for_lost(recording: Recording):
    worker = recording.one(FUNCTION, "-worker-function").inputs
    reconciler = recording.one(FUNCTION, "-reconciler-function").inputs["environment"]["variables"]
    delays = json.loads(worker["environment"]["variables"]["RETRY_DELAYS_SECONDS"])
    longest_wait = max(1.1 * max(delays), MAX_RETRY_AFTER_SECONDS)
    assert json.loads(reconciler["STALLED_AFTER_SECONDS"]) > longest_wait + worker["timeout"]


def test_every_request_goes_to_ingest_under_both_throttling_limits(recording: Recording):
    integration = recording.one("aws:apigatewayv2/integration:Integration")
    assert "-ingest-function" in integration.inputs["integrationUri"]
    assert integration.inputs["payloadFormatVersion"] == "2.0"
    routes = recording.of_type("aws:apigatewayv2/route:Route")
    assert {route.inputs["routeKey"] for route in routes} == {"POST /v1/events", "$default"}
    assert {route.inputs.get("target") for route in routes} == {f"integrations/{integration.name}-id"}
    stage = recording.one("aws:apigatewayv2/stage:Stage").inputs
    assert stage["name"] == "$default"
    assert stage["autoDeploy"] is True
    assert stage["defaultRouteSettings"]["throttlingRateLimit"] > 0
    assert stage["defaultRouteSettings"]["throttlingBurstLimit"] > 0


def test_the_access_log_is_json_and_holds_no_header_body_or_query(recording: Recording):
    log = recording.one("aws:apigatewayv2/stage:Stage").inputs["accessLogSettings"]
    assert log["destinationArn"].endswith("-access-logs")
    variables = set(json.loads(log["format"]).values())
    assert "$context.status" in variables
    assert all(variable.startswith("$context.") for variable in variables)
    assert not any(word in log["format"].lower() for word in ("header", "authorizer", "body", "query"))


def test_a_preview_registers_the_same_resources_though_nothing_is_known_yet(
    deployed_and_previewed: tuple[Recording, Recording],
):
    deployed, previewed = deployed_and_previewed
    assert set(previewed.resources) == set(deployed.resources)
    assert set(previewed.outputs) == set(deployed.outputs)
    assert None not in previewed.outputs.values()
