"""The table `TenantApiKeys`, as the functions read it."""

from dataclasses import dataclass

from boto3.dynamodb.conditions import Key

from handlers.model.tenant import ApiKeyHolder, Tenant, hash_api_key
from handlers.store import schema
from handlers.store.table import Table


@dataclass(frozen=True)
class TenantStore:
    """Reads tenants. Every method raises botocore's ClientError or BotoCoreError on failure."""

    table: Table

    def holder_of(self, api_key: str) -> ApiKeyHolder | None:
        """Whom an API key belongs to, or None; reads no secret.

        The read is consistent, or ingest might remember for a minute a key that was disabled a moment ago.
        """
        row = self.table.get({schema.API_KEY: hash_api_key(api_key)}, schema.KEY_HOLDER)
        if row is None:
            return None
        return ApiKeyHolder(
            tenant_id=row[schema.TENANT_ID], target_url=row[schema.TARGET_URL], state=row[schema.STATE]
        )

    def find(self, tenant_id: str) -> Tenant | None:
        """A tenant with its secrets, or None; the index behind it is eventually consistent."""
        rows = self.table.query(Key(schema.TENANT_ID).eq(tenant_id), index=schema.TENANT_ID_INDEX)
        if (row := next(rows, None)) is None:
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
        rows = self.table.query(
            Key(schema.TENANT_ID).eq(tenant_id),
            index=schema.TENANT_ID_INDEX,
            attributes=schema.TARGET,
        )
        row = next(rows, None)
        return None if row is None else row[schema.TARGET_URL]
