"""The virtual environment that the program runs in, held against the lock that came with the program."""

import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pulumi

LOCK = Path(__file__).resolve().parent.parent / "requirements.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)( ;)?", re.MULTILINE)


def check_installed(lock: Path = LOCK, version_of: Callable[[str], str] = metadata.version) -> None:
    """See that what is installed is what is locked: Pulumi uses an environment of long ago as it is.

    Raises:
        pulumi.RunError: naming each package that is of another version, and the command that mends it.
    """
    others: list[str] = []
    for name, locked, only_elsewhere in _PINNED.findall(lock.read_text()):
        try:
            installed = version_of(name)
        except metadata.PackageNotFoundError:
            installed = locked if only_elsewhere else "missing"  # perhaps for another platform
        if installed != locked:
            others.append(f"{name} {installed} where {locked} is locked")
    if others:
        raise pulumi.RunError(
            f"the virtual environment does not fit requirements.txt: {', '.join(others)}. Run `make install`."
        )
