"""Idempotency keys: a request that a producer repeats under the same key makes no second event.

The key's record lies in the tenant's own partition, so tenants never share one. It is written first and fixes
the event's id; it is marked once the message is sent. So a repeated request knows what is left to do.
"""

import hashlib
import re
from dataclasses import dataclass

from handlers.intake import problems

_HEADER = re.compile(r"[!-~]{1,255}")  # visible ASCII


@dataclass(frozen=True, kw_only=True)
class IdempotentRequest:
    """A request that carries a key; both hashes are as in `IdempotencyRecord`."""

    key_hash: str
    body_hash: str


def idempotent_request(header: str | None, body: bytes) -> IdempotentRequest | None:
    """Read the header `Idempotency-Key`; None when there is none.

    Raises:
        Problem: 400 when it is not 1 to 255 visible ASCII characters.
    """
    if header is None:
        return None
    if not _HEADER.fullmatch(header):
        raise problems.invalid_idempotency_key()
    return IdempotentRequest(key_hash=_sha256(header.encode()), body_hash=_sha256(body))


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
