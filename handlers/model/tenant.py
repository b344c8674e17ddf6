"""Tenants: who may send events, where they go, and with which secrets they are signed."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class KeyState(StrEnum):
    """Of an API key."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


API_KEY_PREFIX = "whk_"
WEBHOOK_SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of every secret, not one of them
KEY_ID_LENGTH = 12
"""How many digits of a key's hash make its id."""


@dataclass(frozen=True, kw_only=True)
class ApiKeyHolder:
    """What the ingest function may know of a tenant: no secret."""

    tenant_id: str
    target_url: str
    state: str

    @property
    def disabled(self) -> bool:
        """Whether this key was switched off."""
        return self.state != KeyState.ACTIVE


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """What the worker needs to sign for a tenant; secrets stay out of its `repr`."""

    tenant_id: str
    target_url: str = field(repr=False)  # it may carry a token
    webhook_secret: str = field(repr=False)
    previous_webhook_secret: str | None = field(default=None, repr=False)
    previous_webhook_secret_expires_at: int | None = None

    def signing_secrets(self, now: datetime) -> tuple[str, ...]:
        """The secrets that sign at this moment: the current one first, the previous one until it expires."""
        expires_at = self.previous_webhook_secret_expires_at
        if self.previous_webhook_secret and expires_at is not None and now.timestamp() < expires_at:
            return (self.webhook_secret, self.previous_webhook_secret)
        return (self.webhook_secret,)


@dataclass(frozen=True, kw_only=True)
class NewTenant:
    """A tenant just created, with its API key, which is shown this once."""

    tenant_id: str
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    target_url: str = field(repr=False)  # it may carry a token


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """One more API key, shown this once; the others still work."""

    tenant_id: str
    api_key: str = field(repr=False)
    other_active_key_ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RotatedSecret:
    """A new webhook secret, and until when the previous one signs as well."""

    tenant_id: str
    webhook_secret: str = field(repr=False)
    previous_expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class KeySummary:
    """A key, told from others by the beginning of its hash."""

    key_id: str
    state: str
    created_at: str


@dataclass(frozen=True, kw_only=True)
class TenantSummary:
    """A tenant as the operator sees it, without secrets.

    Attributes:
        previous_expires_at: until when the previous secret signs, or signed; None without one.
    """

    tenant_id: str
    target_url: str
    created_at: str
    previous_expires_at: datetime | None
    keys: Sequence[KeySummary]

    @property
    def active_key_ids(self) -> list[str]:
        """The keys that are accepted."""
        return [key.key_id for key in self.keys if key.state == KeyState.ACTIVE]


def new_api_key() -> str:
    """An API key of 256 random bits."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def hash_api_key(api_key: str) -> str:
    """The partition key of `TenantApiKeys`: lower-case hex SHA-256 of the key."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def key_id_of(api_key: str) -> str:
    """The id of a key, by which the operator tells it from others: the beginning of its hash."""
    return hash_api_key(api_key)[:KEY_ID_LENGTH]


def new_webhook_secret() -> str:
    """A webhook secret of 256 random bits in the form of Standard Webhooks: `whsec_` and base64."""
    return WEBHOOK_SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
