"""Compare the virtual environment that runs the program with the program's lock."""

import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pulumi

LOCK = Path(__file__).resolve().parent.parent / "requirements.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)( ;)?", re.MULTILINE)


def check_installed(lock: Path = LOCK, version_of: Callable[[str], str] = metadata.version) -> None:
    """Check that the locked versions are installed: Pulumi would use an outdated environment as it is.

    Raises:
        pulumi.RunError: versions differ; the message names each such package and the command to run.
    """
    others: list[str] = []
    for name, locked, only_elsewhere in _PINNED.findall(lock.read_text()):
        try:
            installed = version_of(name)
        except metadata.PackageNotFoundError:
            installed = locked if only_elsewhere else "missing"  # a marker may limit it to another platform
        if installed != locked:
            others.append(f"{name} {installed} where {locked} is locked")
    if others:
        raise pulumi.RunError(
            f"the virtual environment differs from requirements.txt: {', '.join(others)}. Run `make install`."
        )
