"""The Pulumi CLI in a temporary folder that holds its project, state, plugins and home."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.events import ENGINES_OWN, Changes, read_log

ROOT = Path(__file__).resolve().parent.parent
LONGEST_SECONDS = 300

_STOP_SECONDS = 20
# A person would look at a preview of each command. `destroy` keeps its preview, which refuses as a whole if
# anything is protected.
_AGREED = {
    "preview": (),
    "up": ("--yes", "--skip-preview"),
    "refresh": ("--yes", "--skip-preview"),
    "destroy": ("--yes",),
}
_PROVIDER = "pulumi-resource-aws"
# The program needs HOME and the settings of uv and pyenv to find the bundles that were built for it, because
# bundles depend on the interpreters that are found. Pulumi itself has a home of its own.
_PASSED_ON = re.compile(
    r"HOME|LANG|LC_ALL|TZ|LD_LIBRARY_PATH|PYTHONDONTWRITEBYTECODE|PYENV_ROOT|UV_.*|XDG_.*"
)
_LINKED = (".venv", ".cache")
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "benchmarks", "docs", "tests")


class NoCliError(Exception):
    """There is no Pulumi CLI on this machine; the message says how to get one."""


class CliError(Exception):
    """A command of the CLI failed; the message holds the CLI's own."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The result of a command that plans or changes a stack.

    Attributes:
        code: the CLI's exit code.
        text: all its output.
        changes: the changes that were made, or that a preview plans.
        planned: whether it was a preview.
    """

    code: int
    text: str
    changes: Changes
    planned: bool


@dataclass(frozen=True, kw_only=True)
class Pulumi:
    """The CLI in a project's folder."""

    executable: str
    project: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        """Run a command and return its output.

        Raises:
            CliError: it failed.
        """
        finished = self._call(*arguments)
        if finished.returncode:
            raise CliError(f"`pulumi {' '.join(arguments)}` failed:\n{finished.stdout}{finished.stderr}")
        return finished.stdout

    def operate(self, command: str, *options: str) -> Operation:
        """Run `preview`, `up`, `refresh` or `destroy`; a command that fails is a result too.

        Raises:
            CliError: it did not end.
            LogError: its log holds an unknown operation.
        """
        log = self.project.parent / "events.jsonl"
        log.unlink(missing_ok=True)
        finished = self._call(command, *_AGREED[command], "--event-log", str(log), *options)
        lines, planned = log.read_text().splitlines() if log.exists() else [], command == "preview"
        return Operation(
            code=finished.returncode,
            text=finished.stdout + finished.stderr,
            changes=read_log(lines, planned=planned),
            planned=planned,
        )

    def set(self, key: str, value: str) -> None:
        """Set a configuration key of the stack, as a person would. Raises as `run`."""
        self.run("config", "set", key, value)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs. Raises as `run`."""
        return self._json("stack", "output", "--json", "--show-secrets")

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the stack's state, without the stack and its providers. Raises as `run`."""
        state = self._json("stack", "export")["deployment"].get("resources", [])
        return [resource for resource in state if not resource["type"].startswith(ENGINES_OWN)]

    def _json(self, *arguments: str) -> dict[str, Any]:
        text = self.run(*arguments)
        try:
            return json.loads(text)
        except ValueError as error:
            raise CliError(f"`pulumi {' '.join(arguments)}` wrote no JSON: {text!r}") from error

    def _call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [self.executable, "--non-interactive", "--color", "never", *arguments]
        with subprocess.Popen(
            command,
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C reaches this process alone, which passes it on.
            start_new_session=True,
        ) as process:
            try:
                written = process.communicate(timeout=LONGEST_SECONDS)
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise CliError(f"`pulumi {' '.join(arguments)}` took over {LONGEST_SECONDS} s") from error
            except BaseException:
                _end(process)
                raise
        return subprocess.CompletedProcess(command, process.returncode, *written)


def _end(process: "subprocess.Popen[str]") -> None:
    """Have the CLI end its plugins and the program; kill it if it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def find_cli(path: str | None = None) -> str:
    """Find the CLI on the PATH, or on another one.

    Raises:
        NoCliError: there is none.
    """
    executable = shutil.which("pulumi", path=path)
    if executable is None:
        raise NoCliError(
            "There is no Pulumi CLI on the PATH, so nothing was tried. Install it "
            "(https://www.pulumi.com/docs/install/) and run `make engine` again."
        )
    return executable


@contextmanager
def pulumi_project(executable: str, extra: Mapping[str, str] | None = None) -> Generator[Pulumi]:
    """The CLI with a copy of this project, a state of its own and the provider of `engine`.

    The CLI writes into the copy, and changes to the project meanwhile do not affect it. The virtual
    environment and the built bundles are linked, not copied.

    Args:
        executable: the CLI.
        extra: environment variables for the CLI, the program and the provider.
    """
    with tempfile.TemporaryDirectory(prefix="webhook-delivery-engine-") as name:
        folder = Path(name)
        for part in ("bin", "home", "project", "state"):
            (folder / part).mkdir(mode=0o700)
        _copy_project(folder / "project")
        _install_provider(folder / "bin" / _PROVIDER)
        yield Pulumi(
            executable=executable,
            project=folder / "project",
            environment=_environment(folder, executable) | dict(extra or {}),
        )


def _copy_project(folder: Path) -> None:
    shutil.copytree(ROOT, folder, ignore=_NOT_COPIED, dirs_exist_ok=True)
    for name in _LINKED:
        (folder / name).symlink_to(ROOT / name)


def _install_provider(script: Path) -> None:
    folder, python = shlex.quote(str(ROOT)), shlex.quote(sys.executable)
    script.write_text(f"#!/bin/sh\ncd {folder} && exec {python} -m engine.plugin\n")
    script.chmod(0o700)


def _environment(folder: Path, executable: str) -> dict[str, str]:
    """The whole environment, without the user's own deployments, tokens and profiles."""
    path = os.pathsep.join([str(folder / "bin"), str(Path(executable).parent), os.environ.get("PATH", "")])
    return {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)} | {
        "PATH": path,
        "TMPDIR": str(folder / "home"),
        "PULUMI_HOME": str(folder / "home" / ".pulumi"),
        "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "engine",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # The CLI writes its events to a file only with this; Pulumi's own Automation API sets it too.
        "PULUMI_DEBUG_COMMANDS": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
