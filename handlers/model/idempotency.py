"""Idempotency keys: what is remembered of the first request under a key."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class IdempotencyRecord:
    """The record of one key of one tenant.

    Attributes:
        key_hash: hex SHA-256 of the key; the key itself is the producer's and may be telling.
        body_hash: hex SHA-256 of the body's bytes as sent.
        event_id: of the event that the first request makes.
        created_at: the event's.
        queued: whether the event is known to be stored and its message to be sent.
    """

    tenant_id: str
    key_hash: str
    body_hash: str
    event_id: str
    created_at: datetime
    queued: bool = False
