"""The operator's commands: what they print, what they change, and what they say when they fail."""

import io
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from handlers.model.tenant import new_api_key
from ops.errors import OpsError, aws_errors_explained
from ops.seed import DEFAULT_FILE, read_seed
from ops.stack import Outputs, Stack, outputs_of_pulumi
from tests.support.command_line import Ops, run_ops
from tests.support.moto_aws import TENANT_TABLE, Aws

TARGET = "https://acme.example/hooks"


def create(ops: Ops, *more: str, tenant_id: str = "acme", target: str = TARGET):
    return ops("tenants", "create", "--tenant-id", tenant_id, "--target-url", target, *more)


def test_a_created_tenant_is_printed_once_with_exactly_four_fields(ops: Ops, aws: Aws) -> None:
    done = create(ops, "--json")

    assert done.code == 0
    assert set(done.document) == {"tenantId", "apiKey", "webhookSecret", "targetUrl"}
    holder = aws.tenant_store.holder_of(done.document["apiKey"])
    assert holder is not None
    assert (holder.tenant_id, holder.target_url) == ("acme", TARGET)


def test_people_get_a_table_with_the_whole_key_in_it(ops: Ops, aws: Aws) -> None:
    done = create(ops)

    assert "shown this once" in done.out
    (row,) = aws.items(TENANT_TABLE)
    unfolded = done.out.replace("\n", "").replace("│", "").replace(" ", "")
    assert row["webhookSecret"]["S"] in unfolded


def test_tenants_are_listed_and_shown_without_secrets(ops: Ops) -> None:
    secret = create(ops, "--json").document["webhookSecret"]

    listed, shown = ops("tenants", "list", "--json"), ops("tenants", "show", "acme", "--json")

    tenant = shown.document
    (key,) = tenant.pop("keys")
    assert tenant.pop("previousWebhookSecretExpiresAt") is None
    assert (len(key["keyId"]), key["state"]) == (12, "ACTIVE")
    assert listed.document == [tenant]
    assert (tenant["tenantId"], tenant["activeKeys"]) == ("acme", 1)
    assert secret not in listed.out + shown.out


def test_an_empty_list_says_so(ops: Ops) -> None:
    assert "nothing found" in ops("tenants", "list").out
    assert ops("tenants", "list", "--json").document == []


def test_a_tenant_that_is_not_there_is_an_error_with_the_next_step(ops: Ops) -> None:
    done = ops("tenants", "show", "nobody")

    assert done.code == 2
    assert done.err == "ops: there is no tenant 'nobody': `tenants list` shows all tenants\n"


def test_a_tenant_that_exists_is_kept(ops: Ops, aws: Aws) -> None:
    create(ops)

    done = create(ops)

    assert done.code == 2
    assert "exists already" in done.err
    assert len(aws.items(TENANT_TABLE)) == 1


@pytest.mark.parametrize(
    ("tenant_id", "target", "fault"),
    [
        ("a b", TARGET, "1 to 64 letters"),
        ("acme", "http://acme.example/", "use https"),
        ("acme", "https://127.0.0.1/", "not a public address"),
        ("acme", "nonsense", "use https"),
    ],
)
def test_a_wrong_tenant_is_refused_and_nothing_is_stored(
    ops: Ops, aws: Aws, tenant_id: str, target: str, fault: str
) -> None:
    done = create(ops, tenant_id=tenant_id, target=target)

    assert done.code == 2
    assert fault in done.err
    assert aws.items(TENANT_TABLE) == []


def test_a_missing_option_is_named(ops: Ops) -> None:
    done = ops("tenants", "create", "--tenant-id", "acme")

    assert done.code == 2
    assert "--target-url" in done.err


def test_an_outputs_file_that_is_not_there_is_named(ops: Ops, tmp_path: Path) -> None:
    done = ops("tenants", "list", outputs_file=tmp_path / "missing.json")

    assert done.code == 2
    assert "missing.json: No such file" in done.err


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("not JSON", "not JSON"),
        ("[]", "lack object"),
        ('{"queue_url": "q"}', "events_url, tenant_table_name"),
    ],
)
def test_outputs_that_are_none_are_refused_by_name(ops: Ops, tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "odd.json"
    file.write_text(text)

    done = ops("tenants", "list", outputs_file=file)

    assert done.code == 2
    assert fault in done.err


def test_outputs_may_come_by_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(outputs)))

    assert run_ops(capsys, ["--outputs", "-", "tenants", "list", "--json"]).document == []


def test_without_a_file_pulumi_is_asked_for_the_stack() -> None:
    asked: list[list[str]] = []

    def run(command):
        asked.append(list(command))
        return subprocess.CompletedProcess(command, 0, stdout="{}")

    assert outputs_of_pulumi("prod", run) == "{}"
    assert outputs_of_pulumi(None, run) == "{}"
    assert asked == [
        ["pulumi", "stack", "output", "--json", "--stack", "prod"],
        ["pulumi", "stack", "output", "--json"],
    ]


def test_pulumi_that_refuses_is_quoted_with_the_remedy() -> None:
    def run(command):
        return subprocess.CompletedProcess(command, 255, stdout="", stderr="error: no stack selected")

    with pytest.raises(OpsError, match=r"no stack selected\. Log in and select a stack"):
        outputs_of_pulumi(None, run)


def test_pulumi_that_is_not_installed_is_said() -> None:
    def run(command):
        raise FileNotFoundError

    with pytest.raises(OpsError, match="not installed"):
        outputs_of_pulumi(None, run)


def test_the_region_is_that_of_the_queue(outputs: dict[str, str]) -> None:
    in_frankfurt = outputs | {"queue_url": "https://sqs.eu-central-1.amazonaws.com/1/q"}
    local = outputs | {"queue_url": "http://127.0.0.1:4566/0/q", "aws_endpoint_url": "http://127.0.0.1:4566"}

    assert Outputs.model_validate(in_frankfurt).region == "eu-central-1"
    assert not Outputs.model_validate(in_frankfurt).local
    assert Outputs.model_validate(local).region == "us-east-1"
    assert Outputs.model_validate(local).local


def test_the_local_stack_is_reached_without_the_users_credentials(
    monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA-OF-THE-USER")
    local = json.dumps(outputs | {"aws_endpoint_url": "http://127.0.0.1:1"})

    client = Stack(lambda: local).lambda_

    assert client._request_signer._credentials.access_key == "test"
    assert client.meta.endpoint_url == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoCredentialsError(), "aws sso login"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "make run"),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "Scan"), "credentials of the stack's"),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "Scan"), "still deployed"),
        (ClientError({"Error": {"Code": "ExpiredTokenException"}}, "Scan"), "sign in again"),
        (ClientError({"Error": {"Code": "Throttling"}}, "Scan"), "AWS refused Scan"),
    ],
)
def test_what_aws_refuses_is_told_with_the_next_step(error: Exception, said: str) -> None:
    with pytest.raises(OpsError, match=said), aws_errors_explained():
        raise error


class Producer(BaseHTTPRequestHandler):
    """An events URL that answers every event with `status`."""

    status = 202
    requests: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.headers["Authorization"], body))
        answer = json.dumps({"id": f"evt_{len(self.requests)}"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def events_url(outputs: dict[str, str]) -> Iterator[type[Producer]]:
    handler = type("Handler", (Producer,), {"requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        outputs["events_url"] = f"http://127.0.0.1:{server.server_port}/v1/events"
        yield handler
        server.shutdown()


def test_the_shipped_seed_creates_its_tenants_and_sends_their_events(
    ops: Ops, aws: Aws, events_url: type[Producer]
) -> None:
    done = ops("seed", "--json")

    expected = read_seed(DEFAULT_FILE)
    assert done.code == 0
    assert [row["tenantId"] for row in done.document] == [tenant.tenant_id for tenant in expected.tenants]
    assert [body for _, body in events_url.requests] == [
        event.model_dump() for tenant in expected.tenants for event in tenant.events
    ]
    for row in done.document:
        assert aws.tenant_store.holder_of(row["apiKey"]) is not None
        assert any(key == f"Bearer {row['apiKey']}" for key, _ in events_url.requests)


def test_seeding_again_keeps_the_tenants_and_says_that_nothing_was_sent(
    ops: Ops, events_url: type[Producer]
) -> None:
    ops("seed")
    sent = len(events_url.requests)

    done = ops("seed", "--json")

    assert done.document == []
    assert "kept, none of its events sent" in done.err.replace("\n", " ")
    assert len(events_url.requests) == sent


def test_seeded_tenants_can_be_pointed_elsewhere(ops: Ops, events_url: type[Producer]) -> None:
    done = ops("seed", "--target-url", "https://elsewhere.example/", "--json")

    assert {row["targetUrl"] for row in done.document} == {"https://elsewhere.example/"}


def test_an_event_that_is_not_accepted_stops_the_seed_with_the_answer(
    ops: Ops, events_url: type[Producer]
) -> None:
    events_url.status = 503

    done = ops("seed")

    assert done.code == 1
    assert "answered 503 to order.created" in done.err


def test_an_events_url_that_does_not_answer_is_said(ops: Ops) -> None:
    done = ops("seed")

    assert done.code == 1
    assert "http://127.0.0.1:1/v1/events could not be reached" in done.err


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("not JSON", "file: Invalid JSON"),
        ('{"tenants": [{"tenantId": "a"}]}', "tenants.0.targetUrl: Field required"),
        ('{"tenants": [], "more": 1}', "more: Extra inputs"),
    ],
)
def test_a_wrong_seed_file_is_refused_at_its_place(ops: Ops, tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "seed.json"
    file.write_text(text)

    done = ops("seed", str(file))

    assert done.code == 2
    assert fault in done.err


def test_a_seed_file_that_is_not_there_is_named(ops: Ops, tmp_path: Path) -> None:
    done = ops("seed", str(tmp_path / "none.json"))

    assert done.code == 2
    assert "none.json: No such file" in done.err


def test_a_key_is_never_printed_by_an_error(ops: Ops) -> None:
    key = new_api_key()

    done = create(ops, target=f"https://user:{key}@acme.example/")

    assert done.code == 2
    assert key not in done.err
