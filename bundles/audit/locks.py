"""Read the project's locks."""

import re
from dataclasses import dataclass
from pathlib import Path

from bundles.audit.errors import AuditError

_PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ;.*?)?(?P<hashes>(?:\s+--hash=sha256:[0-9a-f]{64})+)"
)


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A package at a version, without the marker that limits it to some machines.

    Attributes:
        name: The name as PyPI normalizes it.
        version: Such as `1.17.0`.
        hashes: pip's options, as in a requirements file.
    """

    name: str
    version: str
    hashes: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def find_locks(root: Path) -> list[Path]:
    """Find every file that `make lock` writes; the program's own comes first.

    Raises:
        AuditError: there is none.
    """
    whole_project = sorted(root.glob("requirements*.txt"), reverse=True)
    locks = [*whole_project, *sorted(root.glob("bundles/requirements/*.txt"))]
    if not locks:
        raise AuditError(f"There is no lock in {root}, so nothing can be audited: run `make lock`.")
    return locks


def read_pins(lock: Path) -> list[Pin]:
    """Read the packages that a lock pins, for all its platforms.

    Raises:
        AuditError: a line is not a version with its hashes.
    """
    lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [_read_pin(line.strip(), lock) for line in lines if line.partition("#")[0].strip()]


def _read_pin(line: str, lock: Path) -> Pin:
    match = _PIN.fullmatch(line)
    if match is None:
        raise AuditError(f"{lock}: {line[:80]!r} is not a version with its hashes. Run `make lock`.")
    return Pin(name=match["name"], version=match["version"], hashes=" ".join(match["hashes"].split()))
