"""Starts the emulator in its own process, and ends it with everything it started."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from local import loopback
from local.constants import HOST, REPO
from local.emulator.environment import emulator_environment
from local.errors import DeadlineError, LocalStackError
from local.waiting import wait_for

START_SECONDS = 20
STOP_SECONDS = 10

_LOG_TAIL_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A running emulator.

    Attributes:
        url: `http://127.0.0.1:PORT`, which answers for AWS and for the HTTP API.
        process: the leader of its own process group.
        private: the folder of mode 0700 that holds all files of the emulator.
    """

    url: str
    process: subprocess.Popen[bytes]
    private: Path

    def log(self) -> str:
        """The end of its log."""
        return _log_file(self.private).read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:].strip()

    def wait_until_it_answers(self) -> None:
        """Return once it answers.

        Raises:
            LocalStackError: it ended, or did not answer in time.
        """
        try:
            wait_for("an answer of the emulator", self._answers, seconds=START_SECONDS)
        except DeadlineError as error:
            raise LocalStackError(f"{error}; its log:\n{self.log()}") from error

    def _answers(self) -> bool:
        if (code := self.process.poll()) is not None:
            raise LocalStackError(
                f"the emulator ended with code {code} as it started; its log:\n{self.log()}"
            )
        with suppress(requests.ConnectionError), loopback.session() as session:
            return session.get(f"{self.url}/_ministack/health", timeout=START_SECONDS).ok
        return False


@contextmanager
def running_emulator(*, port: int = 0, ready_file: Path | None = None) -> Generator[Emulator]:
    """Start an emulator that answers on 127.0.0.1 soon, and end it with the context.

    Args:
        port: where to answer; 0 for a free one.
        ready_file: the emulator removes it when it ends, in case this process is killed before it can.

    Raises:
        LocalStackError: the port is taken.
    """
    private = Path(tempfile.mkdtemp(prefix="webhook-delivery-"))
    try:
        with _listen(port) as listener:
            emulator = _spawn(listener, private, ready_file)
        try:
            yield emulator
        finally:
            _end(emulator.process)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise LocalStackError(
            f"port {port} of {HOST} is not available ({error.strerror}): choose another by --port, or "
            "leave --port out for a free one"
        ) from error
    except OverflowError as error:
        raise LocalStackError(f"port {port} is not a port: choose one from 1 to 65535") from error


def _spawn(listener: socket.socket, private: Path, ready_file: Path | None) -> Emulator:
    port = listener.getsockname()[1]
    command = [sys.executable, "-m", "local.emulator", str(listener.fileno()), str(port), str(private)]
    log_fd = os.open(_log_file(private), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(log_fd, "wb") as log:
        process = subprocess.Popen(
            [*command, *([str(ready_file.absolute())] if ready_file else [])],
            cwd=REPO,
            env=emulator_environment(os.environ, private=private, port=port),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
            # Ctrl-C reaches the launcher alone, which can end this group as a whole.
            start_new_session=True,
        )
    return Emulator(url=f"http://{HOST}:{port}", process=process, private=private)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # Usually nothing is left of the group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


def _log_file(private: Path) -> Path:
    return private / "emulator.log"
