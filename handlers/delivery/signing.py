"""Signatures that unmodified Stripe and Standard Webhooks libraries verify on the same request.

Sources: Stripe's "Verify webhook signatures manually" and the Standard Webhooks specification, 1.0.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from handlers.model.tenant import WEBHOOK_SECRET_PREFIX


def signature_headers(
    *, event_id: str, timestamp: int, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """The headers that sign one attempt, for both kinds of library.

    Args:
        event_id: the same on every attempt, so that receivers can deduplicate.
        timestamp: time of this attempt, in epoch seconds.
        body: the exact bytes to send.
        secrets: `whsec_...`, the current one first; each one signs.

    Raises:
        ValueError: a secret is not `whsec_` followed by base64.
    """
    return {
        "Stripe-Signature": ",".join(
            [f"t={timestamp}", *(f"v1={_stripe(secret, timestamp, body)}" for secret in secrets)]
        ),
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            f"v1,{_standard(secret, event_id, timestamp, body)}" for secret in secrets
        ),
    }


def _stripe(secret: str, timestamp: int, body: bytes) -> str:
    """Hex HMAC-SHA256 over `{t}.{body}`; the key is the text of the whole secret, prefix included."""
    return hmac.new(secret.encode(), b"%d.%b" % (timestamp, body), hashlib.sha256).hexdigest()


def _standard(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Base64 HMAC-SHA256 over `{id}.{timestamp}.{body}`; the key is the secret after its prefix, decoded."""
    key = base64.b64decode(secret.removeprefix(WEBHOOK_SECRET_PREFIX), validate=True)
    signed = b"%b.%d.%b" % (event_id.encode(), timestamp, body)
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
