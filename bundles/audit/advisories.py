"""Let pip-audit look up the vulnerabilities of a lock's packages.

pip-audit asks PyPI (https://docs.pypi.org/api/json/, `vulnerabilities`). Its exit code is ambiguous: 1 means
a vulnerability or an unreachable service, and 0 may mean that it skipped every package. So this module
compares its report with the packages that were asked about.
"""

import itertools
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from bundles.audit.errors import NotAuditedError
from bundles.audit.locks import Pin

Runner = Callable[[Path], "subprocess.CompletedProcess[str]"]
"""Audits a requirements file; the output is pip-audit's JSON report."""

_NAMED = 3
"""A message names at most this many packages without an answer."""


class Finding(BaseModel, frozen=True):
    """A known vulnerability of a package at a version.

    Attributes:
        package: Its normalized name.
        version: The locked version.
        id: The advisory's name, such as `PYSEC-2024-1`.
        aliases: Its other names, such as `CVE-2024-1`, sorted.
        fix_versions: The versions that fix it, earliest first.
    """

    package: str
    version: str
    id: str
    aliases: tuple[str, ...]
    fix_versions: tuple[str, ...]


class _Vulnerability(BaseModel):
    id: str
    aliases: tuple[str, ...]
    fix_versions: tuple[str, ...]


class _Dependency(BaseModel):
    """Either audited, with a version, or skipped, with a reason (`pip_audit._format.json`)."""

    name: str
    version: str | None = None
    vulns: tuple[_Vulnerability, ...] = ()
    skip_reason: str | None = None


class _Report(BaseModel):
    dependencies: tuple[_Dependency, ...]


def run_pip_audit(requirements: Path) -> "subprocess.CompletedProcess[str]":
    """Let pip-audit ask PyPI about exactly the pinned packages, without resolving or installing anything."""
    return subprocess.run(  # noqa: S603 - arguments are ours, there is no shell
        [
            *(sys.executable, "-m", "pip_audit", "--requirement", str(requirements)),
            *("--require-hashes", "--disable-pip", "--vulnerability-service", "pypi"),
            *("--format", "json", "--output", "stdout", "--aliases", "on", "--desc", "off"),
            *("--progress-spinner", "off"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def find_vulnerabilities(pins: Iterable[Pin], run: Runner) -> list[Finding]:
    """Find the known vulnerabilities of all these packages.

    Raises:
        NotAuditedError: one of them got no answer.
    """
    return [finding for requirements in _without_repetition(pins) for finding in _audit(requirements, run)]


def _without_repetition(pins: Iterable[Pin]) -> Iterator[list[Pin]]:
    """Split pins into lists that name no package twice: where markers fork, a lock has two versions."""
    versions: defaultdict[str, list[Pin]] = defaultdict(list)
    for pin in pins:
        versions[pin.name].append(pin)
    for column in itertools.zip_longest(*versions.values()):
        yield [pin for pin in column if pin is not None]


def _audit(pins: list[Pin], run: Runner) -> Iterator[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        # Markers stay out, because pip-audit skips packages that this machine would not install.
        requirements.write_text("".join(f"{pin} {pin.hashes}\n" for pin in pins), encoding="utf-8")
        report = _read_report(run(requirements))
    _demand_answers(pins, report)
    for dependency in report.dependencies:
        for vulnerability in dependency.vulns:
            yield Finding(
                package=dependency.name,
                version=dependency.version or "",
                id=vulnerability.id,
                aliases=tuple(sorted(vulnerability.aliases)),
                fix_versions=vulnerability.fix_versions,
            )


def _read_report(done: "subprocess.CompletedProcess[str]") -> _Report:
    try:
        return _Report.model_validate_json(done.stdout)
    except ValidationError as error:
        said = done.stderr.strip().rpartition("\n")[2] or "nothing"
        raise NotAuditedError(f"pip-audit ended with code {done.returncode} and said: {said}") from error


def _demand_answers(pins: list[Pin], report: _Report) -> None:
    answered = {(dependency.name, dependency.version) for dependency in report.dependencies}
    missing = [str(pin) for pin in pins if (pin.name, pin.version) not in answered]
    if not missing:
        return
    reasons = [dependency.skip_reason for dependency in report.dependencies if dependency.skip_reason]
    others = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    raise NotAuditedError(
        f"there is no answer for {', '.join(missing[:_NAMED])}{others}: "
        f"{reasons[0] if reasons else 'pip-audit left them out'}"
    )
