"""The IAM policies allow all that the program and these commands do, and no more."""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import typer.main
from botocore.client import BaseClient
from typer.core import TyperGroup

from handlers.recovery.requeue_report import RequeueReport
from handlers.store import schema
from ops import policies
from ops.__main__ import app
from tests.support.command_line import Ops, run_ops
from tests.support.configurations import every_recording, recorded
from tests.support.moto_aws import TENANT_TABLE, Aws

DEPLOYER, OPERATOR = policies.deployer_policy(), policies.operator_policy()
OURS = ("webhooks-", "/aws/vendedlogs/webhooks-")
# Types whose physical name is in the ARN that IAM checks.
NAMED = {
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:dynamodb/table:Table",
    "aws:iam/role:Role",
    "aws:lambda/function:Function",
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
}


def statements(policy: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    by_sid = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert len(by_sid) == len(policy["Statement"])
    return by_sid


def test_the_table_has_a_row_for_each_type_that_the_program_declares_and_no_other() -> None:
    declared = {
        found.type for one in every_recording().values() for found in one.resources.values() if found.custom
    }

    assert declared == policies.RESOURCES.keys(), "RESOURCES in ops/policies.py has a row for every type"


def test_and_for_each_lookup_and_no_other() -> None:
    lookups = {token for one in every_recording().values() for token in one.lookups}

    assert lookups == policies.LOOKUPS.keys()


def test_every_name_that_iam_is_asked_for_begins_as_the_policy_says() -> None:
    found = [
        one
        for recording in every_recording().values()
        for one in recording.resources.values()
        if one.type in NAMED
    ]
    names = {
        one.inputs.get("name")
        or one.inputs.get("namePrefix")
        or one.inputs.get("dashboardName")
        or one.name  # Pulumi begins the name that it makes up with it
        for one in found
    }

    assert {one.type for one in found} == NAMED
    assert [name for name in names if not name.startswith(OURS)] == []


def test_each_scope_is_limited_to_the_programs_names_or_says_why_not() -> None:
    used = {place.split()[1] for needs in all_needs() for place in needs}

    assert used == policies.SCOPES.keys()
    for sid, scope in policies.SCOPES.items():
        limited = all("webhooks-" in resource for resource in scope.resources)
        assert limited != bool(scope.unlimited), sid
        assert "*" not in scope.resources or scope.unlimited == policies._NO_RESOURCE, sid


def all_needs() -> Iterator[policies.Needs]:
    yield policies.PROVIDER
    yield from policies.RESOURCES.values()
    yield from policies.LOOKUPS.values()


@pytest.mark.parametrize("policy", [DEPLOYER, OPERATOR], ids=["deployer", "operator"])
def test_a_policy_is_one_that_iam_takes(policy: Mapping[str, Any]) -> None:
    assert policy["Version"] == "2012-10-17"
    assert len("".join(json.dumps(policy).split())) <= policies.LONGEST
    for sid, statement in statements(policy).items():
        assert re.fullmatch(r"[A-Za-z0-9]+", sid)
        assert statement["Effect"] == "Allow"
        assert statement["Resource"]
        assert statement["Action"]
        for action in statement["Action"]:
            assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action), f"{sid}: {action}"


def test_a_role_can_be_passed_to_lambda_alone() -> None:
    (passing,) = [one for one in DEPLOYER["Statement"] if "iam:PassRole" in one["Action"]]

    assert passing["Action"] == ["iam:PassRole"]
    assert passing["Resource"] == ["arn:aws:iam::*:role/webhooks-*"]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}


def test_the_deployer_touches_no_item_and_no_message() -> None:
    actions = {action for one in DEPLOYER["Statement"] for action in one["Action"]}

    assert not actions & {
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    }


@pytest.mark.parametrize("name", ["deployer", "operator"])
def test_a_policy_is_printed_without_a_stack_and_without_credentials(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)

    done = run_ops(capsys, ["policies", name])

    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"deployer": DEPLOYER, "operator": OPERATOR}[name]


def test_the_operators_policy_names_the_table_and_the_function_of_the_outputs() -> None:
    outputs = recorded("dev").outputs
    granted = statements(OPERATOR)

    assert fnmatchcase(f"table/{outputs['tenant_table_name']}", resource_of(granted["Tenants"]))
    assert fnmatchcase(f"function:{outputs['requeue_function_name']}", resource_of(granted["Requeue"]))
    assert not fnmatchcase(f"table/{outputs['events_table_name']}", resource_of(granted["Tenants"]))
    assert not fnmatchcase(f"function:{outputs['worker_function_name']}", resource_of(granted["Requeue"]))


def resource_of(statement: Mapping[str, Any]) -> str:
    (arn,) = statement["Resource"]
    return arn.split(":", maxsplit=5)[5]


COMMANDS: Mapping[str, Sequence[str]] = {
    "tenants create": ("--tenant-id", "acme", "--target-url", "https://acme.example/"),
    "tenants list": (),
    "tenants show": ("acme",),
    "tenants rotate-key": ("acme",),
    "tenants rotate-secret": ("acme",),
    "tenants disable": ("acme",),
    "tenants enable": ("acme",),
    "tenants set-url": ("acme", "https://new.example/"),
    "seed": (),
    "requeue": (),
}


def test_the_operator_may_do_what_the_commands_do_and_no_more(
    ops: Ops, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = Actions(aws)

    def make_api_call(client: Any, operation: str, request: dict[str, Any]) -> Any:
        return actions.record(client, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)

    for command, arguments in COMMANDS.items():
        ops(*command.split(), *arguments)
    actions.rival = True
    ops("tenants", "create", "--tenant-id", "shop", "--target-url", "https://shop.example/")

    granted = statements(OPERATOR)
    assert granted.keys() == {"Tenants", "Requeue"}
    assert actions.made == {action for one in granted.values() for action in one["Action"]}


def test_and_these_are_all_commands_that_reach_a_stack() -> None:
    commands = {
        f"{group} {name}".strip()
        for group, found in groups().items()
        for name in found
        if group != "policies"
    }

    assert commands == COMMANDS.keys()


def groups() -> dict[str, set[str]]:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    inner = {name: set(one.commands) for name, one in root.commands.items() if isinstance(one, TyperGroup)}
    return inner | {"": root.commands.keys() - inner.keys()}


class Actions:
    """Records what every boto3 client asks AWS for, as IAM calls it.

    Attributes:
        rival: whether somebody else creates the same tenant, right after our row is written.
    """

    def __init__(self, aws: Aws) -> None:
        self.made: set[str] = set()
        self.rival = False
        self._aws = aws
        self._make = BaseClient._make_api_call

    def record(self, client: Any, operation: str, request: dict[str, Any]) -> Any:
        if operation == "Invoke":
            self.made.add("lambda:InvokeFunction")
            return {"Payload": io.BytesIO(json.dumps(RequeueReport(dry_run=False).document()).encode())}
        # Each action in a transaction needs the permission of the operation of its name.
        together = [f"{name}Item" for item in request.get("TransactItems", ()) for name in item]
        self.made |= {f"dynamodb:{name}" for name in together or [operation]}
        answer = self._make(client, operation, request)
        if operation == "PutItem" and self.rival:
            self.rival = False
            row = request["Item"] | {schema.API_KEY: {"S": "0" * 64}}
            self._make(self._aws.dynamodb, "PutItem", {"TableName": TENANT_TABLE, "Item": row})
        return answer
