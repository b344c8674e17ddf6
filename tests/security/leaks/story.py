"""The whole system at work and in every kind of trouble, with marked secrets."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any

from handlers.model.delivery import Status
from handlers.model.tenant import API_KEY_PREFIX, hash_api_key
from handlers.store import schema
from handlers.store.table import typed
from local.receiver import Receiver, accepts, refuses
from local.stack import LocalStack
from local.waiting import wait_for
from tests.security.leaks.gathering import gather
from tests.security.leaks.marks import WEBHOOK_SECRET_PREFIX
from tests.security.leaks.system import (
    ANSWERS,
    DELIVERIES,
    DLQ,
    EVENTS,
    OPS,
    PAYLOADS,
    QUEUE,
    SECONDS,
    SHOWN_ONCE,
    TENANTS,
    MarkedSystem,
)
from tests.security.permissions.roles import read_roles
from tests.support.raw_receiver import answers, receiver

_TAKEN, _REFUSED = "order.created", "order.refused"


def run_marked_system(folder: Path) -> MarkedSystem:
    """Run everything once, into every kind of trouble, and gather everything that was written.

    Args:
        folder: an empty folder for the file of outputs.
    """
    config = {
        "retryDelaysSeconds": [1],
        "webhookTimeoutSeconds": 3,
        "requeue": json.dumps({"dryRun": True}),
    }
    with LocalStack(config=config) as stack, Receiver() as receiver:
        outputs_file = folder / "ready.json"
        outputs_file.write_text(json.dumps({**stack.outputs, "aws_endpoint_url": stack.url}))
        system = MarkedSystem(stack=stack, receiver=receiver, outputs_file=outputs_file)
        api_key = _tenant_at_work(system)
        _strangers(system, api_key)
        _wrong_bodies(system, api_key)
        _trouble_with_aws(system, api_key)
        _trouble_with_receivers(system)
        _trouble_with_tenants(system)
        _operator_s_mistakes(system, api_key)
        system.invoke(read_roles(stack.aws)["reconciler"].function_name, {})
        gather(system)
    return system


def _tenant_at_work(system: MarkedSystem) -> str:
    """Deliveries and failures, a requeue, and every rotation; returns the key that is left."""
    token = system.marked("a token in the target URL", OPS, TENANTS, EVENTS)
    url = f"{system.receiver.url}/{token}?token={token}"
    created = system.ops("tenants", "create", "--tenant-id", "acme", "--target-url", url, place=SHOWN_ONCE)
    first = system.mark_key("the first API key", created["apiKey"], SHOWN_ONCE)
    system.mark_secret("the first webhook secret", created["webhookSecret"])
    system.receiver.trust(created["webhookSecret"])
    payload = system.marked("a payload", PAYLOADS, DELIVERIES)
    taken = system.post_event(first, _TAKEN, {"card": payload})
    system.receiver.answer(_REFUSED, refuses)
    refused = system.post_event(first, _REFUSED, {"card": payload})
    system.wait_for_status("acme", taken, Status.DELIVERED)
    system.stack.clock.advance(5)
    system.wait_for_status("acme", refused, Status.FAILED)
    wait_for("a dead letter", system.stack.dead_letters, seconds=SECONDS)
    rotated = system.ops("tenants", "rotate-secret", "acme", place=SHOWN_ONCE)
    system.mark_secret("the rotated webhook secret", rotated["webhookSecret"])
    added = system.ops("tenants", "rotate-key", "acme", place=SHOWN_ONCE)
    second = system.mark_key("the second API key", added["apiKey"], SHOWN_ONCE)
    system.ops("tenants", "disable", "acme", "--key-id", *added["otherActiveKeyIds"])
    system.receiver.answer(_REFUSED, accepts)
    system.ops("requeue", "--tenant-id", "acme")
    system.wait_for_status("acme", refused, Status.DELIVERED)
    for command in (["list"], ["show", "acme"], ["set-url", "acme", "--target-url", url]):
        system.ops("tenants", *command)
    return second


def _strangers(system: MarkedSystem, api_key: str) -> None:
    """Keys that nobody here has, some of other systems, and keys in the wrong places."""
    body = json.dumps({"type": _TAKEN, "data": {}})
    unknown = API_KEY_PREFIX + secrets.token_urlsafe(32)
    system.mark("an unknown API key", unknown, prefix=API_KEY_PREFIX)
    foreign = system.marked("a key of another system")
    password = system.marked("a password")
    basic = base64.b64encode(f"producer:{password}".encode()).decode()
    for headers in (
        {"Authorization": f"Bearer {unknown}"},
        {"X-Api-Key": foreign},
        {"Authorization": foreign},
        {"Authorization": f"Basic {basic}"},
        {"Authorization": f"Bearer {api_key}", "X-Api-Key": foreign},
        {"Cookie": f"session={foreign}"},
    ):
        assert system.post(headers, body).status_code in {400, 401}
    system.post({}, body, query=f"?apiKey={api_key}")


def _wrong_bodies(system: MarkedSystem, api_key: str) -> None:
    payload = system.marked("a payload that is refused", ANSWERS)
    key = {"Authorization": f"Bearer {api_key}"}
    for body in (
        f'{{"type": "{_TAKEN}", "data": {{"card": "{payload}"}}',
        f'{{"type": "{payload} ", "data": {{}}}}',
        f'{{"type": "{_TAKEN}", "data": "{payload}"}}',
        f'{{"type": "{_TAKEN}", "data": {{}}, "card": "{payload}"}}',
        json.dumps({"type": _TAKEN, "data": {"card": payload, "rest": "." * 300_000}}),
    ):
        assert system.post(key, body).status_code in {400, 413}
    system.post({**key, "Idempotency-Key": f"{payload} "}, "{}")
    system.post({**key, "Content-Type": f"text/plain; boundary={payload}"}, "{}")


def _trouble_with_aws(system: MarkedSystem, api_key: str) -> None:
    """AWS refuses calls, so that functions log their exceptions."""
    payload = system.marked("a payload in trouble", PAYLOADS, DELIVERIES)
    body = json.dumps({"type": _TAKEN, "data": {"card": payload}})
    key = {"Authorization": f"Bearer {api_key}"}
    outputs = system.stack.outputs
    for action in ("dynamodb:PutItem", "sqs:SendMessage", "dynamodb:GetItem"):
        with system.without("ingest", action):
            system.post({**key, "Idempotency-Key": action}, body)
    for action in ("dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:UpdateItem"):
        with system.without("worker", action):
            event_id = system.post_event(api_key, f"order.{action.partition(':')[2]}", {"card": payload})
            message = json.dumps({"tenantId": "acme", "eventId": event_id})
            system.invoke(outputs["worker_function_name"], {"Records": [_record(message)]})
    with system.without("requeue", "dynamodb:Query"):
        system.invoke(outputs["requeue_function_name"], {})


def _trouble_with_receivers(system: MarkedSystem) -> None:
    """Connections to URLs with a token fail in every way: what libraries say of them names the URL."""
    token = system.marked("a token in the URL of a receiver in trouble", TENANTS, EVENTS)
    with receiver(answers()) as hangs_up, receiver(answers(b"no HTTP")) as other:
        urls = {
            "refused": "http://127.0.0.1:9/",
            "hangs-up": hangs_up.url,
            "no-http": other.url,
            # This receiver waits for a request that never comes, and is cut off.
            "no-tls": other.url.replace("http://", "https://"),
        }
        for tenant_id, url in urls.items():
            created = system.stack.create_tenant(tenant_id, f"{url}?token={token}")
            event_id = system.post_event(created.api_key, _TAKEN, {})
            system.stack.clock.advance(5)
            system.wait_for_status(tenant_id, event_id, Status.FAILED)


def _trouble_with_tenants(system: MarkedSystem) -> None:
    """Tenants that no command creates: their deliveries fail before anything is sent."""
    malformed = system.marked("a malformed webhook secret", TENANTS)
    credentials = system.marked("credentials in a target URL", TENANTS, EVENTS)
    for tenant_id, attribute, value in (
        ("malformed", schema.WEBHOOK_SECRET, f"{WEBHOOK_SECRET_PREFIX}!{malformed}"),
        ("forbidden", schema.TARGET_URL, f"ftp://user:{credentials}@receiver.example/"),
    ):
        created = system.stack.create_tenant(tenant_id, system.receiver.url)
        api_key = system.mark_key(f"the API key of {tenant_id}", created.api_key)
        system.stack.aws.dynamodb.update_item(
            TableName=system.stack.outputs["tenant_table_name"],
            Key=typed({schema.API_KEY: hash_api_key(api_key)}),
            UpdateExpression="SET #attribute = :value",
            ExpressionAttributeNames={"#attribute": attribute},
            ExpressionAttributeValues=typed({":value": value}),
        )
        event_id = system.post_event(api_key, _TAKEN, {})
        system.stack.clock.advance(5)
        system.wait_for_status(tenant_id, event_id, Status.FAILED)


def _operator_s_mistakes(system: MarkedSystem, api_key: str) -> None:
    """An operator gives secrets where none is asked for."""
    outputs = system.stack.outputs
    password = system.marked("passwords in URLs that are refused")
    lost = system.marked("what a malformed message holds", QUEUE, DLQ)
    for url in (
        f"https://user:{password}@receiver.example/",
        f"ftp://user:{password}@receiver.example/",
        f"https://user:{password}@receiver.example:99999/",
        f"https://user:{password}@receiver.example/ /",
    ):
        system.ops("tenants", "create", "--tenant-id", "other", "--target-url", url)
    system.ops("tenants", "set-url", "acme", "--target-url", url)
    system.ops("tenants", "disable", "acme", "--key-id", API_KEY_PREFIX + system.marked("a key by mistake"))
    for wrong in ({"apiKey": api_key, "limit": 0}, {"since": api_key}, {"tenantId": [api_key]}, api_key):
        system.invoke(outputs["requeue_function_name"], wrong)
    for body in (json.dumps({"card": lost}), lost):
        system.stack.aws.sqs.send_message(QueueUrl=outputs["queue_url"], MessageBody=body)
        system.invoke(outputs["worker_function_name"], {"Records": [_record(body)]})


def _record(body: str) -> dict[str, Any]:
    return {
        "messageId": "handed-over-by-hand",
        "receiptHandle": "none",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
    }
