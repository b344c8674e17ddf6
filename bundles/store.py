"""Keep finished trees under the hash of their inputs."""

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
"""A tree is deleted if nobody has asked for it for this long."""


@dataclass(frozen=True)
class Store:
    """A folder of finished trees; any number of processes may use it at once."""

    folder: Path

    def find(self, name: str) -> Path | None:
        """Find the finished tree of that name; asking for a tree keeps it."""
        tree = self.folder / name
        try:
            os.utime(tree)
        except FileNotFoundError:
            return None
        return tree

    def make(self, name: str, fill: Callable[[Path], None]) -> Path:
        """Let `fill` write a tree into an empty folder, and give it that name once it is complete.

        If two processes do so at once, the first to finish wins and both get the same tree. If `fill`
        raises an exception, nothing is left behind.
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
    """Name contents by their hash: only equal parts have equal digests."""
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(len(part).to_bytes(8, "big"))
        sha256.update(part)
    return sha256.hexdigest()[:20]


def _set_modes(tree: Path) -> None:
    """Make all files readable by everyone, as AWS Lambda demands, even if the builder's umask is stricter."""
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in names:
            (Path(folder) / name).chmod(0o644)
