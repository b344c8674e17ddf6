"""`make audit`: what counts as audited, its messages and its exit codes."""

import socket
from pathlib import Path

import pytest

from bundles.audit.__main__ import main
from bundles.audit.advisories import run_pip_audit
from bundles.builder import REPO
from tests.support.audits import (
    HASH,
    LOCKS,
    TODAY,
    AuditRun,
    FakePipAudit,
    completed,
    lock_of,
    vulnerability,
)


def test_nothing_known_against_anything_that_is_locked_is_a_pass(audit: AuditRun) -> None:
    done = audit(FakePipAudit())

    assert (done.code, done.said) == (0, "")
    assert done.rows == {
        "lock": ["packages", "findings", "excused"],
        "requirements.txt": ["1", "0", "0"],
        "requirements-dev.txt": ["2", "0", "0"],
        "bundles/requirements/greet.txt": ["1", "0", "0"],
    }


def test_a_vulnerability_is_told_once_with_its_names_its_locks_and_what_mends_it(audit: AuditRun) -> None:
    known = vulnerability("PYSEC-2026-7", "GHSA-x", "CVE-2026-1", mended_in=("1.17.0", "2.0.1"))

    done = audit(FakePipAudit({"six": [known]}))

    assert done.code == 1
    assert done.rows["requirements-dev.txt"] == ["2", "1", "0"]
    assert done.said == (
        "six 1.16.0 in requirements.txt, requirements-dev.txt, bundles/requirements/greet.txt has "
        "PYSEC-2026-7 (CVE-2026-1, GHSA-x), 1.17.0 or 2.0.1 fixes it: run `make lock UPGRADE=six`.\n"
    )


def test_a_vulnerability_that_nothing_mends_says_so(audit: AuditRun) -> None:
    done = audit(FakePipAudit({"pytest": [vulnerability("CVE-2026-2")]}))

    assert done.code == 1
    assert "pytest 9.2.0 in requirements-dev.txt has CVE-2026-2, no version fixes it yet" in done.said


def test_a_package_that_was_skipped_is_not_a_pass(audit: AuditRun) -> None:
    """pip-audit itself ends with 0, even if the index that it asks knows none of the packages."""
    done = audit(FakePipAudit(unknown={"pytest"}))

    assert done.code == 2
    assert done.rows["requirements.txt"] == ["1", "0", "0"]
    assert done.rows["requirements-dev.txt"] == ["2", "not audited", "-"]
    assert "requirements-dev.txt was NOT audited: there is no answer for pytest==9.2.0: Depend" in done.said
    assert "does NOT count as passed" in done.said


def test_a_package_that_the_report_leaves_out_is_not_a_pass(audit: AuditRun) -> None:
    done = audit(lambda _: completed('{"dependencies": [], "fixes": []}'))

    assert done.code == 2
    assert "no answer for six==1.16.0: pip-audit left them out" in done.said


def test_an_answer_about_another_version_is_not_a_pass(audit: AuditRun) -> None:
    report = '{"dependencies": [{"name": "six", "version": "1.17.0", "vulns": []}], "fixes": []}'

    assert audit(lambda _: completed(report)).code == 2


@pytest.mark.parametrize("printed", ["", "No known vulnerabilities found", "{}", "[]"])
def test_something_else_than_a_report_is_not_a_pass(audit: AuditRun, printed: str) -> None:
    done = audit(lambda _: completed(printed, stderr="Traceback\n  at\nConnectionError: no route\n"))

    assert done.code == 2
    assert set(done.rows) == LOCKS | {"lock"}
    assert (
        "requirements.txt was NOT audited: pip-audit ended with code 0 and said: ConnectionError" in done.said
    )


def test_the_real_pip_audit_without_a_network_is_not_a_pass(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as bound_but_not_listening:
        bound_but_not_listening.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{bound_but_not_listening.getsockname()[1]}")
        monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
        for lock in LOCKS - {"requirements-dev.txt"}:
            (root / lock).unlink()

        assert main(root, run_pip_audit, TODAY) == 2

    said = capsys.readouterr().err
    assert "requirements-dev.txt was NOT audited: pip-audit ended with code 1 and said: " in said
    assert "Unable to connect to proxy" in said


def test_a_vulnerability_counts_when_another_lock_could_not_be_audited(audit: AuditRun) -> None:
    done = audit(FakePipAudit({"six": [vulnerability("CVE-2026-1")]}, unknown={"pytest"}))

    assert done.code == 1
    assert "six 1.16.0 in requirements.txt, bundles/requirements/greet.txt has CVE-2026-1" in done.said
    assert "requirements-dev.txt was NOT audited" in done.said


def test_packages_for_other_machines_and_both_sides_of_a_fork_are_audited(
    audit: AuditRun, root: Path
) -> None:
    (root / "requirements.txt").write_bytes(
        lock_of(
            "six==1.15.0 ; python_full_version < '3.12'",
            "six==1.16.0 ; python_full_version >= '3.12'",
            "colorama==0.4.6 ; sys_platform == 'win32'",
        )
    )
    pip_audit = FakePipAudit()

    assert audit(pip_audit).code == 0
    assert pip_audit.asked[:2] == [
        [f"six==1.15.0 {HASH}", f"colorama==0.4.6 {HASH}"],
        [f"six==1.16.0 {HASH}"],
    ]


def test_a_project_without_locks_is_not_a_pass(audit: AuditRun, root: Path) -> None:
    for lock in LOCKS:
        (root / lock).unlink()

    done = audit(FakePipAudit())

    assert (done.code, done.rows) == (1, {})
    assert "There is no lock" in done.said


@pytest.mark.parametrize("line", ["six==1.16.0", f"six>=1.16.0 {HASH}", "-e .", f"six @ file:///six {HASH}"])
def test_a_line_that_is_not_a_version_with_hashes_is_refused(audit: AuditRun, root: Path, line: str) -> None:
    (root / "requirements.txt").write_text(f"{line}\n")

    done = audit(FakePipAudit())

    assert done.code == 1
    assert f"{root / 'requirements.txt'}: {line[:80]!r} is not a version with its hashes" in done.said


def test_the_projects_own_exceptions_and_locks_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Only an audit can tell whether they are valid; every lock but that of `pulumi up` has boto3."""
    assert main(REPO, FakePipAudit(unknown={"boto3"}), TODAY) == 2

    rows = [line.split()[0::2] for line in capsys.readouterr().out.splitlines()]
    assert rows[1] == ["requirements.txt", "0"]
    assert {count for _, count, *_ in rows[2:]} == {"not"}
