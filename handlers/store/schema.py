"""The names of the tables' attributes and indexes, each of them once.

The program declares the tables by them, and the store reads and writes by them. `TenantApiKeys` holds one
item per API key. `Events` holds one item per event, a write-once item beside it if its payload is large, and
one item per idempotency key.
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
VERSION: Final = "version"  # of a tenant; equal on all its rows, absent until the first change

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

# Events: the item of an idempotency key
BODY_HASH: Final = "bodyHash"
FIRST_EVENT_ID: Final = "firstEventId"
QUEUED: Final = "queued"

# What a read asks for, or a write names, and what the role behind it may name. These sets stand here, and not
# in the modules that use them, since the program makes policies of them and has no boto3.
KEY_HOLDER: Final = (API_KEY, TENANT_ID, TARGET_URL, STATE)
"""A tenant by an API key, without secrets: what ingest reads."""
TARGET: Final = (TENANT_ID, TARGET_URL)
"""Where a tenant's events go: what requeue reads of a tenant."""
IDEMPOTENCY_RECORD: Final = (TENANT_ID, EVENT_ID, BODY_HASH, FIRST_EVENT_ID, CREATED_AT, QUEUED)
"""What ingest reads of the table `Events`."""
WITHOUT_PAYLOAD: Final = (TENANT_ID, EVENT_ID, TYPE, STATUS, ATTEMPTS, TARGET_URL, CREATED_AT, EXPIRES_AT)
"""An event without its payload and without receivers' answers: what requeue reads."""
RESET: Final = (TENANT_ID, EVENT_ID, STATUS, ATTEMPTS, TARGET_URL, QUEUED_AT)
"""What requeue's updates name."""
LIFE_SIGNS: Final = (TENANT_ID, EVENT_ID, STATUS, CREATED_AT, LAST_ATTEMPT_AT, QUEUED_AT, EXPIRES_AT)
"""Everything that tells whether something happens to an event: what the reconciler reads of old events."""
PROGRESS: Final = (TENANT_ID, EVENT_ID, ATTEMPTS, CREATED_AT)
"""How far deliveries to a tenant have come: what the reconciler reads of a tenant's newest events."""
QUEUED_AGAIN: Final = (TENANT_ID, EVENT_ID, STATUS, LAST_ATTEMPT_AT, QUEUED_AT)
"""What the reconciler's updates name."""
