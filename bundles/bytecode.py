"""Compile bytecode at build time, with an interpreter of the target's version.

`/var/task` is read-only, so Python compiles a module without bytecode again at every cold start.
"""

import functools
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bundles.errors import BundleError
from bundles.wheels import find_uv

logger = logging.getLogger(__name__)

RUNTIME_ROOT = "/var/task"  # where AWS Lambda unpacks a function
_PROBE = "import sys; v = sys.version_info; print(sys.implementation.cache_tag, v[3], '%d.%d.%d' % v[:3])"
_PROBE_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """An interpreter that can compile for a target.

    Attributes:
        executable: Its path.
        version: Its full version, such as `3.13.1`; a bundle's contents depend on it.
    """

    executable: str
    version: str

    def compile(self, folder: Path, *, within: Path) -> None:
        """Compile every module in `folder`, which lies `within` the tree that becomes the runtime root.

        One process with sorted order and a fixed hash seed writes the same bytes every time. Python never
        checks this bytecode against its source, which saves a `stat` per import; it holds no timestamp.

        Raises:
            BundleError: a module is not valid in this version of Python.
        """
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(  # noqa: S603 - arguments are ours, there is no shell
            [
                self.executable,
                *("-S", "-P", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"),
                *("-s", str(within), "-p", RUNTIME_ROOT, str(folder)),
            ],
            env={**environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = " ".join((done.stdout + done.stderr).replace(f"{within}{os.sep}", "").split())
            raise BundleError(f"Python {self.version} cannot compile the bundle. Fix the module: {said}")


@functools.cache
def find_compiler(python_version: str) -> Compiler | None:
    """Find the interpreter that compiles for `python_version` (`3.13`); None is logged, once."""
    compiler = first_working(_candidates(python_version), python_version)
    if compiler is None:
        logger.warning(
            "No Python %s here, so bundles lack bytecode and start slower: run `uv python install %s`.",
            python_version,
            python_version,
        )
    return compiler


def first_working(candidates: Iterable[str], python_version: str) -> Compiler | None:
    """Find the first candidate that runs and is a release of CPython `python_version`."""
    for executable in candidates:
        try:
            probe = subprocess.run(  # noqa: S603 - arguments are ours, there is no shell
                [executable, "-I", "-S", "-c", _PROBE],
                capture_output=True,
                text=True,
                check=False,
                timeout=_PROBE_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        tag, _, rest = probe.stdout.strip().partition(" ")
        level, _, version = rest.partition(" ")
        if probe.returncode == 0 and tag == f"cpython-{python_version.replace('.', '')}" and level == "final":
            return Compiler(executable=executable, version=version)
    return None


def _candidates(python_version: str) -> Iterator[str]:
    """Paths to try, cheapest first; a version manager's shim may exist for a version that does not run."""
    if sys.version_info[:2] == tuple(int(part) for part in python_version.split(".")):
        yield sys.executable
    managed = subprocess.run(  # noqa: S603 - arguments are ours, there is no shell
        [find_uv(), "python", "find", "--managed-python", "--no-python-downloads", python_version],
        capture_output=True,
        text=True,
        check=False,
    )
    if managed.returncode == 0:
        yield managed.stdout.strip()
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob(f"versions/{python_version}.*/bin/python{python_version}")))
    for folder in os.get_exec_path():
        yield str(Path(folder) / f"python{python_version}")
