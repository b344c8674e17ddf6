"""`python -m bundles.audit`: check every lock for known vulnerabilities."""

import datetime as dt
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bundles.audit.advisories import Finding, Runner, find_vulnerabilities, run_pip_audit
from bundles.audit.errors import AuditError, NotAuditedError
from bundles.audit.exceptions import FILE, find_faults, read_exceptions
from bundles.audit.locks import find_locks, read_pins
from bundles.builder import REPO

PASSED, FAILED, NOT_AUDITED = range(3)
_ROW = "{:<38}{:>9}{:>13}{:>9}\n"


@dataclass(frozen=True, kw_only=True)
class _Result:
    """The result of auditing one lock; `unanswered` says why there is none."""

    lock: str
    packages: int
    findings: tuple[Finding, ...] = ()
    unanswered: str = ""


def main(root: Path = REPO, run: Runner = run_pip_audit, today: dt.date | None = None) -> int:
    """Print a row for each lock, then each fault with its remedy.

    Returns:
        1 if a vulnerability is not excused or an exception is invalid; else 2 if the service did not answer
        for every package; else 0.
    """
    try:
        exceptions = read_exceptions(root / FILE)
        results = [_audit(lock, root, run) for lock in find_locks(root)]
    except AuditError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    today = today or dt.datetime.now(dt.UTC).date()
    findings = {finding for result in results for finding in result.findings}
    excused = {found for found in findings if any(entry.excuses(found, today) for entry in exceptions)}
    unanswered = [result for result in results if result.unanswered]
    _print_table(results, excused)

    faults = [_explain(finding, results) for finding in sorted(findings - excused, key=str)]
    if not unanswered:  # an exception may match a package without an answer
        faults += find_faults(exceptions, findings, today)
    _print_faults(faults, unanswered)
    if faults:
        return FAILED
    return NOT_AUDITED if unanswered else PASSED


def _audit(lock: Path, root: Path, run: Runner) -> _Result:
    name = lock.relative_to(root).as_posix()
    pins = read_pins(lock)
    try:
        return _Result(lock=name, packages=len(pins), findings=tuple(find_vulnerabilities(pins, run)))
    except NotAuditedError as error:
        return _Result(lock=name, packages=len(pins), unanswered=str(error))


def _print_table(results: Iterable[_Result], excused: set[Finding]) -> None:
    sys.stdout.write(_ROW.format("lock", "packages", "findings", "excused"))
    for result in results:
        counts = len(result.findings), len(excused.intersection(result.findings))
        shown = ("not audited", "-") if result.unanswered else counts
        sys.stdout.write(_ROW.format(result.lock, result.packages, *shown))
    sys.stdout.flush()


def _print_faults(faults: Iterable[str], unanswered: list[_Result]) -> None:
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    for result in unanswered:
        sys.stderr.write(f"{result.lock} was NOT audited: {result.unanswered.rstrip('.')}.\n")
    if unanswered:
        sys.stderr.write(
            "This does NOT count as passed. Run it again where https://pypi.org/pypi/ can be reached.\n"
        )


def _explain(finding: Finding, results: Iterable[_Result]) -> str:
    locks = ", ".join(result.lock for result in results if finding in result.findings)
    aliases = f" ({', '.join(finding.aliases)})" if finding.aliases else ""
    if finding.fix_versions:
        remedy = f"{' or '.join(finding.fix_versions)} fixes it: run `make lock UPGRADE={finding.package}`"
    else:
        remedy = f"no version fixes it yet: drop the package, or say in {FILE} why it does no harm"
    return f"{finding.package} {finding.version} in {locks} has {finding.id}{aliases}, {remedy}."


if __name__ == "__main__":
    sys.exit(main())
