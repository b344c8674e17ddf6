"""What an installed tree holds and a function never reads."""

import shutil
from pathlib import Path

SERVICES = frozenset({"dynamodb", "sqs"})
"""The services whose API models stay in botocore; the handlers can make clients of no others."""

# How a package came to be installed: of no use at run time, and some differ from one install to the next.
# METADATA stays, importlib.metadata reads versions from it.
_INSTALL_RECORDS = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")


def trim(tree: Path) -> None:
    """Remove scripts, install records, and the API models of unused services from installed packages."""
    shutil.rmtree(tree / "bin", ignore_errors=True)
    (tree / ".lock").unlink(missing_ok=True)
    for dist_info in tree.glob("*.dist-info"):
        for name in _INSTALL_RECORDS:
            (dist_info / name).unlink(missing_ok=True)
    shutil.rmtree(tree / "boto3" / "examples", ignore_errors=True)
    for package in ("boto3", "botocore"):
        for service in _folders(tree / package / "data"):
            _trim_service(service)


def _trim_service(service: Path) -> None:
    if service.name not in SERVICES:
        shutil.rmtree(service)
        return
    *superseded, current = _folders(service)
    for version in superseded:
        shutil.rmtree(version)
    for example in current.glob("examples-*"):
        example.unlink()


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
