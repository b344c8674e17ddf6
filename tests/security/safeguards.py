"""A safeguard for each row of the threat model is taken out of a copy of the project: its test has to fail.

`SECURITY.md` names the tests. One that still passes without the safeguard that it is to show would be worth
nothing, and nobody would notice.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.security.part import Part

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
_LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv", ".cache", ".hypothesis", "__pycache__", ".pytest_cache", ".ruff_cache", ".coverage*"
)
_TESTS_FAILED = 1  # pytest's exit code; any other one is an error of its own


@dataclass(frozen=True, kw_only=True)
class Safeguard:
    """Something that keeps somebody out, and the test that shows it.

    Attributes:
        test: the node id of the test, as the threat model names it.
        file: where the safeguard is.
        code: the safeguard; it stands there once.
        without: what is there when it is taken out.
    """

    test: str
    file: str
    code: str
    without: str

    def take_out(self, root: Path) -> None:
        """Take the safeguard out of the project in `root`."""
        path = root / self.file
        text = path.read_text()
        if text.count(self.code) != 1:
            raise AssertionError(f"{self.file} has {self.code!r} {text.count(self.code)} times, not once")
        path.write_text(text.replace(self.code, self.without))


_POST = """\
            answer = self._transport.post(target, headers=headers, body=event.body, deadline=deadline)
"""
_INTERIM = """\
            if isinstance(event, h11.InformationalResponse):
                self._end_head()
"""

SAFEGUARDS = (
    Safeguard(
        test="tests/security/front_door/test_keys.py::"
        "test_whatever_is_no_key_gets_the_answer_and_the_work_of_an_unknown_key",
        file="handlers/intake/authentication.py",
        code="            holder = self._tenants.holder_of(api_key)\n",
        without="            holder = self._tenants.holder_of(api_key) if len(api_key) == 47 else None\n",
    ),
    Safeguard(
        test="tests/security/front_door/test_front_door.py::test_no_hostile_request_breaks_a_promise",
        file="handlers/ingest.py",
        code='event.get("headers") or {}',
        without='event["headers"]',
    ),
    Safeguard(
        test="tests/security/targets/test_targets.py::test_no_connection_is_opened_to_what_is_not_public",
        file="handlers/delivery/targets.py",
        code="        for address in addresses:\n",
        without="        for address in addresses[:1]:\n",
    ),
    Safeguard(
        test="tests/security/targets/test_targets.py::test_both_ends_of_every_special_range_are_not_public",
        file="handlers/delivery/targets.py",
        code='            "100.64.0.0/10",\n',
        without="",
    ),
    Safeguard(
        test="tests/security/targets/test_targets.py::"
        "test_a_connection_that_is_led_to_this_machine_is_closed_before_a_byte_is_sent",
        file="handlers/delivery/connecting.py",
        code="                self._vet([connection.getpeername()[0]])\n",
        without="",
    ),
    Safeguard(
        test="tests/security/targets/test_targets.py::test_no_answer_leads_anywhere_else",
        file="handlers/delivery/attempt.py",
        code=_POST,
        without=_POST + "            for place in answer.values(b'location'):\n"
        "                target = parse_target(place, allow_private=True)\n"
        "                self._transport.post(target, headers={}, body=b'', deadline=deadline)\n",
    ),
    Safeguard(
        test="tests/wire/test_sequences.py::"
        "test_the_recorded_status_was_said_to_the_attempts_own_request_in_thousands_of_sequences",
        file="handlers/delivery/exchange.py",
        code=_INTERIM,
        without=_INTERIM + "                self._final, self.over = event, True\n",
    ),
    Safeguard(
        test="tests/wire/test_connecting.py::"
        "test_a_tenants_hanging_name_server_fails_nobody_elses_deliveries",
        file="handlers/delivery/lookups.py",
        code="MAX_LOOKUPS = 200\n",
        without="MAX_LOOKUPS = 1\n",
    ),
    Safeguard(
        test="tests/faults/test_hostile.py::test_an_attempt_holds_against",
        file="handlers/delivery/exchange.py",
        code="        if self._head_bytes + more > MAX_HEAD_BYTES:\n",
        without="        if False:\n",
    ),
    Safeguard(
        test="tests/handlers/test_delivery.py::test_proxies_and_credentials_of_the_environment_are_not_used",
        file="handlers/delivery/connecting.py",
        code='        """A connection to the target, encrypted where its URL says so.\n',
        without="        from urllib.request import getproxies\n"
        "        from handlers.delivery.targets import parse_target\n"
        "        proxy = getproxies().get('http')\n"
        "        target = parse_target(proxy, allow_private=True) if proxy else target\n"
        '        """A connection to the target, encrypted where its URL says so.\n',
    ),
    Safeguard(
        test="tests/handlers/test_signing.py::test_a_known_signature_comes_out_as_the_specifications_say",
        file="handlers/delivery/signing.py",
        code='b"%b.%d.%b" % (event_id.encode(), timestamp, body)',
        without="body",
    ),
    Safeguard(
        test="tests/handlers/test_signing.py::test_stripe_verifies_a_delivery_with_the_whole_secret",
        file="handlers/delivery/signing.py",
        code='b"%d.%b" % (timestamp, body)',
        without="body",
    ),
    Safeguard(
        test="tests/handlers/test_tenant_registry.py::"
        "test_during_a_rotation_both_secrets_verify_and_a_second_after_the_overlap_the_old_one_does_not",
        file="handlers/model/tenant.py",
        code="now.timestamp() < expires_at",
        without="now.timestamp() < expires_at + 2",
    ),
    Safeguard(
        test="tests/handlers/test_tenant_registry.py::"
        "test_a_key_that_is_added_while_the_secret_is_rotated_is_not_left_with_the_old_one",
        file="handlers/store/tenant_registry.py",
        code=' AND {condition}"',
        without='"',
    ),
    Safeguard(
        test="tests/handlers/test_tenants.py::test_the_key_itself_is_stored_nowhere",
        file="handlers/model/tenant.py",
        code="return hashlib.sha256(api_key.encode()).hexdigest()",
        without="return api_key",
    ),
    Safeguard(
        test="tests/handlers/test_ingest.py::test_a_disabled_key_is_refused_within_the_caches_minute",
        file="handlers/intake/authentication.py",
        code="        if holder.disabled:\n",
        without="        if False:\n",
    ),
    Safeguard(
        test="tests/handlers/test_idempotency.py::test_two_tenants_never_share_a_key",
        file="handlers/intake/idempotency.py",
        code="tenant_id=tenant_id, event_id=_RECORD_KEY_PREFIX",
        without='tenant_id="everybody", event_id=_RECORD_KEY_PREFIX',
    ),
    Safeguard(
        test="tests/security/leaks/test_leaks.py::test_no_secret_is_written_anywhere_but_where_it_belongs",
        file="handlers/logs.py",
        code="show_locals=False",
        without="show_locals=True",
    ),
    Safeguard(
        test="tests/security/leaks/test_leaks.py::"
        "test_what_the_http_library_complains_of_is_not_logged_since_it_names_the_url",
        file="handlers/delivery/attempt.py",
        code=_POST,
        without=_POST
        + "            import logging\n            logging.getLogger('http').warning(target.url)\n",
    ),
    Safeguard(
        test="tests/security/permissions/test_permissions.py::"
        "test_without_any_one_of_its_permissions_it_does_not_and_with_it_again_it_does",
        file="components/functions.py",
        code='"sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],',
        without='"sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:PurgeQueue"],',
    ),
    Safeguard(
        test="tests/security/permissions/test_permissions.py::test_nobody_but_the_worker_reads_a_webhook_secret",
        file="components/functions.py",
        code="only_attributes=[schema.API_KEY, schema.TENANT_ID, schema.TARGET_URL, schema.STATE],\n",
        without="\n",
    ),
    Safeguard(
        test="tests/security/permissions/test_permissions.py::test_nobody_but_the_worker_reads_a_payload",
        file="components/functions.py",
        code="only_attributes=schema.LIFE_SIGNS,\n",
        without="\n",
    ),
    Safeguard(
        test="tests/security/permissions/test_permissions.py::test_nor_does_what_they_write_give_them_one",
        file="components/permission.py",
        code="        if self.returns_nothing:\n",
        without="        if False:\n",
    ),
    Safeguard(
        test="tests/security/permissions/test_permissions.py::test_nobody_changes_what_an_event_tells",
        file="components/functions.py",
        code="                        schema.TARGET_URL,\n                        schema.QUEUED_AT,\n",
        without="                        schema.TARGET_URL,\n                        schema.QUEUED_AT,\n"
        "                        schema.PAYLOAD,\n",
    ),
    Safeguard(
        test="tests/security/permissions/test_permissions.py::"
        "test_the_reconciler_does_not_change_where_an_event_goes",
        file="components/functions.py",
        code="schema.LAST_ATTEMPT_AT,\n",
        without="schema.LAST_ATTEMPT_AT,\nschema.TARGET_URL,\n",
    ),
    Safeguard(
        test="tests/components/test_contracts.py::"
        "test_messages_last_for_two_weeks_and_only_the_queue_may_fill_the_dlq",
        file="components/delivery_queue.py",
        code='{"redrivePermission": "byQueue", "sourceQueueArns": [self.queue.arn]}',
        without='{"redrivePermission": "allowAll"}',
    ),
    Safeguard(
        test="tests/components/test_protection.py::test_every_resource_of_a_kind_keeps_the_rule_of_its_kind",
        file="components/permission.py",
        code='        "Condition": {"Bool": {"aws:SecureTransport": "false"}},\n',
        without='        "Condition": {"Bool": {"aws:SecureTransport": "true"}},\n',
    ),
    Safeguard(
        test="tests/components/test_protection.py::"
        "test_every_table_is_guarded_in_every_way_where_data_is_protected_and_in_none_elsewhere",
        file="components/tables.py",
        code="parent=self, protect=args.protect_data, retain_on_delete=args.protect_data",
        without="parent=self, retain_on_delete=args.protect_data",
    ),
    Safeguard(
        test="tests/components/test_contracts.py::test_every_permission_to_invoke_names_who_may",
        file="components/http_api.py",
        code='            source_arn=pulumi.Output.concat(self.api.execution_arn, "/*"),\n',
        without="",
    ),
    Safeguard(
        test="tests/components/test_contracts.py::"
        "test_every_request_goes_to_ingest_under_both_throttling_limits",
        file="components/http_api.py",
        code='                "throttling_burst_limit": args.requests_per_second,\n',
        without="",
    ),
    Safeguard(
        test="tests/local/test_guard.py::test_a_browser_page_is_refused_with_the_reason",
        file="local/emulator/guard.py",
        code='        if "origin" in headers:\n',
        without="        if False:\n",
    ),
    Safeguard(
        test="tests/local/test_up.py::test_nothing_of_it_can_be_reached_from_another_machine",
        file="local/emulator/launcher.py",
        code="        return socket.create_server((HOST, port))\n",
        without='        return socket.create_server(("", port))\n',
    ),
    Safeguard(
        test="tests/local/test_up.py::"
        "test_the_users_aws_credentials_and_settings_are_neither_opened_nor_passed_on",
        file="local/emulator/environment.py",
        code='        "HOME": str(private),\n',
        without='        "HOME": str(private),\n        **environ,\n',
    ),
    Safeguard(
        test="tests/local/test_up.py::test_every_file_of_it_is_its_owners_alone",
        file="local/emulator/__main__.py",
        code="    os.umask(0o077)\n",
        without="    os.umask(0o022)\n",
    ),
    Safeguard(
        test="tests/bundles/test_wheels.py::"
        "test_a_wheel_that_is_not_the_one_that_was_locked_is_never_installed",
        file="bundles/wheels.py",
        code='"--require-hashes", ',
        without='"--no-verify-hashes", ',
    ),
    Safeguard(
        test="tests/bundles/test_supply_chain.py::"
        "test_every_action_is_pinned_to_a_commit_and_names_its_version",
        file=".github/workflows/ci.yml",
        code=" # v5.6.0\n        with:\n          python-version: ${{",
        without="\n        with:\n          python-version: ${{",
    ),
    Safeguard(
        test="tests/bundles/audit/test_audit.py::test_a_package_that_was_skipped_is_not_a_pass",
        file="bundles/audit/advisories.py",
        code="    _demand_answers(pins, report)\n",
        without="",
    ),
)


def run_named_tests() -> Part:
    """Run every test that the threat model names, in a copy of the project: all of them pass there."""
    tests = sorted({safeguard.test for safeguard in SAFEGUARDS})
    with copy_of_the_project() as root:
        done = run_tests(root, tests)
    return Part(
        title="Tests that the threat model names, with all safeguards",
        counts={"tests": len(tests)},
        faults=[done.stdout[-2000:]] if done.returncode else [],
    )


def run_safeguards() -> Part:
    """Take each of them out, and run its test, which has to fail."""
    with ThreadPoolExecutor(WORKERS) as pool:
        faults = [fault for found in pool.map(faults_of, SAFEGUARDS) for fault in found]
    return Part(
        title="Safeguards taken out one by one, each missed by its test",
        counts={"safeguards": len(SAFEGUARDS)},
        faults=faults,
    )


def faults_of(safeguard: Safeguard) -> list[str]:
    """What is wrong with a safeguard's test: it passes without the safeguard, or cannot be run."""
    with copy_of_the_project() as root:
        safeguard.take_out(root)
        done = run_tests(root, [safeguard.test])
    return list(_judged(safeguard, done.returncode, done.stdout + done.stderr))


@contextmanager
def copy_of_the_project() -> Generator[Path]:
    """The project as it is now, in a folder of its own, with the same bundles to start from."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        shutil.copytree(ROOT, root, ignore=_LEFT_BEHIND)
        (root / ".cache").symlink_to(ROOT / ".cache")
        yield root


def run_tests(root: Path, tests: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run tests of the project in `root`, up to the first that fails."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=root,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        check=False,
    )


def _judged(safeguard: Safeguard, code: int, output: str) -> Iterator[str]:
    without = f"{safeguard.test} without {safeguard.code.strip()!r} of {safeguard.file}"
    if code == 0:
        yield f"{without} still passes"
    elif code != _TESTS_FAILED:
        yield f"{without} ended with {code}: {output.strip()[-500:]}"
