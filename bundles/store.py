"""Finished trees, kept under the hash of what they were made from."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KEPT_SECONDS = 7 * 24 * 3600
"""How long a tree that nobody asks for stays."""


@dataclass(frozen=True)
class Store:
    """A folder of finished trees. Any number of processes may use it at once."""

    folder: Path

    def find(self, name: str) -> Path | None:
        """The finished tree of that name; asking for it keeps it."""
        tree = self.folder / name
        try:
            os.utime(tree)
        except FileNotFoundError:
            return None
        return tree

    def make(self, name: str, fill: Callable[[Path], None]) -> Path:
        """Let `fill` write a tree into an empty folder, and give it that name once it is complete.

        When two do so at once the first to finish wins, and both get the same tree. Whatever `fill`
        raises leaves nothing behind.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._forget_unused()
        finished = self.folder / name
        with tempfile.TemporaryDirectory(prefix=".making-", dir=self.folder) as scratch:
            tree = Path(scratch) / name
            tree.mkdir()
            fill(tree)
            _set_modes(tree)
            try:
                tree.rename(finished)
            except OSError:
                if not finished.is_dir():
                    raise
        return finished

    def _forget_unused(self) -> None:
        oldest = time.time() - KEPT_SECONDS
        for entry in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                if entry.stat().st_mtime < oldest:
                    shutil.rmtree(entry, ignore_errors=True)


def digest(*parts: bytes) -> str:
    """A name for contents: equal parts, and only those, have equal digests."""
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(len(part).to_bytes(8, "big"))
        sha256.update(part)
    return sha256.hexdigest()[:20]


def _set_modes(tree: Path) -> None:
    """Readable by everyone, as AWS Lambda demands, whatever the umask of whoever builds."""
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in names:
            (Path(folder) / name).chmod(0o644)
