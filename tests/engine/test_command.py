"""`python -m engine`: its exit codes, and its effects on the machine around it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from components.settings import Settings
from engine.__main__ import FAILED, HELD, NO_CLI, run
from engine.cli import ROOT, CliError, NoCliError, find_cli, pulumi_project
from engine.keys import KEYS, PAIRED, PROTECTING
from engine.plan_steps import planned_only
from engine.report import AbandonedError, Report

CREATED = {
    "op": "create",
    "urn": "urn:pulumi:dev::project::aws:sqs/queue:Queue::q",
    "type": "aws:sqs/queue:Queue",
}
# It writes an event into the engine's log, prints parts of its environment, and fails.
FAKE = f"""#!/bin/sh
while [ $# -gt 0 ]; do
  [ "$1" = --event-log ] && log=$2
  shift
done
printf '%s' '{json.dumps({"resOutputsEvent": {"metadata": CREATED}})}' > "$log"
printf 'home %s state %s key %s' "$PULUMI_HOME" "$PULUMI_BACKEND_URL" "$AWS_SECRET_ACCESS_KEY"
exit 3
"""


@pytest.fixture
def fake(tmp_path: Path) -> str:
    executable = tmp_path / "pulumi"
    executable.write_text(FAKE)
    executable.chmod(0o700)
    return str(executable)


def test_without_a_cli_it_says_so_and_ends_with_code_2(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "engine"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == NO_CLI == 2
    assert "There is no Pulumi CLI on the PATH, so nothing was tried" in done.stderr
    assert not done.stdout


def test_the_cli_is_found_by_the_path(fake: str, tmp_path: Path):
    assert find_cli(str(tmp_path)) == fake
    with pytest.raises(NoCliError):
        find_cli(str(tmp_path / "elsewhere"))


def test_a_cli_that_does_nothing_is_no_pass(tmp_path: Path):
    idle = tmp_path / "pulumi"
    idle.write_text("#!/bin/sh\nexit 0\n")
    idle.chmod(0o700)
    console = Console(file=io.StringIO(), width=200)
    assert run(console, str(idle), (planned_only,)) == FAILED
    assert isinstance(console.file, io.StringIO)
    assert "nothing was created" in console.file.getvalue()


def test_a_command_that_fails_is_told_with_what_it_wrote(fake: str):
    with pulumi_project(fake) as pulumi, pytest.raises(CliError, match=r"`pulumi stack init` failed:\nhome"):
        pulumi.run("stack", "init")


def ended(*faults: str, abandon: bool = False) -> tuple[int, str]:
    """The exit code and the output of a run of one step with these faults."""

    def steps(_executable: str, report: Report) -> None:
        with report.step("a step") as step:
            step.counted = "1 created"
            step.faults += faults
            if abandon:
                raise AbandonedError

    console = Console(file=io.StringIO(), width=200)
    code = run(console, "pulumi", (steps,))
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def test_it_ends_with_code_0_when_every_step_held():
    code, printed = ended()
    assert code == HELD == 0
    assert "1 of 1 steps held" in printed
    assert "1 created" in printed


def test_it_ends_with_code_1_when_a_step_failed():
    code, printed = ended("2 tables were deleted")
    assert code == FAILED == 1
    assert "0 of 1 steps held" in printed
    assert "2 tables were deleted" in printed


def test_it_does_not_pass_when_steps_were_left_out():
    code, printed = ended(abandon=True)
    assert code == FAILED
    assert "were not tried" in printed


def test_every_key_is_tried_by_a_value_that_is_right():
    values = {key: trial.value for key, trial in KEYS.items() if not trial.local_only}
    assert Settings.parse({**values, **PAIRED, PROTECTING: "true"})
    tried = KEYS.keys() | PAIRED.keys() | {PROTECTING}
    assert tried == Settings.all_keys(), "engine/keys.py tries every key"


def test_the_engine_gets_a_folder_of_its_own_and_none_of_the_users_secrets(
    fake: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "planted")
    with pulumi_project(fake, {"EXTRA": "1"}) as pulumi:
        folder = pulumi.project.parent
        assert "planted" not in pulumi.environment.values()
        assert pulumi.environment["EXTRA"] == "1"
        done = pulumi.operate("up")
    assert done.text == f"home {folder}/home/.pulumi state file://{folder}/state key "
    assert (done.code, done.changes.created) == (3, {CREATED["urn"]})
    assert not folder.exists()


def test_the_project_is_copied_but_for_what_takes_long_to_make(fake: str):
    with pulumi_project(fake) as pulumi:
        assert (pulumi.project / "Pulumi.dev.yaml").read_text() == (ROOT / "Pulumi.dev.yaml").read_text()
        assert (
            (pulumi.project / "components" / "settings.py").resolve().is_relative_to(pulumi.project.resolve())
        )
        assert (pulumi.project / ".venv").resolve() == (ROOT / ".venv").resolve()
        assert not (pulumi.project / ".git").exists()
        assert (pulumi.project.parent / "bin" / "pulumi-resource-aws").is_file()
