"""What the functions read from their environment, and what their logs keep to themselves."""

import json

import pytest
import structlog
from pydantic import ValidationError

from handlers import logs
from handlers.environment import WorkerEnvironment
from tests.support.factories import LambdaContext

WORKER = {
    "TENANT_TABLE_NAME": "TenantApiKeys-1",
    "EVENTS_TABLE_NAME": "Events-1",
    "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/q",
    "WEBHOOK_TIMEOUT_SECONDS": "30",
    "RETRY_DELAYS_SECONDS": "[60, 120]",
    "ALLOW_PRIVATE_TARGETS": "false",
}


def test_the_environment_is_read_with_its_types() -> None:
    environment = WorkerEnvironment.load(WORKER | {"PATH": "/bin"})

    assert environment.retry_delays_seconds == (60, 120)
    assert environment.webhook_timeout_seconds == 30
    assert environment.allow_private_targets is False
    assert environment.queue_url == WORKER["QUEUE_URL"]


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ValidationError, match="events_table_name"):
        WorkerEnvironment.load({k: v for k, v in WORKER.items() if k != "EVENTS_TABLE_NAME"})


def test_a_variable_of_the_wrong_type_is_named() -> None:
    with pytest.raises(ValidationError, match="webhook_timeout_seconds"):
        WorkerEnvironment.load(WORKER | {"WEBHOOK_TIMEOUT_SECONDS": "-1"})


def test_an_invocation_does_not_log_what_the_last_one_bound(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.begin(LambdaContext("one"))
    structlog.contextvars.bind_contextvars(tenant_id="acme")
    logs.begin(LambdaContext("two"))

    structlog.get_logger().info("request")

    line = json.loads(capsys.readouterr().out)
    assert line["request_id"] == "two"
    assert "tenant_id" not in line


def test_a_traceback_in_the_log_holds_no_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    secret = "whsec_never_logged"

    try:
        int(secret[:0])
    except ValueError:
        structlog.get_logger().exception("failed")

    out = capsys.readouterr().out
    assert "ValueError" in out
    assert secret not in out
