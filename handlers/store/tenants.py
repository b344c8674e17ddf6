"""The table `TenantApiKeys`, as the functions read it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from handlers.model.tenant import ApiKeyHolder, Tenant, hash_api_key
from handlers.store import schema
from handlers.store.items import plain

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


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
