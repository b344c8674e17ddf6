"""A deployment with an outdated environment is refused; the message names the command that updates it."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pulumi
import pytest

from components.requirements import check_installed

LOCK = """\
pulumi==3.272.0 \\
    --hash=sha256:00
pulumi-aws==7.51.0 ; python_version >= "3.11" \\
    --hash=sha256:00
colorama==0.4.6 ; sys_platform == "win32" \\
    --hash=sha256:00
"""


def check(tmp_path: Path, **installed: str) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(LOCK)

    def version_of(name: str) -> str:
        try:
            return installed[name.replace("-", "_")]
        except KeyError as error:
            raise metadata.PackageNotFoundError(name) from error

    check_installed(lock, version_of)


def test_what_is_locked_is_fine_and_what_is_for_other_platforms_may_be_missing(tmp_path: Path):
    check(tmp_path, pulumi="3.272.0", pulumi_aws="7.51.0")


def test_another_version_is_refused_with_both_and_the_command(tmp_path: Path):
    with pytest.raises(pulumi.RunError) as refused:
        check(tmp_path, pulumi="3.272.0", pulumi_aws="7.1.0")

    assert "pulumi-aws 7.1.0 where 7.51.0 is locked" in str(refused.value)
    assert "`make install`" in str(refused.value)


def test_a_package_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(pulumi.RunError, match=r"pulumi missing where 3\.272\.0 is locked"):
        check(tmp_path, pulumi_aws="7.51.0")


def test_the_environment_is_looked_at_before_anything_is_imported_that_it_may_lack():
    """Given an SDK that is too old to have hooks, then the message is the remedy and no missing name."""
    program = """
import runpy, sys
import pulumi
from components import requirements
def refused(*_):
    raise pulumi.RunError("make install")
requirements.check_installed = refused
del pulumi.ResourceHookBinding
try:
    runpy.run_path("__main__.py")
except pulumi.RunError as error:
    sys.exit(0 if "make install" in str(error) else 1)
"""
    root = Path(__file__).resolve().parents[2]

    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


def test_the_program_needs_no_package_but_those_that_its_own_lock_names():
    """Pulumi builds the environment from `requirements.txt`; only developers have the other packages."""
    program = """
import re, sys
from importlib.metadata import packages_distributions
from pathlib import Path

installed = packages_distributions()
locked = set(re.findall(r"^([A-Za-z0-9._-]+)==", Path("requirements.txt").read_text(), re.MULTILINE))
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
ours = {
    package
    for package, names in installed.items()
    if {plain(name) for name in names} & {plain(name) for name in locked}
}

class OnlyLocked:
    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package in installed and package not in ours:
            raise ModuleNotFoundError(f"{package} is not in requirements.txt")

sys.meta_path.insert(0, OnlyLocked())
import components.archives, components.settings, components.stack_name, components.webhook_delivery
"""
    root = Path(__file__).resolve().parents[2]

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr


def test_this_environment_is_what_is_locked():
    check_installed()
