"""The whole system at work and in trouble, with secrets that can be told from everything else."""

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from handlers import schema
from handlers.domain.items import decode_body, plain, typed
from handlers.domain.tenants import hash_api_key
from local.errors import LocalStackError
from local.launcher import REPO
from local.receiver import Receiver, accepts, refuses
from local.resources.functions import invoke
from local.stack import LocalStack
from local.waiting import wait_for
from tests.security.leaks.marks import WEBHOOK_SECRET_PREFIX, Mark, Traces

SECONDS = 30.0
_API_KEY_PREFIX = "whk_"
_TAKEN, _REFUSED = "order.created", "order.refused"

# Where secrets belong; every other place is a leak.
SHOWN_ONCE = "ops shown once"
OPS = "ops"
TENANTS, EVENTS, PAYLOADS = "table TenantApiKeys", "table Events", "payloads of table Events"
ANSWERS, DELIVERIES = "answers to producers", "deliveries"
LOG_GROUP = "log group"
QUEUE, DLQ = "message of the queue", "message of the DLQ"


@dataclass(kw_only=True)
class MarkedSystem:
    """A running stack, its marked secrets with the places where each belongs, and what was written so far."""

    stack: LocalStack
    receiver: Receiver
    outputs_file: Path
    traces: Traces = field(default_factory=Traces)
    marks: dict[Mark, Sequence[str]] = field(default_factory=dict[Mark, Sequence[str]])

    def mark(self, name: str, text: str, *belongs: str, prefix: str = "") -> str:
        """Look for this secret from now on; gives it."""
        self.marks[Mark(name=name, text=text, prefix=prefix)] = belongs
        return text

    def marked(self, name: str, *belongs: str) -> str:
        """A new secret."""
        return self.mark(name, secrets.token_urlsafe(32), *belongs)

    def ops(self, *arguments: str, place: str = OPS) -> Any:
        """Run an operator's command with `--json`; gives what it printed, if it did."""
        done = subprocess.run(
            [sys.executable, "-m", "ops", "--outputs", str(self.outputs_file), *arguments, "--json"],
            cwd=REPO,
            capture_output=True,
            check=False,
        )
        self.traces.add(place, done.stdout)
        self.traces.add("standard error of ops", done.stderr)
        return json.loads(done.stdout) if done.stdout else None

    def post(self, headers: Mapping[str, str], body: str | bytes, *, query: str = "") -> requests.Response:
        """Send a request as it is; what comes back is kept."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                self.stack.outputs["events_url"] + query,
                data=body,
                headers={"Content-Type": "application/json", **headers},
                timeout=SECONDS,
            )
        self.traces.add(ANSWERS, f"{answer.status_code} {dict(answer.headers)} {answer.text}\n")
        return answer

    def post_event(self, api_key: str, event_type: str, data: Mapping[str, Any]) -> str:
        """Send an event that is accepted; gives its id."""
        body = json.dumps({"type": event_type, "data": data})
        answer = self.post({"Authorization": f"Bearer {api_key}", "Idempotency-Key": event_type}, body)
        assert answer.status_code == requests.codes.accepted, answer.text
        return answer.json()["id"]

    def wait_for_status(self, tenant_id: str, event_id: str, status: str) -> None:
        """Return once an event has this status."""

        def reached() -> bool:
            event = self.stack.event(tenant_id, event_id)
            return event is not None and event.status == status

        wait_for(f"{status} for {event_id}", reached, seconds=SECONDS)

    def function(self, module: str) -> str:
        """The deployed name of a function."""
        names = [found["FunctionName"] for found in self.stack.aws.lambda_.list_functions()["Functions"]]
        (name,) = (name for name in names if f"-{module}-function" in name)
        return name

    def invoke(self, function: str, event: Any) -> None:
        """Invoke a function; what it says is kept, whether it succeeds or not."""
        try:
            self.traces.add("answers of functions", invoke(self.stack.aws, function, json.dumps(event)))
        except LocalStackError as error:
            self.traces.add("answers of functions", str(error).replace(json.dumps(event), ""))

    @contextmanager
    def without(self, function: str, action: str) -> Generator[None]:
        """A function's role lacks an action while the context lasts."""
        iam = self.stack.aws.iam
        configuration = self.stack.aws.lambda_.get_function_configuration(FunctionName=function)
        role = configuration["Role"].rpartition("/")[2]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        whole: Any = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        kept = [
            {**statement, "Action": [given for given in statement["Action"] if given != action]}
            for statement in whole["Statement"]
        ]
        lesser = {**whole, "Statement": [statement for statement in kept if statement["Action"]]}
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(lesser))
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(whole))


def run_marked_system(folder: Path) -> MarkedSystem:
    """Run everything once, into every kind of trouble, and gather all that was written.

    Args:
        folder: an empty one, for the outputs' file.
    """
    config = {"retryDelaysSeconds": [1], "requeue": json.dumps({"dryRun": True})}
    with LocalStack(config=config) as stack, Receiver() as receiver:
        outputs_file = folder / "ready.json"
        outputs_file.write_text(json.dumps({**stack.outputs, "aws_endpoint_url": stack.url}))
        system = MarkedSystem(stack=stack, receiver=receiver, outputs_file=outputs_file)
        api_key = _tenant_at_work(system)
        _strangers(system, api_key)
        _wrong_bodies(system, api_key)
        _trouble_with_aws(system, api_key)
        _trouble_with_tenants(system)
        _operator_s_mistakes(system, api_key)
        system.invoke(system.function("reconciler"), {})
        _gather(system)
    return system


def _tenant_at_work(system: MarkedSystem) -> str:
    """Events that are delivered and that fail, a requeue, and every rotation; gives the key that is left."""
    token = system.marked("a token in the target URL", OPS, TENANTS, EVENTS)
    url = f"{system.receiver.url}/{token}?token={token}"
    created = system.ops("tenants", "create", "--tenant-id", "acme", "--target-url", url, place=SHOWN_ONCE)
    first = _mark_key(system, "the first API key", created["apiKey"])
    _mark_secret(system, "the first webhook secret", created["webhookSecret"])
    system.receiver.trust(created["webhookSecret"])
    payload = system.marked("a payload", PAYLOADS, DELIVERIES)
    taken = system.post_event(first, _TAKEN, {"card": payload})
    system.receiver.answer(_REFUSED, refuses)
    refused = system.post_event(first, _REFUSED, {"card": payload})
    system.wait_for_status("acme", taken, schema.DELIVERED)
    system.stack.clock.advance(5)
    system.wait_for_status("acme", refused, schema.FAILED)
    wait_for("a dead letter", system.stack.dead_letters, seconds=SECONDS)
    rotated = system.ops("tenants", "rotate-secret", "acme", place=SHOWN_ONCE)
    _mark_secret(system, "the rotated webhook secret", rotated["webhookSecret"])
    added = system.ops("tenants", "rotate-key", "acme", place=SHOWN_ONCE)
    second = _mark_key(system, "the second API key", added["apiKey"])
    system.ops("tenants", "disable", "acme", "--key-id", *added["otherActiveKeyIds"])
    system.receiver.answer(_REFUSED, accepts)
    system.ops("requeue", "--tenant-id", "acme")
    system.wait_for_status("acme", refused, schema.DELIVERED)
    for command in (["list"], ["show", "acme"], ["set-url", "acme", "--target-url", url]):
        system.ops("tenants", *command)
    return second


def _strangers(system: MarkedSystem, api_key: str) -> None:
    """Keys that nobody has here, some of them of other systems, and keys in the wrong places."""
    body = json.dumps({"type": _TAKEN, "data": {}})
    unknown = _API_KEY_PREFIX + secrets.token_urlsafe(32)
    system.mark("an unknown API key", unknown, prefix=_API_KEY_PREFIX)
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
    """Calls that AWS refuses, so that functions log their exceptions."""
    payload = system.marked("a payload in trouble", PAYLOADS, DELIVERIES)
    body = json.dumps({"type": _TAKEN, "data": {"card": payload}})
    key = {"Authorization": f"Bearer {api_key}"}
    outputs = system.stack.outputs
    for action in ("dynamodb:PutItem", "sqs:SendMessage", "dynamodb:GetItem"):
        with system.without(outputs["ingest_function_name"], action):
            system.post({**key, "Idempotency-Key": action}, body)
    for action in ("dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:UpdateItem"):
        with system.without(outputs["worker_function_name"], action):
            event_id = system.post_event(api_key, f"order.{action.partition(':')[2]}", {"card": payload})
            message = json.dumps({"tenantId": "acme", "eventId": event_id})
            system.invoke(outputs["worker_function_name"], {"Records": [_record(message)]})
    with system.without(outputs["requeue_function_name"], "dynamodb:Query"):
        system.invoke(outputs["requeue_function_name"], {})


def _trouble_with_tenants(system: MarkedSystem) -> None:
    """Tenants as no command creates them: deliveries to them fail before anything is sent."""
    malformed = system.marked("a malformed webhook secret", TENANTS)
    credentials = system.marked("credentials in a target URL", TENANTS, EVENTS)
    for tenant_id, changes in {
        "malformed": {schema.WEBHOOK_SECRET: f"{WEBHOOK_SECRET_PREFIX}!{malformed}"},
        "forbidden": {schema.TARGET_URL: f"ftp://user:{credentials}@receiver.example/"},
    }.items():
        created = system.stack.create_tenant(tenant_id, system.receiver.url)
        api_key = _mark_key(system, f"the API key of {tenant_id}", created.api_key, shown=False)
        row = {
            schema.API_KEY: hash_api_key(api_key),
            schema.TENANT_ID: tenant_id,
            schema.TARGET_URL: system.receiver.url,
            schema.WEBHOOK_SECRET: created.webhook_secret,
            schema.STATE: schema.ACTIVE,
            schema.CREATED_AT: "2026-11-23T10:00:00.000Z",
        }
        system.stack.aws.dynamodb.put_item(
            TableName=system.stack.outputs["tenant_table_name"], Item=typed(row | changes)
        )
        event_id = system.post_event(api_key, _TAKEN, {})
        system.stack.clock.advance(5)
        system.wait_for_status(tenant_id, event_id, schema.FAILED)


def _operator_s_mistakes(system: MarkedSystem, api_key: str) -> None:
    """Secrets where they are not asked for."""
    outputs = system.stack.outputs
    password = system.marked("a password in a URL that is refused")
    lost = system.marked("what a malformed message holds", QUEUE, DLQ)
    url = f"https://user:{password}@receiver.example/"
    system.ops("tenants", "create", "--tenant-id", "other", "--target-url", url)
    system.ops("tenants", "set-url", "acme", "--target-url", url)
    system.invoke(outputs["requeue_function_name"], {"apiKey": api_key, "limit": 0})
    for body in (json.dumps({"card": lost}), lost):
        system.stack.aws.sqs.send_message(QueueUrl=outputs["queue_url"], MessageBody=body)
        system.invoke(outputs["worker_function_name"], {"Records": [_record(body)]})


def _gather(system: MarkedSystem) -> None:
    """All that was written: logs, tables, queues, configuration, files."""
    stack, traces, aws = system.stack, system.traces, system.stack.aws
    traces.add("stack outputs", json.dumps(dict(stack.outputs)))
    traces.add("log of the emulator", (stack.emulator.private / "emulator.log").read_bytes())
    for group in aws.logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for stream in aws.logs.describe_log_streams(logGroupName=name)["logStreams"]:
            events = aws.logs.get_log_events(
                logGroupName=name, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
            traces.add(f"{LOG_GROUP} {name}", "\n".join(event["message"] for event in events))
    for function in aws.lambda_.list_functions()["Functions"]:
        traces.add("configuration of functions", json.dumps(function, default=str))
    for table, place in (("tenant_table_name", TENANTS), ("events_table_name", EVENTS)):
        for item in aws.dynamodb.scan(TableName=stack.outputs[table])["Items"]:
            values = plain(item)
            if schema.PAYLOAD in values:
                traces.add(PAYLOADS, decode_body(values))
                del values[schema.PAYLOAD]
            traces.add(place, json.dumps(values, default=str))
    for message in stack.queued():
        traces.add(QUEUE, message.body)
    for message in stack.dead_letters():
        traces.add(DLQ, message.body)
    for delivery in system.receiver.deliveries():
        traces.add(DELIVERIES, delivery.body)
    _gather_files(traces, stack.emulator.private)
    _gather_processes(traces, stack.emulator.process.pid)


def _gather_files(traces: Traces, folder: Path) -> None:
    """Every file of the emulator, but for the code of the functions, which was there before any secret."""
    for root, folders, names in os.walk(folder):
        if "code" in folders:
            folders.remove("code")
        for name in names:
            if name != "code.zip":
                traces.add("files of the emulator", (Path(root) / name).read_bytes())


def _gather_processes(traces: Traces, root: int) -> None:
    """What others on the machine may see of the emulator and of the functions that it runs."""
    emulator = psutil.Process(root)
    for process in (emulator, *emulator.children(recursive=True)):
        traces.add("command lines and environments", f"{process.cmdline()} {process.environ()}\n")


def _mark_key(system: MarkedSystem, name: str, api_key: str, *, shown: bool = True) -> str:
    return system.mark(name, api_key, *([SHOWN_ONCE] if shown else []), prefix=_API_KEY_PREFIX)


def _mark_secret(system: MarkedSystem, name: str, webhook_secret: str) -> None:
    system.mark(name, webhook_secret, SHOWN_ONCE, TENANTS, prefix=WEBHOOK_SECRET_PREFIX)


def _record(body: str) -> dict[str, Any]:
    return {
        "messageId": "handed-over-by-hand",
        "receiptHandle": "none",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
    }
