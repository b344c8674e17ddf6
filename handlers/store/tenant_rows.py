"""The rows of the table `TenantApiKeys`: one per API key of a tenant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from handlers.model.tenant import KEY_ID_LENGTH, KeyState, KeySummary, TenantSummary, hash_api_key
from handlers.model.timestamps import to_iso
from handlers.store import schema
from handlers.store.table import Item

SUMMARY = (
    schema.API_KEY,
    schema.TENANT_ID,
    schema.TARGET_URL,
    schema.STATE,
    schema.CREATED_AT,
    schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT,
)
"""What a summary is made of."""
SHARED = (
    schema.TENANT_ID,
    schema.TARGET_URL,
    schema.WEBHOOK_SECRET,
    schema.PREVIOUS_WEBHOOK_SECRET,
    schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT,
)
"""Equal on all rows of a tenant."""


def new_row(api_key: str, shared: Item, now: datetime) -> dict[str, Any]:
    """The row of a new key of a tenant."""
    return {
        **shared,
        schema.API_KEY: hash_api_key(api_key),
        schema.STATE: KeyState.ACTIVE,
        schema.CREATED_AT: to_iso(now),
    }


def key_id_of_row(row: Item) -> str:
    """As `key_id_of` gives it for the key itself."""
    return row[schema.API_KEY][:KEY_ID_LENGTH]


def previous_expires_at_of(rows: Sequence[Item]) -> datetime | None:
    """Until when the previous secret of a tenant signs, or signed; None without one."""
    seconds = rows[0].get(schema.PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT)
    return None if seconds is None else datetime.fromtimestamp(int(seconds), tz=UTC)


def summary_of(rows: Sequence[Item]) -> TenantSummary:
    """A tenant by all its rows, without secrets."""
    keys = [
        KeySummary(
            key_id=key_id_of_row(row),
            state=row[schema.STATE],
            created_at=row[schema.CREATED_AT],
        )
        for row in rows
    ]
    keys.sort(key=lambda key: (key.created_at, key.key_id))
    return TenantSummary(
        tenant_id=rows[0][schema.TENANT_ID],
        target_url=rows[0][schema.TARGET_URL],
        created_at=keys[0].created_at,
        previous_expires_at=previous_expires_at_of(rows),
        keys=tuple(keys),
    )
