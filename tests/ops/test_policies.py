"""The IAM policies allow all that the program and these commands do, and no more."""

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

import ops
from handlers.store import tenant_registry, tenants
from ops import policies
from tests.support.command_line import run_ops
from tests.support.configurations import every_recording, recorded

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

    assert declared == policies.RESOURCES.keys()


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


def test_the_operator_may_do_what_the_commands_do_and_no_more() -> None:
    calls = called_on_the_stack()

    assert calls.keys() == {"tenants", "lambda_", "http"}, "ops/policies.py must know of another client"
    assert calls["http"] == {"post"}  # with an API key
    assert statements(OPERATOR).keys() == {"Tenants", "Requeue"}
    assert set(statements(OPERATOR)["Tenants"]["Action"]) == done_to_tenants(calls["tenants"])
    assert calls["lambda_"] == {"invoke"}
    assert statements(OPERATOR)["Requeue"]["Action"] == ["lambda:InvokeFunction"]


def called_on_the_stack() -> dict[str, set[str]]:
    """What the commands call on each client of a stack: `stack.tenants.show` calls `show` on `tenants`."""
    clients = {"tenants", "http", "lambda_", "_dynamodb", "_session"}
    calls: dict[str, set[str]] = {}
    for file in Path(ops.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)):
                continue
            holder = node.value.value
            of_stack = isinstance(holder, ast.Name) and holder.id in {"stack", "context"}
            of_context = isinstance(holder, ast.Attribute) and holder.attr == "obj"
            if (of_stack or of_context) and node.value.attr in clients:
                calls.setdefault(node.value.attr, set()).add(node.attr)
    return calls


# Each action in a transaction needs the permission of the operation of its name.
IN_TRANSACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}


def done_to_tenants(called: set[str]) -> set[str]:
    """The DynamoDB actions of these methods of the registry, and of all that they call."""
    methods = {
        node.name: node
        for module in (tenants, tenant_registry)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.FunctionDef)
    }
    assert called <= methods.keys()
    actions, waiting, seen = set[str](), set(called), set[str]()
    while waiting:
        seen.add(name := waiting.pop())
        for node in ast.walk(methods[name]):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="_client"), attr="get_paginator"),
                    args=[ast.Constant(value=str() as operation)],
                ):
                    actions.add(in_iam(operation))
                case ast.Attribute(value=ast.Attribute(attr="_client"), attr=operation):
                    actions.add(in_iam(operation))
                case ast.Attribute(value=ast.Name(id="self"), attr=attribute) if attribute in methods:
                    waiting |= {attribute} - seen
                case ast.Dict(keys=keys):
                    held = {key.value for key in keys if isinstance(key, ast.Constant)}
                    actions |= {f"dynamodb:{name}" for key, name in IN_TRANSACTIONS.items() if key in held}
                case _:
                    pass
    return actions - {"dynamodb:GetPaginator", "dynamodb:TransactWriteItems"}


def in_iam(method: str) -> str:
    """boto3's `put_item` is IAM's `dynamodb:PutItem`."""
    return f"dynamodb:{method.title().replace('_', '')}"
