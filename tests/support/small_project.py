"""A small project of files, and an installer that needs no index."""

from dataclasses import dataclass, field
from pathlib import Path

from bundles import Target
from bundles.bytecode import Compiler


@dataclass
class FakeInstaller:
    """Writes files as if they came from wheels, and counts its calls."""

    files: dict[str, bytes] = field(default_factory=lambda: {"library.py": b"NAME = 'library'\n"})
    calls: int = 0

    def __call__(self, *, function: str, lock: Path, target: Target, into: Path) -> None:
        self.calls += 1
        write_files(into, self.files)


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def dist_info(name: str, version: str, *lines: str) -> dict[str, bytes]:
    """The metadata of an installed package."""
    metadata = "\n".join(("Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines, "", ""))
    return {f"{name.replace('-', '_')}-{version}.dist-info/METADATA": metadata.encode()}


def tree_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file by its relative path, with its mode and contents."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def no_compiler(python_version: str) -> Compiler | None:
    return None
