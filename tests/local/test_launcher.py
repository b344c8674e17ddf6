"""The emulator's process: private, without the user's secrets, and gone at the end."""

import os
import socket
import stat
from pathlib import Path

import psutil
import pytest
import requests

from local.emulator.aws import Aws
from local.emulator.launcher import Emulator, running_emulator
from local.errors import LocalStackError
from tests.support.lambdas import create_role, run_once

PLANTED = {
    "AWS_SECRET_ACCESS_KEY": "planted",
    "AWS_SESSION_TOKEN": "planted",
    "AWS_PROFILE": "planted",
    "PULUMI_ACCESS_TOKEN": "planted",
    "GITHUB_TOKEN": "planted",
    "DATABASE_PASSWORD": "planted",
}


def test_a_function_sees_none_of_the_users_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("[default]\naws_access_key_id = planted\n")
    for name, value in {**PLANTED, "HOME": str(home)}.items():
        monkeypatch.setenv(name, value)

    with running_emulator() as emulator:
        emulator.wait_until_it_answers()
        aws = Aws(emulator.url)
        seen = run_once(
            aws,
            "tell",
            create_role(aws, "tell"),
            """
            import os

            def handler(event, context):
                print("telling")
                return dict(os.environ)
            """,
        )

    assert "planted" not in seen.values()
    assert not seen.keys() & (PLANTED.keys() - {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})
    assert seen["HOME"] != str(home)
    assert seen["AWS_CONFIG_FILE"] == seen["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_only_the_owner_can_read_what_the_emulator_writes(emulator: Emulator):
    aws = Aws(emulator.url)
    run_once(aws, "write", create_role(aws, "write"), "def handler(event, context):\n    print(1)\n")

    found = [emulator.private, *emulator.private.rglob("*")]

    assert any(path.name == "index.py" for path in found)
    for path in found:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert not mode & 0o077, f"{path} has mode {mode:o}"


def test_it_listens_on_loopback_only(emulator: Emulator):
    process = psutil.Process(emulator.process.pid)

    listening = [
        connection.laddr.ip for connection in process.net_connections("inet") if connection.status == "LISTEN"
    ]

    assert listening == ["127.0.0.1"]


def test_a_browser_page_is_refused_over_http_too(emulator: Emulator):
    answer = requests.get(emulator.url, headers={"Origin": "https://example.com"}, timeout=10)

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_nothing_is_left_when_it_ends_in_the_middle_of_an_invocation():
    with running_emulator() as emulator:
        emulator.wait_until_it_answers()
        aws = Aws(emulator.url)
        role = create_role(aws, "sleep")
        run_once(aws, "sleep", role, "def handler(event, context):\n    print(1)\n")
        processes = [
            psutil.Process(emulator.process.pid),
            *psutil.Process(emulator.process.pid).children(recursive=True),
        ]
    port = int(emulator.url.rpartition(":")[2])

    assert len(processes) == 2
    assert not any(process.is_running() for process in processes)
    assert not emulator.private.exists()
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free again


def test_a_port_that_is_taken_is_named_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalStackError, match=f"port {port} .*--port"), running_emulator(port=port):
            pass


def test_an_emulator_that_ends_as_it_starts_is_told_with_its_log():
    with running_emulator() as emulator:
        emulator.process.kill()
        emulator.process.wait()
        with pytest.raises(LocalStackError, match="the emulator ended with code -9 as it started; its log:"):
            emulator.wait_until_it_answers()
