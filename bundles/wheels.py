"""Let uv install locked wheels for another platform."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from uv import find_uv_bin

from bundles.errors import BundleError
from bundles.target import Target

_HASH_MISMATCH = re.compile(r"Hash mismatch for `([^`]+)`")
_NO_WHEEL = re.compile(r"Because ([\w.-]+==\S+) has no [^,]*?wheels")
_NO_RELEASE = re.compile(r"there is no version of ([\w.-]+==\S+)")
_WRONG_PYTHON = re.compile(r"and ([\w.-]+==\S+) depends on Python")
_UNREACHABLE = re.compile(r"Failed to fetch: \S+|Failed to download[^\n]*|the network was disabled")


class Installer(Protocol):
    """Installs the wheels that a lock pins into an empty folder."""

    def __call__(self, *, function: str, lock: Path, target: Target, into: Path) -> None:
        """Install every pinned wheel into `into`, or raise BundleError."""
        ...


def install_wheels(
    *, function: str, lock: Path, target: Target, into: Path, environ: Mapping[str, str] | None = None
) -> None:
    """Install the wheels that `lock` pins, checked by hash, for `target` rather than this machine.

    The files may be links into uv's cache: copy them, never change them.
    uv's own settings apply: `UV_DEFAULT_INDEX` or a `uv.toml` names another index.

    Raises:
        BundleError: no wheel fits, a hash differs, or the index does not answer.
    """
    command = [
        find_uv(),
        "pip",
        "install",
        *("--requirements", str(lock), "--target", str(into)),
        *("--python-version", target.python_version, "--python-platform", target.platform),
        *("--only-binary", ":all:", "--require-hashes", "--no-deps"),
        *("--python", sys.executable),
        *("--quiet", "--no-progress", "--color", "never"),
    ]
    done = subprocess.run(  # noqa: S603 - arguments are ours, there is no shell
        command,
        # If the environment asked for bytecode, this Python would write some that differs between machines.
        env={**(os.environ if environ is None else environ), "UV_COMPILE_BYTECODE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise explain(done.stderr, function=function, lock=lock, target=target)


def find_uv() -> str:
    """Find the uv program that is installed with this Python.

    Raises:
        BundleError: there is none.
    """
    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        raise BundleError(
            f"The program uv is not installed beside {sys.executable}: run `make install`."
        ) from error


def explain(output: str, *, function: str, lock: Path, target: Target) -> BundleError:
    """Turn the output of a failed uv into one message with a remedy."""
    failed = f"The bundle of {function!r} for {target} cannot be built: "
    source = lock.with_suffix(".in").name
    if match := _HASH_MISMATCH.search(output):
        return BundleError(
            f"{failed}the index serves {match[1]} with other contents than {lock.name} locks. Do not use it "
            f"until you know why; if the release was replaced for a good reason, run `make lock`."
        )
    if match := _NO_WHEEL.search(output) or _NO_RELEASE.search(output) or _WRONG_PYTHON.search(output):
        return BundleError(
            f"{failed}the index has no wheel of {match[1]} that fits. "
            f"Ask for another version in {source} and run `make lock`."
        )
    if match := _UNREACHABLE.search(output):
        return BundleError(
            f"{failed}the package index does not answer ({match[0]}). "
            f"Check the network, or name another index in UV_DEFAULT_INDEX, and run it again."
        )
    return BundleError(f"{failed}uv pip install --requirements {lock} says: {' '.join(output.split())}")
