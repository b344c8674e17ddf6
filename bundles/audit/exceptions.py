"""Vulnerabilities that are known and accepted for a while, in `audit-exceptions.toml`."""

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
    """A vulnerability that is no reason to fail, for a reason and up to a day.

    Attributes:
        id: Of the advisory, or one of its aliases.
        package: Its normalized name.
        reason: Why it does not harm here.
        until: The last day on which it holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: _Text
    package: _Text
    reason: _Text
    until: dt.date

    def excuses(self, finding: Finding, today: dt.date) -> bool:
        """Whether it is about that finding and still holds."""
        return today <= self.until and self.is_about(finding)

    def is_about(self, finding: Finding) -> bool:
        """Whether the finding is the one that it names."""
        return self.package == finding.package and self.id in {finding.id, *finding.aliases}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    exception: tuple[ExceptedFinding, ...] = ()


def read_exceptions(path: Path) -> tuple[ExceptedFinding, ...]:
    """The exceptions in the file; none when there is no file.

    Raises:
        AuditError: it is not TOML, or an exception lacks what it must have.
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
    """What is wrong with exceptions once every lock was audited: they expired, or excuse nothing."""
    findings = list(findings)
    faults: list[str] = []
    for exception in exceptions:
        named = f"{FILE}: the exception of {exception.id} for {exception.package}"
        if not any(exception.is_about(finding) for finding in findings):
            faults.append(f"{named} matches nothing that is locked any more: delete it.")
        elif exception.until < today:
            faults.append(f"{named} expired on {exception.until}: upgrade the package, or give another day.")
    return faults


def _explain(error: ValidationError, path: Path) -> str:
    def place(location: tuple[int | str, ...]) -> str:
        return " ".join(str(part + 1) if isinstance(part, int) else part for part in location)

    faults = "; ".join(f"{place(fault['loc'])}: {fault['msg'].lower()}" for fault in error.errors())
    return f"{path.name}: {faults}. An [[exception]] has an id, a package, a reason, and until = YYYY-MM-DD."
