"""Starts the emulator in a process of its own, and ends it with everything it started."""

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

from local.environment import HOST, emulator_environment
from local.errors import DeadlineError, LocalStackError
from local.waiting import wait_for

REPO = Path(__file__).resolve().parent.parent
START_SECONDS = 20
STOP_SECONDS = 10

_LOG_TAIL_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A running emulator.

    Attributes:
        url: answers for AWS and for the HTTP API, as `http://127.0.0.1:PORT`.
        process: its process, which leads a process group of its own.
        private: the folder of mode 0700 that holds all its files.
    """

    url: str
    process: subprocess.Popen[bytes]
    private: Path

    def log(self) -> str:
        """The end of what it wrote."""
        return _log_file(self.private).read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:].strip()

    def wait_until_it_answers(self) -> None:
        """Return once it does.

        Raises:
            LocalStackError: it ended, or does not answer in time.
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
        with suppress(requests.ConnectionError), requests.Session() as session:
            session.trust_env = False  # proxies are for other hosts
            return session.get(f"{self.url}/_ministack/health", timeout=START_SECONDS).ok
        return False


@contextmanager
def running_emulator(*, port: int = 0, ready_file: Path | None = None) -> Generator[Emulator]:
    """An emulator that answers on 127.0.0.1, soon and until the context ends.

    Args:
        port: where to answer; 0 for a free one.
        ready_file: removed by the emulator when it ends, should this process be killed before it can.

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
            f"port {port} of {HOST} cannot be had ({error.strerror}): choose another by --port, or leave "
            "it out for a free one"
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
            # Ctrl-C goes to the launcher alone, and the group can be ended as a whole.
            start_new_session=True,
        )
    return Emulator(url=f"http://{HOST}:{port}", process=process, private=private)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # Whatever is left of the group; usually nothing is.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


def _log_file(private: Path) -> Path:
    return private / "emulator.log"
