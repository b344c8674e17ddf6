"""Lambda's event source mapping for SQS: what it hands to the worker, and what it deletes afterwards."""

from collections.abc import Mapping
from typing import Any


def batch_of(received: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's input for an answer to ReceiveMessage; it has no records if no message was ready."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
            }
            for message in received.get("Messages", [])
        ]
    }


def done(batch: Mapping[str, Any], answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records that the worker's answer (`ReportBatchItemFailures`) lets the mapping delete."""
    undone = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    return [record for record in batch["Records"] if record["messageId"] not in undone]
