"""The receiver trusts only what both public libraries verify."""

import time

import pytest
import requests

from handlers.delivery.signing import signature_headers
from handlers.model.tenant import new_webhook_secret
from local.receiver import LIBRARIES, Receiver, accepts_after, refuses, verify

BODY = b'{"id":"evt_1","object":"event","type":"order.created","created":1,"data":{}}'
SECRET = new_webhook_secret()


def signed(secret: str = SECRET, body: bytes = BODY) -> dict[str, str]:
    headers = signature_headers(event_id="evt_1", timestamp=int(time.time()), body=body, secrets=[secret])
    return {name.lower(): value for name, value in headers.items()}


def test_both_libraries_verify_what_the_worker_signs():
    assert verify(signed(), BODY, SECRET) == LIBRARIES


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (signed(new_webhook_secret()), BODY),
        (signed(), BODY.replace(b"evt_1", b"evt_2")),
        ({"webhook-id": "evt_1"}, BODY),
        (signed(body=b"no json"), b"no json at all"),
    ],
    ids=["another secret", "another body", "no signature", "no json"],
)
def test_neither_verifies_anything_else(headers: dict[str, str], body: bytes):
    assert verify(headers, body, SECRET) == frozenset()


def test_a_delivery_is_recorded_with_what_it_was_answered():
    with Receiver(clock=lambda: 1234.5, answers={"order.created": accepts_after(1)}) as receiver:
        receiver.trust(SECRET)
        statuses = [
            requests.post(receiver.url, data=BODY, headers=signed(), timeout=10).status_code for _ in range(2)
        ]

    assert statuses == [500, 200]
    first, second = receiver.deliveries("evt_1")
    assert (first.attempt, first.at, first.status, first.verified, first.succeeded) == (
        1,
        1234.5,
        500,
        True,
        False,
    )
    assert (second.attempt, second.status, second.succeeded, second.body) == (2, 200, True, BODY)


def test_without_a_secret_nothing_is_verified():
    with Receiver() as receiver:
        requests.post(receiver.url, data=BODY, headers=signed(), timeout=10)

    assert not receiver.deliveries()[0].verified


def test_answers_can_change_on_the_way():
    told: list[str] = []
    with Receiver(on_delivery=lambda delivery: told.append(delivery.event_id)) as receiver:
        receiver.answer("order.created", refuses)
        status = requests.post(receiver.url, data=BODY, headers=signed(), timeout=10).status_code

    assert status == 500
    assert told == ["evt_1"]


def test_a_request_that_is_no_delivery_is_refused_and_not_recorded():
    with Receiver() as receiver:
        status = requests.post(receiver.url, headers={"content-length": "many"}, timeout=10).status_code

    assert status == 400
    assert receiver.deliveries() == []
