"""Let the engine plan the local stack, create it in the emulator, use it, requeue and destroy it."""

import json
from typing import Any

from components.settings import LOCAL
from engine.cli import Pulumi, pulumi_project
from engine.deployed import DeployedStack
from engine.expectations import all_destroyed, exactly, nothing_changed, only
from engine.keys import KEYS, TENANT
from engine.plugin import EMULATOR
from engine.report import Report, Step
from handlers.model.delivery import Status
from local.emulator.aws import Aws
from local.emulator.launcher import Emulator, running_emulator
from local.receiver import Receiver, accepts, refuses
from local.waiting import wait_for

STACK = "local"
# There is one retry, after a second, so that a refused event fails within seconds.
_CONFIG = {"retryDelaysSeconds": "[1]", "bundleTarget": "host", "allowPrivateTargets": "true"}
_TAKEN, _REFUSED = "order.created", "order.refunded"
_PATIENCE_SECONDS = 60


def in_the_emulator(executable: str, report: Report) -> None:
    """Run the steps. Raises AbandonedError if the remaining ones cannot be tried."""
    with running_emulator() as emulator, Receiver() as receiver:
        emulator.wait_until_it_answers()
        with pulumi_project(executable, {EMULATOR: emulator.url, LOCAL: "1"}) as pulumi:
            report.heading(
                f"Stack {STACK!r}, created in the emulator; updates and deletions are only recorded"
            )
            resources = _deploy(pulumi, emulator, report)
            stack = DeployedStack(emulator, pulumi.outputs())
            failed = _use(stack, receiver, report)
            _find_unchanged(pulumi, report, resources)
            _requeue(pulumi, stack, receiver, failed, report)
            _destroy(pulumi, report, resources)


def _deploy(pulumi: Pulumi, emulator: Emulator, report: Report) -> int:
    aws = Aws(emulator.url)
    with report.step("stack init, config set") as step:
        pulumi.run("stack", "init", STACK)
        for key, value in _CONFIG.items():
            pulumi.set(key, value)
        step.counted = f"{len(_CONFIG)} keys"
    with report.step("preview") as step:
        planned = pulumi.operate("preview")
        step.succeeded(planned)
        only(step, planned, "created")
        step.expect(not aws.dynamodb.list_tables()["TableNames"], "it created tables in the emulator")
    with report.step("up") as step:
        done = pulumi.operate("up")
        step.succeeded(done)
        only(step, done, "created")
        step.expect(done.changes.created == planned.changes.created, "it differs from the plan")
        _expect_created(step, aws, pulumi)
    return len(done.changes.created)


def _expect_created(step: Step, aws: Aws, pulumi: Pulumi) -> None:
    """The emulator has tables, functions and queues under the ids that the engine recorded."""
    there = {
        "aws:dynamodb/table:Table": set(aws.dynamodb.list_tables()["TableNames"]),
        "aws:lambda/function:Function": {
            function.get("FunctionName", "") for function in aws.lambda_.list_functions()["Functions"]
        },
        "aws:sqs/queue:Queue": set(aws.sqs.list_queues().get("QueueUrls", [])),
    }
    for type_token, found in there.items():
        recorded = {resource["id"] for resource in pulumi.resources() if resource["type"] == type_token}
        step.expect(
            recorded == found, f"{type_token}: the emulator has {sorted(found)}, not {sorted(recorded)}"
        )


def _use(stack: DeployedStack, receiver: Receiver, report: Report) -> str:
    """Have one event delivered and another refused; return the id of the refused one."""
    with report.step("an event posted to events_url") as step:
        tenant = stack.create_tenant(TENANT, receiver.url)
        receiver.trust(tenant.webhook_secret)
        event_id = stack.post_event(tenant.api_key, _TAKEN, {"order": 1})
        _wait_for_status(stack, event_id, Status.DELIVERED)
        _expect_delivered(step, receiver, event_id, attempts=1)
    with report.step("an event that its receiver refuses") as step:
        receiver.answer(_REFUSED, refuses)
        event_id = stack.post_event(tenant.api_key, _REFUSED, {"order": 2})
        _wait_for_status(stack, event_id, Status.FAILED)
        _expect_delivered(step, receiver, event_id, attempts=2)
    return event_id


def _find_unchanged(pulumi: Pulumi, report: Report, resources: int) -> None:
    for command in ("up", "refresh", "preview"):
        with report.step(f"{command}, with nothing changed") as step:
            operation = pulumi.operate(command)
            step.succeeded(operation)
            nothing_changed(step, operation, resources)


def _requeue(pulumi: Pulumi, stack: DeployedStack, receiver: Receiver, event_id: str, report: Report) -> None:
    receiver.answer(_REFUSED, accepts)
    request = {"tenantId": TENANT}
    with report.step("config set requeue, up") as step:
        result = _requeue_by(pulumi, step, json.dumps(request), "created")
        step.expect(result.get("requeued") == 1, f"requeue_result is {result}, not of one event")
        _wait_for_status(stack, event_id, Status.DELIVERED)
        _expect_delivered(step, receiver, event_id, attempts=3)
    with report.step("config set requeue to another text, up") as step:
        result = _requeue_by(pulumi, step, json.dumps(request) + " ", "replaced")
        step.expect(result.get("requeued") == 0, f"requeue_result is {result}, not of no event")
    with report.step("config rm requeue, up") as step:
        pulumi.run("config", "rm", "requeue")
        operation = pulumi.operate("up")
        step.succeeded(operation)
        only(step, operation, "deleted")
        step.expect("requeue_result" not in pulumi.outputs(), "requeue_result is still there")


def _requeue_by(pulumi: Pulumi, step: Step, text: str, kind: str) -> dict[str, Any]:
    pulumi.set("requeue", text)
    operation = pulumi.operate("up")
    step.succeeded(operation)
    only(step, operation, kind)
    exactly(step, operation, kind, KEYS["requeue"].creates)
    return pulumi.outputs().get("requeue_result", {})


def _destroy(pulumi: Pulumi, report: Report, resources: int) -> None:
    with report.step("destroy") as step:
        all_destroyed(step, pulumi, pulumi.operate("destroy"), resources)


def _wait_for_status(stack: DeployedStack, event_id: str, status: str) -> None:
    def reached() -> bool:
        delivery = stack.delivery(TENANT, event_id)
        return delivery is not None and delivery.status == status

    wait_for(f"{status} for {event_id}", reached, seconds=_PATIENCE_SECONDS)


def _expect_delivered(step: Step, receiver: Receiver, event_id: str, *, attempts: int) -> None:
    made = receiver.deliveries(event_id)
    verified = sum(delivery.verified for delivery in made)
    step.counted = ", ".join(
        filter(None, [step.counted, f"{len(made)} attempts, {verified} verified by both"])
    )
    step.expect(len(made) == attempts, f"{len(made)} attempts, not {attempts}")
    step.expect(verified == len(made), f"{len(made) - verified} attempts were not verified by both libraries")
