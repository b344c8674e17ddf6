"""Tenants: who may send events, where they go, and with which secrets they are signed."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from handlers import schema
from handlers.domain.timestamps import to_iso

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

API_KEY_PREFIX = "whk_"
_API_KEY = re.compile(r"whk_[A-Za-z0-9_-]{43}")
_TENANT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_to_python = TypeDeserializer().deserialize
_to_dynamodb = TypeSerializer().serialize


class TenantExistsError(Exception):
    """A tenant of that id is there already."""


class InvalidTenantIdError(ValueError):
    """A tenant id that the tables, the queue's message groups and URLs cannot all carry."""


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
class TenantSummary:
    """A tenant as the operator lists it, without secrets."""

    tenant_id: str
    target_url: str
    created_at: str
    active_keys: int
    disabled_keys: int


def new_api_key() -> str:
    """An API key of 256 random bits."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def is_api_key(text: str) -> bool:
    """Whether the text has the shape of an API key; it says nothing of its being known."""
    return _API_KEY.fullmatch(text) is not None


def hash_api_key(api_key: str) -> str:
    """The partition key of `TenantApiKeys`: lower-case hex SHA-256 of the key."""
    return hashlib.sha256(api_key.encode()).hexdigest()


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
        row = _row(item)
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

    def create(self, *, tenant_id: str, target_url: str, now: datetime) -> NewTenant:
        """Create a tenant with one active key and a webhook secret.

        The target URL is taken as it is: `targets.parse_target` checks it.

        Raises:
            InvalidTenantIdError: the id is not 1-64 characters of `[A-Za-z0-9_-]`.
            TenantExistsError: a tenant of that id is there already.
        """
        if not _TENANT_ID.fullmatch(tenant_id):
            raise InvalidTenantIdError(
                f"tenant id {tenant_id!r}: use 1 to 64 letters, digits, underscores and hyphens"
            )
        if self.show(tenant_id) is not None:
            raise TenantExistsError(f"tenant {tenant_id!r} exists already: choose another id")
        created = NewTenant(
            tenant_id=tenant_id,
            api_key=new_api_key(),
            webhook_secret=new_webhook_secret(),
            target_url=target_url,
        )
        row = {
            schema.API_KEY: hash_api_key(created.api_key),
            schema.TENANT_ID: tenant_id,
            schema.TARGET_URL: target_url,
            schema.WEBHOOK_SECRET: created.webhook_secret,
            schema.STATE: schema.ACTIVE,
            schema.CREATED_AT: to_iso(now),
        }
        self._client.put_item(
            TableName=self._table_name, Item={name: _to_dynamodb(value) for name, value in row.items()}
        )
        return created

    def list(self) -> Iterator[TenantSummary]:
        """Every tenant, by id."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table_name,
            ProjectionExpression="#tenant, #url, #state, #created",
            ExpressionAttributeNames=_SUMMARY_NAMES,
        )
        rows = [_row(item) for page in pages for item in page["Items"]]
        rows.sort(key=_tenant_id_of)
        for _, of_one_tenant in groupby(rows, key=_tenant_id_of):
            yield _summary(list(of_one_tenant))

    def show(self, tenant_id: str) -> TenantSummary | None:
        """One tenant as the operator sees it, or None."""
        rows = list(self._rows_of(tenant_id, *_SUMMARY_NAMES.values()))
        return _summary(rows) if rows else None

    def _rows_of(self, tenant_id: str, *attributes: str) -> Iterator[dict[str, Any]]:
        """The rows of a tenant, one per API key; all attributes unless some are named."""
        names = {"#tenant": schema.TENANT_ID} | {f"#a{n}": name for n, name in enumerate(attributes)}
        projection = (
            {"ProjectionExpression": ", ".join(f"#a{n}" for n in range(len(attributes)))}
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
                yield _row(item)


_SUMMARY_NAMES = {
    "#tenant": schema.TENANT_ID,
    "#url": schema.TARGET_URL,
    "#state": schema.STATE,
    "#created": schema.CREATED_AT,
}


def _row(item: Any) -> dict[str, Any]:
    return {name: _to_python(value) for name, value in item.items()}


def _tenant_id_of(row: dict[str, Any]) -> str:
    return row[schema.TENANT_ID]


def _summary(rows: list[dict[str, Any]]) -> TenantSummary:
    active = sum(row[schema.STATE] == schema.ACTIVE for row in rows)
    return TenantSummary(
        tenant_id=rows[0][schema.TENANT_ID],
        target_url=rows[0][schema.TARGET_URL],
        created_at=min(row[schema.CREATED_AT] for row in rows),
        active_keys=active,
        disabled_keys=len(rows) - active,
    )
