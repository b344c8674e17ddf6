"""Unmodified libraries of receivers verify what is signed here."""

import json
import time

import pytest
import stripe
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from handlers.delivery.signing import signature_headers
from tests.support.factories import PREVIOUS_SECRET, SECRET

BODY = json.dumps({"id": "evt_1", "object": "event", "data": {"name": "Zoë ✓"}}).encode()


def signed(
    body: bytes = BODY, *, secrets: tuple[str, ...] = (SECRET,), at: int | None = None
) -> dict[str, str]:
    timestamp = int(time.time()) if at is None else at
    return signature_headers(event_id="evt_1", timestamp=timestamp, body=body, secrets=secrets)


def test_a_known_signature_comes_out_as_the_specifications_say() -> None:
    headers = signature_headers(
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
        secrets=("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
    )

    # The vector of the Standard Webhooks specification's own test suites.
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"


def test_stripe_verifies_a_delivery_with_the_whole_secret() -> None:
    event = stripe.Webhook.construct_event(BODY, signed()["Stripe-Signature"], SECRET)

    assert event["id"] == "evt_1"


def test_standard_webhooks_verifies_the_same_delivery() -> None:
    assert Webhook(SECRET).verify(BODY, signed())["id"] == "evt_1"


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS_SECRET])
def test_during_a_rotation_both_secrets_verify_in_both_families(secret: str) -> None:
    headers = signed(secrets=(SECRET, PREVIOUS_SECRET))

    assert stripe.Webhook.construct_event(BODY, headers["Stripe-Signature"], secret)["id"] == "evt_1"
    assert Webhook(secret).verify(BODY, headers)["id"] == "evt_1"


def test_the_stripe_header_has_no_spaces_and_the_current_secret_first() -> None:
    both = signed(secrets=(SECRET, PREVIOUS_SECRET), at=1)["Stripe-Signature"]
    current = signed(at=1)["Stripe-Signature"]

    assert " " not in both
    assert both.startswith(current + ",v1=")


def test_a_body_changed_by_one_byte_is_refused_by_both() -> None:
    headers = signed()

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(BODY + b" ", headers["Stripe-Signature"], SECRET)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY + b" ", headers)
