"""Read `audit-exceptions.toml`: vulnerabilities that are accepted for a limited time."""

import datetime as dt
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from bundles.audit.advisories import Finding
from bundles.audit.errors import AuditError

FILE = "audit-exceptions.toml"
_Text = Annotated[str, StringConstraints(min_length=1)]


class ExceptedFinding(BaseModel):
    """A vulnerability that does not fail the audit, with a reason and a last day.

    Attributes:
        id: The advisory's id or one of its aliases.
        package: The package's normalized name.
        reason: Why it does no harm here.
        until: The last day of the exception.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: _Text
    package: _Text
    reason: _Text
    until: dt.date

    def excuses(self, finding: Finding, today: dt.date) -> bool:
        """Whether it is about this finding and has not expired."""
        return today <= self.until and self.is_about(finding)

    def is_about(self, finding: Finding) -> bool:
        """Whether it names this finding."""
        return self.package == finding.package and self.id in {finding.id, *finding.aliases}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    exception: tuple[ExceptedFinding, ...] = ()


def read_exceptions(path: Path) -> tuple[ExceptedFinding, ...]:
    """Read the exceptions in the file; without a file there are none.

    Raises:
        AuditError: the file is not TOML, or an exception lacks a field or has an unknown one.
    """
    if not path.is_file():
        return ()
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).exception
    except tomllib.TOMLDecodeError as error:
        raise AuditError(f"{path.name} is not TOML: {error}.") from error
    except ValidationError as error:
        raise AuditError(_explain(error, path)) from error


def find_faults(
    exceptions: Iterable[ExceptedFinding], findings: Iterable[Finding], today: dt.date
) -> list[str]:
    """Find exceptions that have expired or match nothing; call it once every lock was audited."""
    findings = list(findings)
    faults: list[str] = []
    for exception in exceptions:
        named = f"{FILE}: the exception of {exception.id} for {exception.package}"
        if not any(exception.is_about(finding) for finding in findings):
            faults.append(f"{named} no longer matches any locked package: delete it.")
        elif exception.until < today:
            faults.append(f"{named} expired on {exception.until}: upgrade the package, or set a later day.")
    return faults


def _explain(error: ValidationError, path: Path) -> str:
    def place(location: tuple[int | str, ...]) -> str:
        return " ".join(str(part + 1) if isinstance(part, int) else part for part in location)

    faults = "; ".join(f"{place(fault['loc'])}: {fault['msg'].lower()}" for fault in error.errors())
    return f"{path.name}: {faults}. An [[exception]] has an id, a package, a reason, and until = YYYY-MM-DD."
