"""`requeue`: what it asks of the function, and how it explains what was not sent."""

import io
import json
from typing import Any

import pytest

from handlers.recovery.requeue import Requeuer
from handlers.recovery.requeue_report import Reason
from handlers.recovery.requeue_request import RequeueInputError
from handlers.requeue import respond
from ops.errors import OpsError
from ops.requeue import _EXPLANATIONS, _invoke
from ops.stack import Stack
from tests.support.command_line import Ops
from tests.support.factories import NOON, TARGET_URL, LambdaContext, a_delivery
from tests.support.moto_aws import Aws


class FakeLambda:
    """Answers an invocation as Lambda does."""

    def __init__(self, payload: Any, *, failed: bool = False) -> None:
        self._answer = {"Payload": io.BytesIO(json.dumps(payload).encode())}
        self._answer |= {"FunctionError": "Unhandled"} if failed else {}
        self.invoked: dict[str, Any] = {}

    def invoke(self, **call: Any) -> dict[str, Any]:
        self.invoked = call
        return self._answer


class RequeueFunction:
    """The requeue function itself, behind Lambda's interface."""

    def __init__(self, aws: Aws) -> None:
        self._requeuer = Requeuer(
            deliveries=aws.deliveries,
            index=aws.index,
            tenants=aws.tenant_store,
            queue=aws.queue,
            dlq=aws.dlq,
            dlq_visibility_seconds=960,
        )

    def invoke(self, **call: Any) -> dict[str, Any]:
        try:
            report = respond(json.loads(call["Payload"]), LambdaContext(), self._requeuer)
        except RequeueInputError as error:
            fault = {"errorMessage": str(error), "errorType": type(error).__name__}
            return FakeLambda(fault, failed=True).invoke()
        return FakeLambda(report).invoke()


REPORT = {"requeued": 2, "skipped": 0, "remaining": 0, "dryRun": False, "eventIds": ["evt_1", "evt_2"]}
NONE = REPORT | {"requeued": 0, "eventIds": []}


def answers(monkeypatch: pytest.MonkeyPatch, report: dict[str, Any]) -> FakeLambda:
    function = FakeLambda(report)
    monkeypatch.setattr(Stack, "lambda_", function)
    return function


def left(*reasons: str) -> dict[str, Any]:
    return {"left": [{"eventId": f"evt_{n}", "reason": reason} for n, reason in enumerate(reasons)]}


@pytest.fixture
def requeue_function(monkeypatch: pytest.MonkeyPatch) -> FakeLambda:
    return answers(monkeypatch, REPORT)


def test_requeue_passes_its_options_on_and_prints_the_report(ops: Ops, requeue_function: FakeLambda) -> None:
    done = ops(
        *("requeue", "--tenant-id", "acme", "--event-id", "evt_1", "--event-id", "evt_2"),
        *("--since", "2026-11-01T00:00:00Z", "--until", "2026-12-01T00:00:00Z"),
        *("--limit", "5", "--rate-per-second", "2.5", "--dry-run", "--json"),
    )

    assert done.document == REPORT
    assert requeue_function.invoked["FunctionName"] == "requeue"
    assert json.loads(requeue_function.invoked["Payload"]) == {
        "tenantId": "acme",
        "eventIds": ["evt_1", "evt_2"],
        "since": "2026-11-01T00:00:00Z",
        "until": "2026-12-01T00:00:00Z",
        "limit": 5,
        "ratePerSecond": 2.5,
        "dryRun": True,
    }


def test_requeue_without_options_asks_for_everything(ops: Ops, requeue_function: FakeLambda) -> None:
    done = ops("requeue")

    assert done.code == 0
    assert json.loads(requeue_function.invoked["Payload"]) == {}
    assert "no failed event" not in done.err


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--since", "yesterday"), "since: must be a date and time with its zone"),
        (("--since", "20261126"), "since: must be a date and time with its zone"),
        (("--until", "2026-11-26"), "until: must be a date and time with its zone"),
        (("--since", "2026-11-26T10:00Z", "--until", "2026-11-26T10:00Z"), "until: must be later than since"),
        (("--limit", "0"), "limit: "),
        (("--rate-per-second", "-1"), "ratePerSecond: "),
        (("--event-id", ""), "eventIds.0: "),
        (("--tenant-id", ""), "tenantId: "),
    ],
)
def test_a_wrong_requeue_is_refused_before_anything_is_invoked(
    ops: Ops, requeue_function: FakeLambda, options: tuple[str, ...], fault: str
) -> None:
    done = ops("requeue", *options)

    assert done.code == 2
    assert f"nothing was sent: {fault}" in done.err
    assert requeue_function.invoked == {}


def test_a_requeue_function_that_failed_is_quoted(outputs: dict[str, str]) -> None:
    stack = Stack(lambda: json.dumps(outputs))
    stack.__dict__["lambda_"] = FakeLambda({"errorMessage": "Task timed out"}, failed=True)

    with pytest.raises(OpsError, match=r"Task timed out.*run requeue again"):
        _invoke(stack, {})


def test_a_tenant_that_is_not_there_is_an_error_with_the_next_step(
    ops: Ops, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "lambda_", RequeueFunction(aws))

    done = ops("requeue", "--tenant-id", "nobody")

    assert done.code == 2
    assert done.out == ""
    assert done.err.endswith(
        "nothing was sent: tenantId: there is no tenant 'nobody': `tenants list` shows all tenants\n"
    )


def test_an_event_that_was_named_and_delivered_before_is_told_as_that(
    ops: Ops, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "lambda_", RequeueFunction(aws))
    aws.tenants.create(tenant_id="acme", target_url=TARGET_URL, now=NOON)
    delivery = a_delivery()
    aws.events.put(delivery)
    aws.attempted(delivery, "http_200")
    event_id = delivery.key.event_id

    done = ops("requeue", "--tenant-id", "acme", "--event-id", event_id)

    assert done.code == 0
    assert f"{event_id} delivered: it was delivered\n" in done.out
    assert done.err == f"no failed event matches tenantId acme, eventIds {event_id}: `left` says why\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "there are no failed events"),
        (("--limit", "3", "--dry-run"), "there are no failed events"),
        (("--tenant-id", "acme"), "no failed event matches tenantId acme"),
        (
            ("--since", "2026-11-01T00:00Z", "--until", "2026-12-01T00:00Z"),
            "no failed event matches since 2026-11-01T00:00Z, until 2026-12-01T00:00Z",
        ),
        (("--event-id", "evt_1", "--event-id", "evt_2"), "no failed event matches eventIds evt_1 evt_2"),
        (
            tuple(option for n in range(12) for option in ("--event-id", f"evt_{n}")),
            "no failed event matches eventIds (12 ids)",
        ),
    ],
)
def test_nothing_ends_in_a_bare_zero(
    ops: Ops, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    answers(monkeypatch, NONE)

    done = ops("requeue", "--json", *options)

    assert done.err == f"{said}\n"
    assert done.document == NONE


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (NONE | {"remaining": 7}, "time ran out before any of 7 failed events was sent: run requeue again"),
        (NONE | {"skipped": 1} | left("tenant_not_found"), "no event could be requeued: `left` says why"),
        (NONE | left("delivered", "not_reached"), "no event could be requeued: `left` says why"),
        (NONE | left("delivered"), "no failed event matches tenantId acme: `left` says why"),
    ],
)
def test_failed_events_that_are_there_are_not_denied(
    ops: Ops, monkeypatch: pytest.MonkeyPatch, report: dict[str, Any], said: str
) -> None:
    answers(monkeypatch, report)

    assert ops("requeue", "--tenant-id", "acme").err == f"{said}\n"


def test_what_was_left_is_told_in_words_a_line_for_each(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, REPORT | left(*Reason, "of_a_later_version"))

    lines = [line.split(maxsplit=1) for line in ops("requeue").out.splitlines()]

    assert [words[1] for words in lines if words[0] == "left"] == [
        *(f"evt_{n} {reason}: {_EXPLANATIONS[reason]}" for n, reason in enumerate(Reason)),
        f"evt_{len(Reason)} of_a_later_version",
    ]


def test_a_dry_run_does_not_say_that_anything_was_requeued(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    report = REPORT | {"dryRun": True}
    answers(monkeypatch, report)
    people = ops("requeue", "--dry-run")
    answers(monkeypatch, report)
    machines = ops("requeue", "--dry-run", "--json")

    assert "would be requeued  2\n" in people.out
    assert people.out.count("requeued") == 1
    assert machines.document == report
