"""The names of the tables' attributes and indexes.

For the program that declares them and the code that uses them. `TenantApiKeys` holds one item per API
key, `Events` one item per event plus, for large payloads, a write-once item beside it, and one item per
idempotency key. Every attribute is named here once.
"""

from typing import Final

# TenantApiKeys
API_KEY: Final = "apiKey"  # lower-case hex SHA-256 of the key, never the key
TENANT_ID: Final = "tenantId"
TARGET_URL: Final = "targetUrl"
WEBHOOK_SECRET: Final = "webhookSecret"  # noqa: S105 - the attribute's name
PREVIOUS_WEBHOOK_SECRET: Final = "previousWebhookSecret"  # noqa: S105 - the attribute's name
PREVIOUS_WEBHOOK_SECRET_EXPIRES_AT: Final = "previousWebhookSecretExpiresAt"  # noqa: S105 - the attribute's name
STATE: Final = "state"
VERSION: Final = "version"  # of a tenant, equal on all its rows; absent until they are changed

TENANT_ID_INDEX: Final = "tenantId-index"

# Events
EVENT_ID: Final = "eventId"
TYPE: Final = "type"
STATUS: Final = "status"
SHARD: Final = "shard"
CREATED_AT: Final = "createdAt"
EXPIRES_AT: Final = "expiresAt"
ATTEMPTS: Final = "attempts"
ATTEMPT_HISTORY: Final = "attemptHistory"
DELIVERED_AT: Final = "deliveredAt"
LAST_ATTEMPT_AT: Final = "lastAttemptAt"
HELD_UNTIL: Final = "heldUntil"  # epoch seconds; while a worker makes an attempt
QUEUED_AT: Final = "queuedAt"  # the last time the event was queued, other than when it was created
LAST_ERROR: Final = "lastError"
PAYLOAD: Final = "payload"
PAYLOAD_ENCODING: Final = "payloadEncoding"

STATUS_INDEX: Final = "status-index"

# All that tells whether anything happens to an event: what the reconciler reads, and may read, of it.
LIFE_SIGNS: Final = (TENANT_ID, EVENT_ID, STATUS, CREATED_AT, LAST_ATTEMPT_AT, QUEUED_AT, EXPIRES_AT)

# An event but for its payload and for what receivers answered: what the requeue function reads, and may read.
WITHOUT_PAYLOAD: Final = (
    TENANT_ID,
    EVENT_ID,
    TYPE,
    STATUS,
    ATTEMPTS,
    TARGET_URL,
    CREATED_AT,
    EXPIRES_AT,
)

# Events: the item of an idempotency key
BODY_HASH: Final = "bodyHash"
FIRST_EVENT_ID: Final = "firstEventId"
QUEUED: Final = "queued"
