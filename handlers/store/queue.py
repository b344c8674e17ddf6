"""The delivery queue and its dead-letter queue: a message names an event, and the table holds it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handlers.model.event import MAX_ID_CHARACTERS, EventKey

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

_RECEIVE_BATCH = 10  # SQS's limit for one ReceiveMessage


class MalformedMessageError(Exception):
    """A message that names no event; this system cannot have sent it."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    # DynamoDB refuses a key of more than 1,024 bytes, and then the whole batch read fails.
    tenant_id: str = Field(alias="tenantId", min_length=1, max_length=MAX_ID_CHARACTERS)
    event_id: str = Field(alias="eventId", min_length=1, max_length=MAX_ID_CHARACTERS)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A received message.

    Attributes:
        receive_count: how often SQS has handed it out, including this time.
    """

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int

    def event_key(self) -> EventKey:
        """The event that the message names.

        Raises:
            MalformedMessageError: the body is not of the contract's shape.
        """
        try:
            body = _Body.model_validate_json(self.body)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise MalformedMessageError(faults) from error
        return EventKey(tenant_id=body.tenant_id, event_id=body.event_id)


class Queue:
    """One SQS queue. Every method raises botocore's ClientError or BotoCoreError on failure."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, key: EventKey) -> None:
        """Queue an event; the tenant is the message group, so that SQS serves tenants fairly."""
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=json.dumps({"tenantId": key.tenant_id, "eventId": key.event_id}),
            MessageGroupId=key.tenant_id,
        )

    def waiting(self) -> int:
        """How many messages are ready to be handed out, approximately; messages in flight do not count."""
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer.get("Attributes", {}).get("ApproximateNumberOfMessages", "0"))

    def set_visibility(self, receipt_handle: str, seconds: int) -> None:
        """Hand the message out again this many seconds from now; 0 means at once."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )

    def receive(self, *, visibility_timeout: int) -> Sequence[Message]:
        """Take up to ten messages, hidden from others for so many seconds; waits at most a second for one."""
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_RECEIVE_BATCH,
            VisibilityTimeout=visibility_timeout,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            Message(
                message_id=message.get("MessageId", ""),
                receipt_handle=message.get("ReceiptHandle", ""),
                body=message.get("Body", ""),
                receive_count=int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1")),
            )
            for message in answer.get("Messages", [])
        ]

    def delete(self, receipt_handle: str) -> None:
        """Remove a received message for good."""
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt_handle)
