"""Tenants: who may send events, where they go, and with which secrets they are signed."""

import base64
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handlers import schema
from handlers.domain.items import plain

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

API_KEY_PREFIX = "whk_"
KEY_ID_LENGTH = 12
"""Digits of a key's hash by which the operator tells it from others."""


@dataclass(frozen=True, kw_only=True)
class ApiKeyHolder:
    """What the ingest function may know of a tenant: no secret is among it."""

    tenant_id: str
    target_url: str
    state: str

    @property
    def disabled(self) -> bool:
        """Whether this key was switched off."""
        return self.state != schema.ACTIVE


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """What the worker needs to sign for a tenant; secrets stay out of its `repr`."""

    tenant_id: str
    target_url: str
    webhook_secret: str
    previous_webhook_secret: str | None = None
    previous_webhook_secret_expires_at: int | None = None

    def __repr__(self) -> str:
        return f"Tenant(tenant_id={self.tenant_id!r})"

    def signing_secrets(self, now: datetime) -> tuple[str, ...]:
        """The secrets that sign at this moment: the current one first, the previous one until it expires."""
        expires_at = self.previous_webhook_secret_expires_at
        if self.previous_webhook_secret and expires_at is not None and now.timestamp() < expires_at:
            return (self.webhook_secret, self.previous_webhook_secret)
        return (self.webhook_secret,)


@dataclass(frozen=True, kw_only=True)
class NewTenant:
    """A tenant just created, with the API key that is shown this once."""

    tenant_id: str
    api_key: str
    webhook_secret: str
    target_url: str

    def __repr__(self) -> str:
        return f"NewTenant(tenant_id={self.tenant_id!r})"


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """One more API key, shown this once; the others still work."""

    tenant_id: str
    api_key: str
    other_active_key_ids: Sequence[str]

    def __repr__(self) -> str:
        return f"NewKey(tenant_id={self.tenant_id!r})"


@dataclass(frozen=True, kw_only=True)
class RotatedSecret:
    """A new webhook secret, and until when the one before it signs as well."""

    tenant_id: str
    webhook_secret: str
    previous_expires_at: datetime | None

    def __repr__(self) -> str:
        return f"RotatedSecret(tenant_id={self.tenant_id!r})"


@dataclass(frozen=True, kw_only=True)
class KeySummary:
    """A key as it can be told from others without knowing it: by the beginning of its hash."""

    key_id: str
    state: str
    created_at: str


@dataclass(frozen=True, kw_only=True)
class TenantSummary:
    """A tenant as the operator sees it, without secrets.

    Attributes:
        previous_expires_at: until when the secret before the current one signs, or signed; None without one.
    """

    tenant_id: str
    target_url: str
    created_at: str
    previous_expires_at: datetime | None
    keys: Sequence[KeySummary]

    @property
    def active_key_ids(self) -> list[str]:
        """The keys that are accepted."""
        return [key.key_id for key in self.keys if key.state == schema.ACTIVE]


def new_api_key() -> str:
    """An API key of 256 random bits."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def hash_api_key(api_key: str) -> str:
    """The partition key of `TenantApiKeys`: lower-case hex SHA-256 of the key."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def key_id_of(api_key: str) -> str:
    """By what the operator tells a key from others: the beginning of its hash."""
    return hash_api_key(api_key)[:KEY_ID_LENGTH]


def new_webhook_secret() -> str:
    """A webhook secret of 256 random bits in the form of Standard Webhooks: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class TenantStore:
    """The table `TenantApiKeys`."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def holder_of(self, api_key: str) -> ApiKeyHolder | None:
        """Whom an API key belongs to, or None; reads no secret.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: DynamoDB did not answer.
        """
        answer = self._client.get_item(
            TableName=self._table_name,
            Key={schema.API_KEY: {"S": hash_api_key(api_key)}},
            # Or a key might be remembered for a minute that was disabled a moment ago.
            ConsistentRead=True,
            ProjectionExpression="#tenant, #url, #state",
            ExpressionAttributeNames={
                "#tenant": schema.TENANT_ID,
                "#url": schema.TARGET_URL,
                "#state": schema.STATE,
            },
        )
        item = answer.get("Item")
        if item is None:
            return None
        row = plain(item)
        return ApiKeyHolder(
            tenant_id=row[schema.TENANT_ID], target_url=row[schema.TARGET_URL], state=row[schema.STATE]
        )

    def find(self, tenant_id: str) -> Tenant | None:
        """A tenant with its secrets, or None; the index behind it is eventually consistent."""
        row = next(self._rows_of(tenant_id), None)
        if row is None:
            return None
        expires_at = row.get(schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT)
        return Tenant(
            tenant_id=row[schema.TENANT_ID],
            target_url=row[schema.TARGET_URL],
            webhook_secret=row[schema.WEBHOOK_SECRET],
            previous_webhook_secret=row.get(schema.PREVIOUS_WEBHOOK_SECRET),
            previous_webhook_secret_expires_at=None if expires_at is None else int(expires_at),
        )

    def target_url_of(self, tenant_id: str) -> str | None:
        """Where a tenant's events go now, or None when there is no such tenant; reads no secret."""
        row = next(self._rows_of(tenant_id, schema.TENANT_ID, schema.TARGET_URL), None)
        return None if row is None else row[schema.TARGET_URL]

    def _rows_of(self, tenant_id: str, *attributes: str) -> Iterator[dict[str, Any]]:
        """The rows of a tenant, one per API key; all attributes unless some are named."""
        names = {"#tenant": schema.TENANT_ID} | {f"#a{n}": name for n, name in enumerate(attributes)}
        projection = (
            {
                "ProjectionExpression": ", ".join(f"#a{n}" for n in range(len(attributes))),
                # As by default where attributes are named; said, since the roles' condition is about it.
                "Select": "SPECIFIC_ATTRIBUTES",
            }
            if attributes
            else {}
        )
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            IndexName=schema.TENANT_ID_INDEX,
            KeyConditionExpression="#tenant = :tenant",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":tenant": {"S": tenant_id}},
            **projection,  # pyright: ignore[reportArgumentType] - a keyword that must be absent, not empty
        )
        for page in pages:
            for item in page["Items"]:
                yield plain(item)
