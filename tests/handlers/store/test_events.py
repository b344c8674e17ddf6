"""New events: what is stored, and that nothing is overwritten."""

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from handlers.model.delivery import Delivery
from handlers.store.events import INLINE_PAYLOAD_BYTES, shard_of
from tests.support.factories import NOON, TARGET_URL, a_delivery, incompressible, without_body
from tests.support.moto_aws import RETENTION, SHARDS, Aws, FailingClient, events_table


def stored(aws: Aws, **changes) -> Delivery:
    delivery = a_delivery(**changes)
    aws.events.put(delivery)
    return delivery


def test_an_event_is_stored_with_the_attributes_of_the_contract(aws: Aws) -> None:
    delivery = stored(aws)

    item = aws.item(delivery)
    assert item.pop("payload")
    assert item.pop("payloadEncoding") in {"deflate", "identity"}
    assert item == {
        "tenantId": "acme",
        "eventId": delivery.key.event_id,
        "type": "order.created",
        "status": "PENDING",
        "attempts": 0,
        "shard": shard_of(delivery.key.event_id, SHARDS),
        "createdAt": "2026-11-23T12:00:00.000Z",
        "expiresAt": int((NOON + RETENTION).timestamp()),
        "targetUrl": TARGET_URL,
    }


def test_event_ids_sort_by_time_and_are_lower_case() -> None:
    earlier, later = a_delivery(), a_delivery(now=NOON + timedelta(milliseconds=1))

    assert earlier.key.event_id < later.key.event_id
    assert earlier.key.event_id.startswith("evt_")
    assert earlier.key.event_id == earlier.key.event_id.lower()


def test_a_large_payload_lies_beside_the_item_that_is_updated(aws: Aws) -> None:
    delivery = stored(aws, data={"blob": incompressible(INLINE_PAYLOAD_BYTES * 2)})

    assert "payload" not in aws.item(delivery)
    assert len(aws.items()) == 2
    assert all("expiresAt" in item for item in aws.items())


def test_a_large_payload_that_compresses_well_stays_in_the_item(aws: Aws) -> None:
    delivery = stored(aws, data={"blob": "ab" * 50_000})

    assert len(bytes(aws.item(delivery)["payload"])) < INLINE_PAYLOAD_BYTES
    assert len(aws.items()) == 1


def test_the_payload_is_there_before_the_event_is(aws: Aws) -> None:
    refused = ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")
    client = FailingClient(aws.dynamodb, put_item=refused)

    with pytest.raises(ClientError):
        replace(aws.events, table=events_table(client)).put(a_delivery(data={"blob": incompressible(9000)}))

    assert client.calls == ["put_item"]
    assert aws.items() == []


def test_a_put_that_the_sdk_tries_again_after_it_succeeded_is_no_error(aws: Aws) -> None:
    delivery = stored(aws)

    aws.events.put(delivery)

    assert len(aws.items()) == 1


def test_a_put_never_overwrites_what_has_become_of_an_event(aws: Aws) -> None:
    delivery = stored(aws)
    aws.attempted(delivery, "http_200")

    aws.events.put(delivery)

    assert aws.item(delivery)["status"] == "DELIVERED"


def test_an_event_without_its_body_cannot_be_stored(aws: Aws) -> None:
    with pytest.raises(ValueError, match="no body"):
        aws.events.put(without_body(stored(aws)))


def test_shards_spread_evenly() -> None:
    counts = [0] * 8
    for _ in range(4000):
        counts[shard_of(a_delivery().key.event_id, 8)] += 1

    assert min(counts) > 350
