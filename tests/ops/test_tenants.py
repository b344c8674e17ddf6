"""The commands that change a tenant: what they print only once, what they change, what they refuse."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.model.tenant import key_id_of
from handlers.model.timestamps import from_iso
from handlers.store import schema
from tests.support.command_line import Ops
from tests.support.moto_aws import TENANT_TABLE, Aws

TARGET = "https://acme.example/hooks"


@pytest.fixture
def created(ops: Ops) -> dict[str, Any]:
    return ops("tenants", "create", "--tenant-id", "acme", "--target-url", TARGET, "--json").document


def test_a_rotated_secret_is_printed_with_the_end_of_the_one_before_it(
    ops: Ops, aws: Aws, created: dict[str, Any]
):
    before = datetime.now(UTC)

    done = ops("tenants", "rotate-secret", "acme", "--json")

    assert done.code == 0
    assert set(done.document) == {"tenantId", "webhookSecret", "previousWebhookSecretExpiresAt"}
    (row,) = aws.items(TENANT_TABLE)
    assert row[schema.WEBHOOK_SECRET]["S"] == done.document["webhookSecret"]
    assert row[schema.PREVIOUS_WEBHOOK_SECRET]["S"] == created["webhookSecret"]
    expires_at = from_iso(done.document["previousWebhookSecretExpiresAt"])
    assert timedelta(hours=23, minutes=59) < expires_at - before < timedelta(hours=24, minutes=1)


def test_the_overlap_of_a_rotation_can_be_chosen_down_to_none(ops: Ops, created: dict[str, Any]):
    done = ops("tenants", "rotate-secret", "acme", "--overlap-hours", "0", "--json")

    assert done.document["previousWebhookSecretExpiresAt"] is None
    assert done.document["webhookSecret"] != created["webhookSecret"]


def test_a_rotation_that_would_end_a_secret_which_still_signs_is_refused_unless_forced(
    ops: Ops, created: dict[str, Any]
):
    ops("tenants", "rotate-secret", "acme")

    refused = ops("tenants", "rotate-secret", "acme", "--json")
    forced = ops("tenants", "rotate-secret", "acme", "--force", "--json")

    assert refused.code == 2
    assert "signs until" in refused.err
    assert refused.out == ""
    assert forced.code == 0


@pytest.mark.parametrize("hours", ["-1", "169", "soon"])
def test_an_overlap_that_is_none_is_refused_by_name(ops: Ops, created: dict[str, Any], hours: str):
    done = ops("tenants", "rotate-secret", "acme", "--overlap-hours", hours)

    assert done.code == 2
    assert "--overlap-hours" in done.err


def test_a_key_is_added_then_the_old_one_disabled_by_the_id_that_was_printed(
    ops: Ops, aws: Aws, created: dict[str, Any]
):
    added = ops("tenants", "rotate-key", "acme", "--json").document

    assert set(added) == {"tenantId", "apiKey", "otherActiveKeyIds"}
    assert added["otherActiveKeyIds"] == [key_id_of(created["apiKey"])]
    done = ops("tenants", "disable", "acme", "--key-id", *added["otherActiveKeyIds"], "--json")

    assert {key["keyId"]: key["state"] for key in done.document["keys"]} == {
        key_id_of(created["apiKey"]): "DISABLED",
        key_id_of(added["apiKey"]): "ACTIVE",
    }
    old, new = aws.tenant_store.holder_of(created["apiKey"]), aws.tenant_store.holder_of(added["apiKey"])
    assert old is not None
    assert old.disabled
    assert new is not None
    assert not new.disabled


@pytest.mark.parametrize("command", ["disable", "enable"])
def test_a_key_may_be_given_for_its_id_and_is_not_repeated(ops: Ops, created: dict[str, Any], command: str):
    unknown = "whk_" + "x" * 43

    refused = ops("tenants", command, "acme", "--key-id", unknown)
    done = ops("tenants", command, "acme", "--key-id", created["apiKey"])

    assert (refused.code, done.code) == (2, 0)
    assert unknown not in refused.err + refused.out
    assert created["apiKey"] not in done.err + done.out


def test_an_empty_key_id_is_none_and_switches_nothing_off(ops: Ops, created: dict[str, Any]):
    assert ops("tenants", "disable", "acme", "--key-id", "").code == 2
    assert ops("tenants", "show", "acme", "--json").document["activeKeys"] == 1


def test_a_tenant_that_was_switched_off_is_switched_on_again(ops: Ops, aws: Aws, created: dict[str, Any]):
    off = ops("tenants", "disable", "acme", "--json")
    on = ops("tenants", "enable", "acme", "--json")

    assert "acme has no active key now" in off.err
    assert (off.document["activeKeys"], on.document["activeKeys"]) == (0, 1)
    holder = aws.tenant_store.holder_of(created["apiKey"])
    assert holder is not None
    assert not holder.disabled


def test_a_tenant_is_disabled_with_all_its_keys(ops: Ops, created: dict[str, Any]):
    ops("tenants", "rotate-key", "acme")

    done = ops("tenants", "disable", "acme", "--json")

    assert (done.document["activeKeys"], done.document["disabledKeys"]) == (0, 2)


def test_another_url_is_set_and_shown(ops: Ops, created: dict[str, Any]):
    done = ops("tenants", "set-url", "acme", "--target-url", "https://elsewhere.example/", "--json")

    assert done.document["targetUrl"] == "https://elsewhere.example/"
    assert ops("tenants", "show", "acme", "--json").document == done.document


@pytest.mark.parametrize("url", ["http://acme.example/", "https://10.0.0.1/", "https://localhost/"])
def test_a_url_that_deliveries_may_not_go_to_is_not_set(ops: Ops, created: dict[str, Any], url: str):
    done = ops("tenants", "set-url", "acme", "--target-url", url)

    assert done.code == 2
    assert url in done.err
    assert ops("tenants", "show", "acme", "--json").document["targetUrl"] == TARGET


CHANGES = [
    ("show",),
    ("rotate-secret",),
    ("rotate-key",),
    ("disable",),
    ("set-url", "--target-url", TARGET),
]


@pytest.mark.parametrize("command", CHANGES, ids=lambda command: command[0])
def test_a_tenant_may_be_named_by_option_too(ops: Ops, created: dict[str, Any], command: tuple[str, ...]):
    assert ops("tenants", *command, "--tenant-id", "acme").code == 0


@pytest.mark.parametrize("command", CHANGES, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("nobody",), "there is no tenant 'nobody': `tenants list` shows all tenants"),
        (("acme", "--tenant-id", "shop"), "two tenants are named, 'acme' and 'shop': name one"),
        ((), "no tenant is named: give an id that `tenants list` shows"),
    ],
)
@pytest.mark.usefixtures("created")
def test_a_tenant_that_cannot_be_told_is_an_error_and_nothing_is_changed(
    ops: Ops, aws: Aws, command: tuple[str, ...], names: tuple[str, ...], said: str
):
    before = aws.items(TENANT_TABLE)

    done = ops("tenants", *command, *names)

    assert (done.code, done.err) == (2, f"ops: {said}\n")
    assert aws.items(TENANT_TABLE) == before


def test_people_are_shown_what_is_shown_once_whole_and_in_one_line_of_its_own(
    ops: Ops, aws: Aws, created: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "40")

    rotated, added = ops("tenants", "rotate-secret", "acme"), ops("tenants", "rotate-key", "acme")

    secret = aws.items(TENANT_TABLE)[0][schema.WEBHOOK_SECRET]["S"]
    assert "shown this once" in rotated.out
    assert f"  webhookSecret                   {secret}\n" in rotated.out
    assert "shown this once" in added.out
    assert re.search(r"^  apiKey +whk_[A-Za-z0-9_-]{43}$", added.out, re.MULTILINE)


@pytest.mark.parametrize("path", ["/a[/]b", "/hooks?filter[type]=x", "/[bold]"])
def test_a_url_that_looks_like_markup_is_shown_as_it_is(ops: Ops, path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    url = f"https://acme.example{path}"

    created = ops("tenants", "create", "--tenant-id", "acme", "--target-url", url)

    assert created.code == 0
    for done in (created, ops("tenants", "show", "acme"), ops("tenants", "list")):
        assert url in done.out
