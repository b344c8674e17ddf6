"""`audit-exceptions.toml`: which findings it excuses, and which exceptions are faulty."""

from pathlib import Path

import pytest

from tests.support.audits import AuditRun, FakePipAudit, vulnerability

EXCEPTION = """
[[exception]]
id = "CVE-2026-1"
package = "six"
reason = "Nothing here moves."
until = 2026-06-01
"""
"""Today is its last day."""


@pytest.mark.parametrize("called", ["PYSEC-2026-7", "CVE-2026-1"])
def test_an_exception_excuses_its_finding_by_any_of_its_names_on_its_last_day(
    audit: AuditRun, root: Path, called: str
) -> None:
    (root / "audit-exceptions.toml").write_text(EXCEPTION.replace("CVE-2026-1", called))

    done = audit(FakePipAudit({"six": [vulnerability("PYSEC-2026-7", "CVE-2026-1")]}))

    assert (done.code, done.said) == (0, "")
    assert done.rows["requirements.txt"] == ["1", "1", "1"]


def test_an_exception_excuses_nothing_else(audit: AuditRun, root: Path) -> None:
    (root / "audit-exceptions.toml").write_text(EXCEPTION)
    known = {
        "six": [vulnerability("CVE-2026-1"), vulnerability("CVE-2026-2")],
        "pytest": [vulnerability("CVE-2026-1")],
    }

    done = audit(FakePipAudit(known))

    assert done.code == 1
    assert done.rows["requirements-dev.txt"] == ["2", "3", "1"]
    assert [line.split(" in ")[0] for line in done.said.splitlines()] == ["pytest 9.2.0", "six 1.16.0"]


def test_an_exception_that_has_expired_excuses_nothing_and_is_told(audit: AuditRun, root: Path) -> None:
    (root / "audit-exceptions.toml").write_text(EXCEPTION.replace("2026-06-01", "2026-05-31"))

    done = audit(FakePipAudit({"six": [vulnerability("CVE-2026-1")]}))

    assert done.code == 1
    assert done.rows["requirements.txt"] == ["1", "1", "0"]
    assert "six 1.16.0 in requirements.txt" in done.said
    assert "the exception of CVE-2026-1 for six expired on 2026-05-31" in done.said


def test_an_exception_that_matches_nothing_any_more_is_told(audit: AuditRun, root: Path) -> None:
    (root / "audit-exceptions.toml").write_text(EXCEPTION)

    done = audit(FakePipAudit())

    assert done.code == 1
    assert "the exception of CVE-2026-1 for six no longer matches any locked package: delete it" in done.said


def test_an_exception_is_not_called_useless_while_a_lock_was_not_audited(audit: AuditRun, root: Path) -> None:
    (root / "audit-exceptions.toml").write_text(EXCEPTION)

    done = audit(FakePipAudit(unknown={"six"}))

    assert done.code == 2
    assert "no longer matches" not in done.said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (EXCEPTION.replace('reason = "Nothing here moves."\n', ""), "exception 1 reason: field required"),
        (EXCEPTION.replace("Nothing here moves.", "  "), "exception 1 reason: string should have at least 1"),
        (EXCEPTION.replace("until = 2026-06-01", ""), "exception 1 until: field required"),
        (
            EXCEPTION.replace("2026-06-01", '"when it is mended"'),
            "exception 1 until: input should be a valid",
        ),
        (EXCEPTION + 'expires = "never"', "exception 1 expires: extra inputs are not permitted"),
        (EXCEPTION.replace("[[exception]]", "[[exceptions]]"), "exceptions: extra inputs are not permitted"),
        ("[[exception", "audit-exceptions.toml is not TOML"),
    ],
)
def test_an_exception_without_all_that_it_needs_is_refused(
    audit: AuditRun, root: Path, written: str, said: str
) -> None:
    (root / "audit-exceptions.toml").write_text(written)
    pip_audit = FakePipAudit()

    done = audit(pip_audit)

    assert done.code == 1
    assert said in done.said
    assert pip_audit.asked == []
