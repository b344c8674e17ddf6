"""`python -m local up` as a user runs it: what it prints and writes, and that it leaves nothing behind."""

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests

from local.constants import REPO
from local.waiting import wait_for

START_SECONDS = 120  # the functions' bundles may have to be built first
STOP_SECONDS = 15

OUTPUTS = {
    "endpoint_url",
    "events_url",
    "tenant_table_name",
    "events_table_name",
    "queue_url",
    "dlq_url",
    "ingest_function_name",
    "worker_function_name",
    "requeue_function_name",
    "dashboard_url",
    "aws_endpoint_url",
}


@dataclass
class Up:
    """A running `python -m local up` with its own temporary folder."""

    process: subprocess.Popen[bytes]
    folder: Path
    descendants: list[psutil.Process] = field(default_factory=list[psutil.Process])
    port: int = 0

    @property
    def ready_file(self) -> Path:
        return self.folder / "ready.json"

    @property
    def outputs(self) -> dict[str, str]:
        return json.loads(self.ready_file.read_text())

    @property
    def printed(self) -> str:
        return (self.folder / "printed").read_text()

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.printed
            return self.ready_file.exists()

        wait_for("the ready file", ready, seconds=START_SECONDS)
        self.descendants = psutil.Process(self.process.pid).children(recursive=True)
        self.port = int(self.outputs["aws_endpoint_url"].rpartition(":")[2])

    def left(self) -> list[str]:
        """What is left of it, in words."""
        with socket.socket() as probe:
            answers = probe.connect_ex(("127.0.0.1", self.port)) == 0
        return [
            *(f"process {process.pid}" for process in self.descendants if alive(process)),
            *([f"port {self.port}"] if answers else []),
            *(str(path) for path in self.temporary_files()),
            *(str(path) for path in [self.ready_file] if path.exists()),
        ]

    def temporary_files(self) -> list[Path]:
        return sorted((self.folder / "tmp").iterdir())


def alive(process: psutil.Process) -> bool:
    """Whether it runs; an ended orphan is a zombie until init notices."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start(folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> Up:
    (folder / "tmp").mkdir()
    with (folder / "printed").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--ready-file", str(folder / "ready.json"), *options],
            cwd=REPO,
            env={**os.environ, **(environ or {}), "TMPDIR": str(folder / "tmp")},
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
    return Up(process=process, folder=folder)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with started(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One for all tests that only look at it."""
    with started(tmp_path_factory.mktemp("up")) as running:
        yield running


@contextmanager
def started(folder: Path, *, environ: Mapping[str, str] | None = None) -> Iterator[Up]:
    running = start(folder, environ=environ)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for process in running.descendants:
            if alive(process):
                process.kill()


@pytest.fixture
def a_users_settings(tmp_path: Path) -> dict[str, str]:
    """The environment of a user whose settings files are pipes: whoever opens one hangs forever."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    files = [home / ".aws" / "credentials", home / ".aws" / "config", home / ".boto", home / ".netrc"]
    for file in files:
        os.mkfifo(file)
    return {
        "HOME": str(home),
        "AWS_SHARED_CREDENTIALS_FILE": str(files[0]),
        "AWS_CONFIG_FILE": str(files[1]),
        "BOTO_CONFIG": str(files[2]),
        "NETRC": str(files[3]),
        "AWS_PROFILE": "of-the-user",
        "AWS_ACCESS_KEY_ID": "AKIA-OF-THE-USER",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-user",
        "AWS_SESSION_TOKEN": "token-of-the-user",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9/of-the-user",
        "HTTP_PROXY": "http://127.0.0.1:9/of-the-user",
        # A bundle may have to be built, and the place of the wheels is no secret.
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path("~/.cache/uv").expanduser())),
    }


def run(tmp_path: Path, *options: str) -> tuple[int, str]:
    """Run one that should not come up; gives its exit code and what it printed."""
    failing = start(tmp_path, *options)
    try:
        return failing.process.wait(START_SECONDS), failing.printed
    finally:
        failing.process.kill()


def test_the_ready_file_has_every_output_for_its_owner_alone(running_up: Up):
    assert running_up.outputs.keys() == OUTPUTS
    assert stat.S_IMODE(running_up.ready_file.stat().st_mode) == 0o600
    assert running_up.outputs["events_url"] == running_up.outputs["endpoint_url"] + "/v1/events"


def test_the_users_aws_credentials_and_settings_are_neither_opened_nor_passed_on(
    tmp_path: Path, a_users_settings: dict[str, str]
):
    with started(tmp_path, environ=a_users_settings) as up:
        listed = subprocess.run(
            [sys.executable, "-m", "ops", "--outputs", str(up.ready_file), "tenants", "list", "--json"],
            cwd=REPO,
            env={**os.environ, **a_users_settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )
        passed_on = [value for process in up.descendants for value in process.environ().values()]

    assert [tenant["tenantId"] for tenant in json.loads(listed.stdout)] == ["local-demo"], listed.stderr
    assert passed_on
    assert not [value for value in passed_on if "of-the-user" in value.lower()]


def test_nothing_of_it_can_be_reached_from_another_machine(running_up: Up):
    listening = [
        connection.laddr.ip
        for process in (psutil.Process(running_up.process.pid), *running_up.descendants)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(listening) >= 2  # the emulator and the receiver
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://example.com"}, {"Origin": "null"}, {"Host": "rebound.example.com"}]
)
@pytest.mark.parametrize("path", ["/v1/events", "/", "/_ministack/reset"])
def test_a_page_in_the_users_browser_reaches_neither_the_api_nor_aws(
    running_up: Up, headers: dict[str, str], path: str
):
    answer = requests.post(running_up.outputs["endpoint_url"] + path, headers=headers, json={}, timeout=10)

    assert answer.status_code == 403


def test_every_file_of_it_is_its_owners_alone(running_up: Up):
    files = [path for folder in running_up.temporary_files() for path in (folder, *folder.rglob("*"))]

    assert files
    assert [
        path for path in (*files, running_up.ready_file) if stat.S_IMODE(path.stat().st_mode) & 0o077
    ] == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_curl_line_gets_202_and_the_event_arrives(up: Up):
    (line,) = [line for line in up.printed.splitlines() if line.startswith("curl ")]

    answer = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True, timeout=30).stdout

    assert " 202 " in answer.splitlines()[0]
    event_id = json.loads(answer.splitlines()[-1])["id"]
    arrived = wait_for(
        "the event's arrival",
        lambda: [line for line in up.printed.splitlines() if f"received {event_id}" in line],
        seconds=10,
    )
    assert "verified by standardwebhooks and stripe" in arrived[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_code_0_and_nothing_is_left(up: Up, number: signal.Signals):
    up.process.send_signal(number)

    assert up.process.wait(STOP_SECONDS) == 0
    assert up.left() == []
    assert "Traceback" not in up.printed


def test_when_it_is_killed_nothing_is_left_either(up: Up):
    assert len(up.descendants) >= 3  # the emulator and a worker of each function

    up.process.kill()
    up.process.wait()

    wait_for("the end of all that it started", lambda: not up.left(), seconds=STOP_SECONDS)


def test_when_the_emulator_is_killed_it_says_so_and_nothing_is_left(up: Up):
    up.descendants[0].kill()

    assert up.process.wait(STOP_SECONDS) == 1
    assert "the emulator ended by itself" in up.printed
    assert up.left() == []


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("retryDelay=[1]", "Unknown configuration key webhook-delivery:retryDelay."),
        ("retryDelaysSeconds=soon", "retryDelaysSeconds"),
        ("retryDelaysSeconds", "key=value"),
    ],
)
def test_a_setting_that_is_wrong_ends_it_with_code_2_and_the_programs_own_words(
    tmp_path: Path, setting: str, named: str
):
    code, printed = run(tmp_path, "--config", setting)

    assert code == 2
    assert named in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "ready.json").exists()


def test_a_port_that_is_taken_ends_it_with_code_1_and_the_way_out(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, printed = run(tmp_path, "--port", str(port))

    assert code == 1
    assert f"port {port}" in printed
    assert "Traceback" not in printed


def test_a_ready_file_in_no_folder_is_named(tmp_path: Path):
    code, printed = run(tmp_path, "--ready-file", str(tmp_path / "nowhere" / "ready.json"))

    assert code == 1
    assert "nowhere" in printed
    assert "create it first" in printed
