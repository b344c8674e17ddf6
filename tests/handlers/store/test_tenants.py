"""Tenants and their keys: what is stored, and what each reader may see of it."""

import base64
import re
from dataclasses import replace

from handlers.model.tenant import hash_api_key, new_api_key, new_webhook_secret
from tests.support.factories import NOON, PREVIOUS_SECRET, SECRET, TARGET_URL, a_tenant
from tests.support.moto_aws import TENANT_TABLE, Aws


def create(aws: Aws, tenant_id: str = "acme"):
    return aws.tenants.create(tenant_id=tenant_id, target_url=TARGET_URL, now=NOON)


def test_a_new_tenant_is_found_by_its_key_and_by_its_id(aws: Aws) -> None:
    created = create(aws)

    holder, tenant = aws.tenant_store.holder_of(created.api_key), aws.tenant_store.find("acme")

    assert holder is not None
    assert tenant is not None
    assert (holder.tenant_id, holder.target_url, holder.disabled) == ("acme", TARGET_URL, False)
    assert tenant.webhook_secret == created.webhook_secret


def test_the_key_itself_is_stored_nowhere(aws: Aws) -> None:
    created = create(aws)

    assert created.api_key not in str(aws.items(TENANT_TABLE))
    assert hash_api_key(created.api_key) in str(aws.items(TENANT_TABLE))


def test_an_unknown_key_and_an_unknown_tenant_are_none(aws: Aws) -> None:
    assert aws.tenant_store.holder_of(new_api_key()) is None
    assert aws.tenant_store.find("nobody") is None
    assert aws.tenant_store.target_url_of("nobody") is None


def test_the_target_url_of_a_tenant_is_read_without_its_secrets(aws: Aws) -> None:
    create(aws)

    assert aws.tenant_store.target_url_of("acme") == TARGET_URL


def test_the_previous_secret_is_read_with_its_expiry(aws: Aws) -> None:
    create(aws)
    row = aws.items(TENANT_TABLE)[0]
    row |= {
        "previousWebhookSecret": {"S": PREVIOUS_SECRET},
        "previousWebhookSecretExpiresAt": {"N": "1795435200"},
    }
    aws.dynamodb.put_item(TableName=TENANT_TABLE, Item=row)

    tenant = aws.tenant_store.find("acme")

    assert tenant is not None
    assert tenant.previous_webhook_secret == PREVIOUS_SECRET
    assert tenant.previous_webhook_secret_expires_at == 1795435200


def test_a_previous_secret_signs_until_its_expiry() -> None:
    expiry = int(NOON.timestamp())
    tenant = a_tenant(previous_webhook_secret=PREVIOUS_SECRET, previous_webhook_secret_expires_at=expiry + 1)

    assert tenant.signing_secrets(NOON) == (SECRET, PREVIOUS_SECRET)
    assert replace(tenant, previous_webhook_secret_expires_at=expiry).signing_secrets(NOON) == (SECRET,)
    assert replace(tenant, previous_webhook_secret_expires_at=None).signing_secrets(NOON) == (SECRET,)


def test_secrets_do_not_show_where_a_tenant_is_printed(aws: Aws) -> None:
    created = create(aws)

    assert created.webhook_secret not in repr(created)
    assert created.api_key not in repr(created)
    assert SECRET not in repr(a_tenant(previous_webhook_secret=SECRET))


def test_keys_and_secrets_are_of_256_random_bits_in_the_agreed_shape() -> None:
    keys = {new_api_key() for _ in range(100)}
    secrets = {new_webhook_secret() for _ in range(100)}

    assert len(keys) == len(secrets) == 100
    assert all(re.fullmatch(r"whk_[A-Za-z0-9_-]{43}", key) for key in keys)
    assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret) for secret in secrets)
    assert {len(base64.urlsafe_b64decode(key.removeprefix("whk_") + "=")) for key in keys} == {32}
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in secrets} == {32}
