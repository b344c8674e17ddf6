"""Measure a bundle and compare it with the quotas of AWS Lambda."""

import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from bundles.errors import BundleError

# In bytes (AWS Lambda quotas, "Deployment package (.zip file archive) size"); the API rejects larger bundles.
ZIPPED_LIMIT = 50 * 1024 * 1024
UNZIPPED_LIMIT = 250 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a tree of files.

    Attributes:
        files: How many.
        unzipped: Bytes of their contents.
        zipped: Bytes of their deflated zip.
    """

    files: int
    unzipped: int
    zipped: int


def measure(tree: Path) -> Size:
    """Count the files of `tree` and zip them, as a direct upload would."""
    paths = [Path(folder) / name for folder, _, names in os.walk(tree) for name in names]
    with tempfile.TemporaryFile() as sink:
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in paths:
                archive.write(path, path.relative_to(tree))
        zipped = sink.tell()
    return Size(files=len(paths), unzipped=sum(path.stat().st_size for path in paths), zipped=zipped)


def check(size: Size, *, function: str) -> None:
    """Compare a bundle with the quotas of AWS Lambda.

    Raises:
        BundleError: it is too large for a direct upload or as an unpacked function.
    """
    for found, limit, kind in (
        (size.zipped, ZIPPED_LIMIT, "zipped, for a direct upload"),
        (size.unzipped, UNZIPPED_LIMIT, "unzipped"),
    ):
        if found > limit:
            raise BundleError(
                f"The bundle of {function!r} has {found:,} bytes, but AWS Lambda takes {limit:,} {kind}: "
                f"drop requirements from {function}.in and run `make lock`, or trim more in bundles/trim.py."
            )
