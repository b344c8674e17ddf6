"""The operator's changes to tenants: rotations break nothing, and secrets do not show."""

import json
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import standardwebhooks
import stripe
from botocore.exceptions import ClientError

from handlers.delivery.signing import signature_headers
from handlers.intake.authentication import Authenticator
from handlers.intake.problems import Problem
from handlers.model.tenant import KEY_ID_LENGTH, KeyState, hash_api_key, key_id_of
from handlers.model.timestamps import utc_now
from handlers.store import schema
from handlers.store.tenant_errors import (
    ChangedMeanwhileError,
    InvalidTenantIdError,
    RotationUnderwayError,
    TenantExistsError,
    TooManyKeysError,
    UnknownKeyError,
    UnknownTenantError,
)
from handlers.store.tenant_registry import MAX_KEYS, TenantRegistry
from tests.support.factories import NOON, TARGET_URL
from tests.support.moto_aws import TENANT_TABLE, Aws, FailingClient, tenant_table

DAY = timedelta(hours=24)
BODY = json.dumps({"id": "evt_1", "object": "event", "type": "order.created", "data": {}}).encode()


def create(aws: Aws, tenant_id: str = "acme"):
    return aws.tenants.create(tenant_id=tenant_id, target_url=TARGET_URL, now=NOON)


def test_a_tenant_cannot_be_created_twice(aws: Aws):
    create(aws)

    with pytest.raises(TenantExistsError, match="'acme' exists already"):
        create(aws)
    assert len(aws.items(TENANT_TABLE)) == 1


@pytest.mark.parametrize("tenant_id", ["", "a b", "a#b", "ä", "x" * 65, "a/b", "a\n"])
def test_a_tenant_id_that_others_could_not_carry_is_refused(aws: Aws, tenant_id: str):
    with pytest.raises(InvalidTenantIdError, match="1 to 64"):
        create(aws, tenant_id)


def test_tenants_are_listed_by_id_with_their_keys_and_without_secrets(aws: Aws):
    shop = create(aws, "shop")
    create(aws, "acme")
    second = aws.tenants.rotate_key("shop", now=NOON + DAY)
    aws.tenants.set_state("shop", KeyState.DISABLED, key_id_of(shop.api_key))

    acme_row, shop_row = aws.tenants.list()

    assert (acme_row.tenant_id, len(acme_row.active_key_ids)) == ("acme", 1)
    assert [(key.key_id, key.state) for key in shop_row.keys] == [
        (key_id_of(shop.api_key), KeyState.DISABLED),
        (key_id_of(second.api_key), KeyState.ACTIVE),
    ]
    assert shop_row == aws.tenants.show("shop")
    assert shop.webhook_secret not in repr(shop_row)


def test_a_tenant_that_is_not_there_is_none_to_look_at_and_cannot_be_changed(aws: Aws):
    registry = aws.tenants

    assert registry.show("nobody") is None
    for change in (
        lambda: registry.rotate_secret("nobody", overlap=DAY, now=NOON),
        lambda: registry.rotate_key("nobody", now=NOON),
        lambda: registry.set_state("nobody", KeyState.DISABLED),
        lambda: registry.set_url("nobody", TARGET_URL),
    ):
        with pytest.raises(UnknownTenantError, match="'nobody'"):
            change()
    assert aws.items(TENANT_TABLE) == []


def verifies(headers: dict[str, str], secret: str) -> bool:
    """Whether a receiver with this secret accepts the delivery; both libraries must agree."""
    try:
        stripe.Webhook.construct_event(BODY, headers["Stripe-Signature"], secret)
        by_stripe = True
    except stripe.SignatureVerificationError:
        by_stripe = False
    try:
        standardwebhooks.Webhook(secret).verify(BODY, headers)
        by_standard = True
    except standardwebhooks.WebhookVerificationError:
        by_standard = False
    assert by_stripe == by_standard
    return by_stripe


def delivered_at(aws: Aws, moment: Any) -> dict[str, str]:
    """The headers of a delivery signed at this moment; the libraries compare it with the time of day."""
    tenant = aws.tenant_store.find("acme")
    assert tenant is not None
    return signature_headers(
        event_id="evt_1",
        timestamp=int(utc_now().timestamp()),
        body=BODY,
        secrets=tenant.signing_secrets(moment),
    )


def test_during_a_rotation_both_secrets_verify_and_a_second_after_the_overlap_the_old_one_does_not(aws: Aws):
    old = create(aws).webhook_secret

    rotated = aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)

    new = rotated.webhook_secret
    assert rotated.previous_expires_at == NOON + DAY
    for moment in (NOON, NOON + DAY - timedelta(seconds=1)):
        headers = delivered_at(aws, moment)
        assert verifies(headers, new)
        assert verifies(headers, old)
    headers = delivered_at(aws, NOON + DAY + timedelta(seconds=1))
    assert verifies(headers, new)
    assert not verifies(headers, old)


def test_without_an_overlap_the_old_secret_ends_at_once_and_is_forgotten(aws: Aws):
    old = create(aws).webhook_secret

    rotated = aws.tenants.rotate_secret("acme", overlap=timedelta(), now=NOON)

    headers = delivered_at(aws, NOON)
    assert verifies(headers, rotated.webhook_secret)
    assert not verifies(headers, old)
    assert old not in str(aws.items(TENANT_TABLE))


def test_a_second_rotation_does_not_end_a_secret_that_still_signs_unless_it_is_forced(aws: Aws):
    old = create(aws).webhook_secret
    aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)

    with pytest.raises(RotationUnderwayError, match="signs until 2026-11-24T12:00:00"):
        aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON + DAY - timedelta(seconds=1))

    assert verifies(delivered_at(aws, NOON), old)
    forced = aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON, force=True)
    assert verifies(delivered_at(aws, NOON), forced.webhook_secret)
    assert not verifies(delivered_at(aws, NOON), old)


def test_a_secret_that_got_out_is_ended_at_once_in_the_middle_of_a_rotation_too(aws: Aws):
    first = create(aws).webhook_secret
    second = aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON).webhook_secret

    third = aws.tenants.rotate_secret("acme", overlap=timedelta(), now=NOON).webhook_secret

    headers = delivered_at(aws, NOON)
    assert [verifies(headers, secret) for secret in (first, second, third)] == [False, False, True]


def test_a_tenant_tells_until_when_the_secret_before_signs(aws: Aws):
    create(aws)
    aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)

    summary = aws.tenants.show("acme")

    assert summary is not None
    assert summary.previous_expires_at == NOON + DAY


def test_two_who_create_one_tenant_at_once_do_not_leave_two_secrets(aws: Aws):
    somebody_else = aws.tenants
    client = Interrupted(aws.dynamodb, lambda: create(aws), before="put_item")

    with pytest.raises(ChangedMeanwhileError, match="try again"):
        TenantRegistry(tenant_table(client)).create(tenant_id="acme", target_url=TARGET_URL, now=NOON)

    assert len(aws.items(TENANT_TABLE)) == 1
    assert somebody_else.show("acme") is not None


def test_once_the_overlap_is_over_the_next_rotation_needs_no_force(aws: Aws):
    create(aws)
    first = aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)

    aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON + DAY)

    assert verifies(delivered_at(aws, NOON + DAY), first.webhook_secret)


def accepts(aws: Aws, api_key: str) -> bool:
    """Whether a new process accepts a producer with this key."""
    try:
        Authenticator(aws.tenant_store).authenticate(authorization=f"Bearer {api_key}", x_api_key=None)
    except Problem as problem:
        if problem.status != HTTPStatus.FORBIDDEN:
            raise
        return False
    return True


def test_keys_are_rotated_without_a_moment_in_which_none_is_accepted(aws: Aws):
    first = create(aws).api_key

    added = aws.tenants.rotate_key("acme", now=NOON + DAY)
    assert accepts(aws, first)
    assert accepts(aws, added.api_key)

    assert list(added.other_active_key_ids) == [key_id_of(first)]
    aws.tenants.set_state("acme", KeyState.DISABLED, *added.other_active_key_ids)
    assert not accepts(aws, first)
    assert accepts(aws, added.api_key)


def test_a_new_key_signs_as_the_others_do_in_the_middle_of_a_rotation_too(aws: Aws):
    create(aws)
    aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)

    added = aws.tenants.rotate_key("acme", now=NOON)

    rows = aws.items(TENANT_TABLE)
    own = {schema.API_KEY, schema.CREATED_AT, schema.STATE}
    shared = [{name: value for name, value in row.items() if name not in own} for row in rows]
    assert shared[0] == shared[1]
    assert hash_api_key(added.api_key) in {row[schema.API_KEY]["S"] for row in rows}


def test_a_secret_that_is_rotated_is_rotated_for_every_key(aws: Aws):
    create(aws)
    aws.tenants.rotate_key("acme", now=NOON)
    aws.tenants.set_state("acme", KeyState.DISABLED)

    rotated = aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)

    assert [row[schema.WEBHOOK_SECRET]["S"] for row in aws.items(TENANT_TABLE)] == [
        rotated.webhook_secret
    ] * 2


def test_a_tenant_is_switched_off_with_all_its_keys_and_on_again_by_a_new_one(aws: Aws):
    first = create(aws).api_key
    second = aws.tenants.rotate_key("acme", now=NOON).api_key

    summary = aws.tenants.set_state("acme", KeyState.DISABLED)

    assert summary.active_key_ids == []
    assert not accepts(aws, first)
    assert not accepts(aws, second)
    assert accepts(aws, aws.tenants.rotate_key("acme", now=NOON).api_key)


def test_a_key_that_the_tenant_has_not_got_is_named_beside_those_that_it_has(aws: Aws):
    api_key = create(aws).api_key
    create(aws, "shop")

    with pytest.raises(UnknownKeyError, match=f"no key 'ffffffffffff': it has {key_id_of(api_key)}"):
        aws.tenants.set_state("acme", KeyState.DISABLED, "f" * KEY_ID_LENGTH)


def test_another_target_url_is_that_of_every_key_and_of_no_other_tenant(aws: Aws):
    create(aws)
    create(aws, "shop")
    aws.tenants.rotate_key("acme", now=NOON)

    summary = aws.tenants.set_url("acme", "https://elsewhere.example/")

    assert summary.target_url == "https://elsewhere.example/"
    urls = {(row["tenantId"]["S"], row["targetUrl"]["S"]) for row in aws.items(TENANT_TABLE)}
    assert urls == {("acme", "https://elsewhere.example/"), ("shop", TARGET_URL)}


class Interrupted:
    """A client that lets somebody else change the tenant once, right before one of its calls."""

    def __init__(self, client: Any, change: Any, *, before: str = "transact_write_items") -> None:
        self._client, self._change, self._before = client, change, before

    def __getattr__(self, name: str) -> Any:
        if name == self._before:
            change, self._change = self._change, lambda: None
            change()
        return getattr(self._client, name)


def test_a_key_that_is_added_while_the_secret_is_rotated_is_not_left_with_the_old_one(aws: Aws):
    create(aws)
    somebody_else = aws.tenants
    client = Interrupted(aws.dynamodb, lambda: somebody_else.rotate_key("acme", now=NOON))

    with pytest.raises(ChangedMeanwhileError, match="try again"):
        TenantRegistry(tenant_table(client)).rotate_secret("acme", overlap=DAY, now=NOON)

    assert len({row["webhookSecret"]["S"] for row in aws.items(TENANT_TABLE)}) == 1
    rotated = aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)
    assert [row["webhookSecret"]["S"] for row in aws.items(TENANT_TABLE)] == [rotated.webhook_secret] * 2


def test_a_change_that_dynamodb_throttles_is_not_taken_for_somebody_elses(aws: Aws):
    create(aws)
    throttled = ClientError(
        {
            "Error": {"Code": "TransactionCanceledException"},
            "CancellationReasons": [{"Code": "ThrottlingError"}],
        },
        "TransactWriteItems",
    )
    registry = TenantRegistry(tenant_table(FailingClient(aws.dynamodb, transact_write_items=throttled)))

    with pytest.raises(ClientError):
        registry.rotate_key("acme", now=NOON)


def test_more_keys_than_one_transaction_can_change_are_refused(aws: Aws):
    create(aws)
    row = aws.items(TENANT_TABLE)[0]
    for number in range(MAX_KEYS - 1):
        another = row | {schema.API_KEY: {"S": f"{number:064x}"}}
        aws.dynamodb.put_item(TableName=TENANT_TABLE, Item=another)

    with pytest.raises(TooManyKeysError, match="the most are 99"):
        aws.tenants.rotate_key("acme", now=NOON)

    aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)
    assert len({row["webhookSecret"]["S"] for row in aws.items(TENANT_TABLE)}) == 1


def test_keys_and_secrets_do_not_show_where_what_was_made_is_printed(aws: Aws):
    created = create(aws)
    added = aws.tenants.rotate_key("acme", now=NOON)
    rotated = aws.tenants.rotate_secret("acme", overlap=DAY, now=NOON)

    printed = f"{created!r} {added!r} {rotated!r} {replace(rotated)}"

    for secret in (created.api_key, created.webhook_secret, added.api_key, rotated.webhook_secret):
        assert secret not in printed
