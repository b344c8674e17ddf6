"""The system as deployed, on this machine: real HTTP, real zips, enforced roles and the real schedule."""

import json
import uuid
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from handlers.model.delivery import Status
from handlers.model.tenant import NewTenant
from local.receiver import Delivery, Receiver, accepts, accepts_after, refuses
from local.stack import LocalStack
from local.waiting import wait_for
from tests.support.lambdas import run_once

SCHEDULE = (60, 120, 240, 480, 960)
SECONDS = 20


@pytest.fixture
def receiver(stack: LocalStack) -> Iterator[Receiver]:
    with Receiver(clock=stack.clock.now) as running:
        yield running


@pytest.fixture
def tenant(stack: LocalStack, receiver: Receiver) -> NewTenant:
    created = stack.create_tenant(f"tenant-{uuid.uuid4()}", receiver.url)
    receiver.trust(created.webhook_secret)
    return created


def attempt(receiver: Receiver, event_id: str, number: int) -> Delivery:
    made = wait_for(f"attempt {number}", lambda: receiver.deliveries(event_id)[number - 1 :], seconds=SECONDS)
    return made[0]


def wait_for_status(stack: LocalStack, tenant: NewTenant, event_id: str, status: str) -> None:
    def reached() -> bool:
        delivery = stack.delivery(tenant.tenant_id, event_id)
        return delivery is not None and delivery.status == status

    wait_for(f"{event_id} {status}", reached, seconds=SECONDS)


def due(stack: LocalStack, failed: Delivery, delay: int) -> int:
    """When the queue hands out the retry of a failed attempt, once that is within delay and jitter."""

    def scheduled() -> int | None:
        for message in stack.queued():
            wait = message.visible_at - failed.at
            if message.event_id == failed.event_id and delay - 1 <= wait <= 1.1 * delay + 1:
                return message.visible_at
        return None

    return wait_for(f"a retry after {delay} s", scheduled, seconds=SECONDS)


def test_an_event_is_accepted_over_http_and_delivered_signed_for_both_libraries(
    stack: LocalStack, receiver: Receiver, tenant: NewTenant
):
    event_id = stack.post_event(tenant.api_key, "order.created", {"total": 4250, "name": "Zoë"})

    delivery = attempt(receiver, event_id, 1)

    assert delivery.verified
    document = json.loads(delivery.body)
    assert (document["id"], document["object"], document["type"]) == (event_id, "event", "order.created")
    assert document["data"] == {"total": 4250, "name": "Zoë"}
    wait_for_status(stack, tenant, event_id, Status.DELIVERED)


def test_an_event_that_fails_is_delivered_by_a_retry_with_the_same_body(
    stack: LocalStack, receiver: Receiver, tenant: NewTenant
):
    receiver.answer("order.paid", accepts_after(1))
    event_id = stack.post_event(tenant.api_key, "order.paid", {})

    stack.clock.advance(due(stack, attempt(receiver, event_id, 1), 60) + 1 - stack.clock.now())

    assert attempt(receiver, event_id, 2).verified
    wait_for_status(stack, tenant, event_id, Status.DELIVERED)
    assert len({delivery.body for delivery in receiver.deliveries(event_id)}) == 1


def test_the_real_schedule_ends_in_the_dlq_after_six_receives_and_a_requeue_delivers(
    stack: LocalStack, receiver: Receiver, tenant: NewTenant
):
    receiver.answer("order.refunded", refuses)
    event_id = stack.post_event(tenant.api_key, "order.refunded", {})

    for number, delay in enumerate(SCHEDULE, start=1):
        failed = attempt(receiver, event_id, number)
        stack.clock.advance(due(stack, failed, delay) + 1 - stack.clock.now())
        waited = attempt(receiver, event_id, number + 1).at - failed.at
        assert waited >= delay

    wait_for_status(stack, tenant, event_id, Status.FAILED)
    (letter,) = wait_for("a dead letter", stack.dead_letters, seconds=SECONDS)
    assert (letter.event_id, letter.receive_count, letter.group_id) == (event_id, 6, tenant.tenant_id)
    assert len(receiver.deliveries(event_id)) == 6

    receiver.answer("order.refunded", accepts)
    report = stack.requeue({"tenantId": tenant.tenant_id})

    assert (report["requeued"], report["eventIds"]) == (1, [event_id])
    assert attempt(receiver, event_id, 7).verified
    wait_for_status(stack, tenant, event_id, Status.DELIVERED)
    assert stack.dead_letters() == []
    assert stack.requeue()["requeued"] == 0


@pytest.mark.parametrize("path", ["/", "/v1/event", "/v1/events/"])
def test_other_paths_are_problem_documents_of_the_api(stack: LocalStack, tenant: NewTenant, path: str):
    answer = stack.request("GET", tenant.api_key, path=path)

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.headers["content-type"] == "application/problem+json"


def test_ingest_without_the_right_to_queue_answers_503_and_with_it_again_202(
    stack: LocalStack, tenant: NewTenant
):
    role = stack.aws.lambda_.get_function_configuration(FunctionName=stack.outputs["ingest_function_name"])[
        "Role"
    ].rpartition("/")[2]
    (name,) = stack.aws.iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole = stack.aws.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    assert isinstance(whole, dict)
    kept = [statement for statement in whole["Statement"] if statement["Action"] != ["sqs:SendMessage"]]
    event = {"type": "order.created", "data": {}}

    def put(document: object) -> None:
        stack.aws.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    put({**whole, "Statement": kept})
    refused = stack.request("POST", tenant.api_key, json=event)
    put(whole)
    accepted = stack.request("POST", tenant.api_key, json=event)

    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert accepted.status_code == HTTPStatus.ACCEPTED


def test_the_role_of_ingest_cannot_read_a_webhook_secret(stack: LocalStack):
    role = stack.aws.lambda_.get_function_configuration(FunctionName=stack.outputs["ingest_function_name"])[
        "Role"
    ]
    source = f"""
        import boto3
        from botocore.exceptions import ClientError

        def get(**how):
            try:
                boto3.client("dynamodb").get_item(
                    TableName={stack.outputs["tenant_table_name"]!r}, Key={{"apiKey": {{"S": "k"}}}}, **how
                )
                return "allowed"
            except ClientError as error:
                return error.response["Error"]["Code"]

        def handler(event, context):
            print("reading")
            return [
                get(ProjectionExpression="tenantId"),
                get(ProjectionExpression="tenantId, webhookSecret"),
                get(),
            ]
    """

    answers = run_once(stack.aws, "read-secret", role, source)

    assert answers == ["allowed", "AccessDeniedException", "AccessDeniedException"]
