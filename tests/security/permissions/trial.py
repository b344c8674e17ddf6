"""Every function's role tries every call of the matrix; the answers are compared with its policy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from local.emulator.aws import Aws
from local.stack import LocalStack
from tests.security.permissions import probe
from tests.security.permissions.calls import Call, Targets, events_table, tenants_table
from tests.security.permissions.matrix import matrix
from tests.security.permissions.probe import CONFIG, DONE, NOT_SENT, answers
from tests.security.permissions.roles import FUNCTIONS, Role, read_roles
from tests.support.lambdas import create_role, run_once

REFUSALS = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError"})
"""The codes by which a refusal of IAM reaches a client; nothing else counts as one."""

_HARMLESS = frozenset(
    {DONE, "ConditionalCheckFailedException", "TransactionCanceledException", "ReceiptHandleIsInvalid"}
)
"""The answers to calls that are granted: the calls are made so that they change nothing."""

STRANGER, ROOT = "a role that may do nothing", "the account's root"

_NO_ACTION = "the emulator knows no IAM action for it"
UNENFORCED = MappingProxyType(
    {
        "lambda.update_event_source_mapping": _NO_ACTION,
        "lambda.delete_event_source_mapping": _NO_ACTION,
    }
)
"""Operations that the emulator lets anybody use, and why.

`test_static.py` asserts that no policy grants an action of their service.
"""

_AS_A_BATCH = "AWS checks the right to the single operation, the emulator one with the batch's name"
_BY_STREAM = "AWS matches the group's streams, the emulator the group alone"
STRICTER = MappingProxyType(
    {
        ("ingest", "sqs.send_message_batch"): _AS_A_BATCH,
        ("worker", "sqs.delete_message_batch"): _AS_A_BATCH,
        ("worker", "sqs.change_message_visibility_batch"): _AS_A_BATCH,
        ("requeue", "sqs.send_message_batch"): _AS_A_BATCH,
        ("requeue", "sqs.delete_message_batch"): _AS_A_BATCH,
        ("requeue", "sqs.change_message_visibility_batch"): _AS_A_BATCH,
        ("reconciler", "sqs.send_message_batch"): _AS_A_BATCH,
        **{(function, "logs.create_log_stream"): _BY_STREAM for function in FUNCTIONS},
        **{(function, "logs.put_log_events"): _BY_STREAM for function in FUNCTIONS},
    }
)
"""Calls that a function's policy grants, but the emulator refuses, and why."""

_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The answers to every role.

    Attributes:
        calls: aimed at the deployed resources, in the order of the answers.
        answers: by function, and by `STRANGER` and `ROOT`, whose calls were aimed at a spare stack.
        identities: who made the calls.
    """

    roles: Mapping[str, Role]
    calls: Sequence[Call]
    answers: Mapping[str, Sequence[str]]
    identities: Mapping[str, str]

    def refused(self, who: str) -> list[Call]:
        """The calls that were refused for lack of a permission."""
        return [
            call for call, answer in zip(self.calls, self.answers[who], strict=True) if answer in REFUSALS
        ]

    def forbidden(self, function: str) -> list[Call]:
        """The calls that the function's policy does not grant, and for which the emulator checks policies."""
        return [
            call
            for call in self.calls
            if not self.roles[function].allows(call) and operation(call) not in UNENFORCED
        ]


def operation(call: Call) -> str:
    return f"{call.service}.{call.operation}"


def hold_trial(stack: LocalStack, roles: Mapping[str, Role]) -> Trial:
    """Let each function's role try every call, then a powerless role and the root, on a spare stack."""
    calls = matrix(_targets(stack, roles))
    told = {role: _try(stack.aws, f"probe-{role}", roles[role].arn, calls) for role in roles}
    with LocalStack(config={"statusIndexShards": 1}) as spare:
        aws, spare_calls = spare.aws, matrix(_targets(spare, read_roles(spare.aws)))
        told[STRANGER] = _try(aws, "probe-stranger", create_role(aws, "stranger"), spare_calls)
        documents = [call.document() for call in spare_calls]
        by_root = answers(documents, lambda service: aws._client(service, CONFIG))
        told[ROOT] = {"identity": aws.sts.get_caller_identity()["Arn"], "answers": by_root}
    return Trial(
        roles=roles,
        calls=calls,
        answers={who: what["answers"] for who, what in told.items()},
        identities={who: what["identity"] for who, what in told.items()},
    )


def faults_of(trial: Trial, function: str) -> Iterator[str]:
    """Where the answers to a function's role contradict its policy."""
    role = trial.roles[function]
    if f":assumed-role/{role.name}/" not in trial.identities[function]:
        yield f"{function}: its calls were made as {trial.identities[function]}, not as {role.name}"
    for call, answer in zip(trial.calls, trial.answers[function], strict=True):
        granted = role.allows(call)
        if operation(call) in UNENFORCED or (granted and (function, operation(call)) in STRICTER):
            continue
        if answer not in (_HARMLESS if granted else REFUSALS):
            expected = "granted" if granted else "refused"
            yield f"{function}: {call} is {expected} by its policy, but was answered {answer!r}"


def faults_of_controls(trial: Trial) -> Iterator[str]:
    """Where a refusal would say nothing about the role, or a call that is refused to nobody is not named."""
    for call, answer in zip(trial.calls, trial.answers[ROOT], strict=True):
        if answer.startswith(NOT_SENT):
            yield f"{call} was {answer}"
    for call in trial.refused(ROOT):
        yield f"{call} is refused to the root too, so that its refusal says nothing of a role"
    pairs = list(zip(trial.calls, trial.answers[STRANGER], strict=True))
    allowed = {operation(call) for call, answer in pairs if answer not in REFUSALS}
    for name in sorted(allowed - UNENFORCED.keys()):
        yield f"{name} is not refused to a role that may do nothing: name it in UNENFORCED, and assert it"
    for name in sorted(UNENFORCED.keys() - allowed):
        yield f"{name} is in UNENFORCED, but is refused to a role that may do nothing"
    for function, name in STRICTER:
        seen = {
            answer in REFUSALS
            for call, answer in zip(trial.calls, trial.answers[function], strict=True)
            if operation(call) == name and trial.roles[function].allows(call)
        }
        if seen != {True}:
            yield f"{function}: {name} is in STRICTER, but is not granted and refused"


def _try(aws: Aws, name: str, role: str, calls: Sequence[Call]) -> dict[str, Any]:
    source = Path(probe.__file__).read_text()
    event = {"calls": [call.document() for call in calls]}
    return run_once(aws, name, role, source, event, timeout_seconds=_SECONDS)


def _targets(stack: LocalStack, roles: Mapping[str, Role]) -> Targets:
    groups = [group["logGroupName"] for group in stack.aws.logs.describe_log_groups()["logGroups"]]
    (rule,) = stack.aws.events.list_rules()["Rules"]
    (mapping,) = stack.aws.lambda_.list_event_source_mappings()["EventSourceMappings"]
    return Targets(
        tenants=tenants_table(stack.outputs["tenant_table_name"]),
        events=events_table(stack.outputs["events_table_name"]),
        queue_url=stack.outputs["queue_url"],
        dlq_url=stack.outputs["dlq_url"],
        functions={function: role.function_name for function, role in roles.items()},
        roles={function: role.name for function, role in roles.items()},
        log_groups={
            function: next(name for name in groups if f"-{function}-logs" in name)
            for function in (*FUNCTIONS, "access")
        },
        rule=rule["Name"],
        mapping=mapping["UUID"],
    )
