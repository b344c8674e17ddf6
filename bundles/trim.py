"""Leave out files of installed packages that a function never reads."""

import shutil
from pathlib import Path

SERVICES = frozenset({"dynamodb", "sqs"})
"""Only these services keep their API models in botocore, so handlers can make clients of these alone."""

# They record how a package was installed: useless at run time, and some differ between installs.
# METADATA stays, because importlib.metadata reads versions from it.
_INSTALL_RECORDS = frozenset({"RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json"})


def copy_trimmed(installed: Path, tree: Path) -> None:
    """Copy packages without scripts, install records, and the API models of unused services."""

    def unneeded(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(installed).parts
        return {name for name in names if _is_unneeded(inside, name, siblings=names)}

    shutil.copytree(installed, tree, ignore=unneeded, copy_function=shutil.copyfile, dirs_exist_ok=True)


def _is_unneeded(inside: tuple[str, ...], name: str, *, siblings: list[str]) -> bool:
    match inside:
        case ():
            unneeded = name in {"bin", ".lock"}
        case (package,) if package.endswith(".dist-info"):
            unneeded = name in _INSTALL_RECORDS
        case ("boto3",):
            unneeded = name == "examples"
        case ("boto3" | "botocore", "data"):  # a folder per service beside files that are shared
            unneeded = name not in SERVICES and not name.endswith(".json")
        case ("boto3" | "botocore", "data", _):  # a folder per version of the API, named by its date
            unneeded = name != max(siblings)
        case ("boto3" | "botocore", "data", _, _):
            unneeded = name.startswith("examples-")
        case _:
            unneeded = False
    return unneeded
