"""SQS's standard queues in memory, with a clock that is passed in: what a client is promised, and no more.

By the Developer Guide, SQS hides a received message for the visibility timeout, then hands it out again. A
change of the visibility counts from the moment of the change. A message that was received as often as the
redrive policy allows goes to the dead-letter queue instead of being handed out once more. Messages come in
any order and sometimes twice. Only a message's latest receipt handle is sure to work, so older ones do
nothing here.
"""

# ruff: noqa: N803 - requests are spelled as the client spells them

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

VISIBILITY_TIMEOUT_SECONDS = 270
MAX_RECEIVE_COUNT = 6
_MAX_VISIBILITY_SECONDS = 43_200


@dataclass
class _Message:
    """A message in a queue; while it waits to be handed out, `visible_at` is in the past."""

    message_id: str
    body: str
    visible_at: float
    receive_count: int = 0
    receipt_handle: str | None = None


@dataclass
class _Queue:
    dlq_url: str | None
    messages: list[_Message] = field(default_factory=list[_Message])


class FakeSqs:
    """The operations of the SQS client that the system calls, and what a test asks and steers."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Keep time by `clock`, in seconds."""
        self._clock = clock
        self._queues: dict[str, _Queue] = {}
        self._numbers = count(1)
        self.next_index: Callable[[int], int] = lambda _: 0
        """Picks the message to hand out next: given the number of visible ones, its index, oldest first."""

    def create_queue(self, url: str, *, dlq_url: str | None = None) -> None:
        self._queues[url] = _Queue(dlq_url)

    def send_message(self, *, QueueUrl: str, MessageBody: str, **_: Any) -> dict[str, Any]:
        message = _Message(f"message-{next(self._numbers)}", MessageBody, self._clock())
        self._queues[QueueUrl].messages.append(message)
        return {"MessageId": message.message_id}

    def receive_message(
        self,
        *,
        QueueUrl: str,
        MaxNumberOfMessages: int = 1,
        VisibilityTimeout: int = VISIBILITY_TIMEOUT_SECONDS,
        **_: Any,
    ) -> dict[str, Any]:
        received: list[dict[str, Any]] = []
        while len(received) < MaxNumberOfMessages and (visible := self._visible(QueueUrl)):
            chosen = visible[self.next_index(len(visible)) % len(visible)]
            received += self._hand_out(QueueUrl, chosen, VisibilityTimeout)
        return {"Messages": received} if received else {}

    def receive_duplicate(self, *, QueueUrl: str) -> dict[str, Any]:
        """Hand out a message that another consumer still has: standard queues deliver "more than once"."""
        now = self._clock()
        in_flight = [message for message in self._queues[QueueUrl].messages if message.visible_at > now]
        if not in_flight:
            return {}
        chosen = in_flight[self.next_index(len(in_flight)) % len(in_flight)]
        return {"Messages": list(self._hand_out(QueueUrl, chosen, VISIBILITY_TIMEOUT_SECONDS))}

    def change_message_visibility(
        self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int, **_: Any
    ) -> dict[str, Any]:
        message = self._find(QueueUrl, ReceiptHandle)
        if message is None or not 0 <= VisibilityTimeout <= _MAX_VISIBILITY_SECONDS:
            raise _refused("InvalidParameterValue", "ChangeMessageVisibility")
        if message.visible_at <= self._clock():
            raise _refused("AWS.SimpleQueueService.MessageNotInflight", "ChangeMessageVisibility")
        if message.receipt_handle == ReceiptHandle:
            message.visible_at = self._clock() + VisibilityTimeout
        return {}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str, **_: Any) -> dict[str, Any]:
        message = self._find(QueueUrl, ReceiptHandle)
        if message is not None and message.receipt_handle == ReceiptHandle:
            self._queues[QueueUrl].messages.remove(message)
        return {}

    def get_queue_attributes(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self._visible(QueueUrl)))}}

    def purge_queue(self, *, QueueUrl: str) -> dict[str, Any]:
        self._queues[QueueUrl].messages.clear()
        return {}

    def bodies(self, url: str) -> list[str]:
        """The bodies of all messages of a queue, including those in flight."""
        return [message.body for message in self._queues[url].messages]

    def in_flight(self, url: str) -> int:
        """The number of hidden messages of a queue."""
        return len(self.bodies(url)) - len(self._visible(url))

    def next_visible_at(self, url: str) -> float | None:
        """The earliest time at which a message can be handed out; None if the queue is empty."""
        return min((message.visible_at for message in self._queues[url].messages), default=None)

    def _visible(self, url: str) -> list[_Message]:
        now = self._clock()
        return [message for message in self._queues[url].messages if message.visible_at <= now]

    def _hand_out(self, url: str, message: _Message, visibility_timeout: int) -> Iterator[dict[str, Any]]:
        queue = self._queues[url]
        if queue.dlq_url is not None and message.receive_count >= MAX_RECEIVE_COUNT:
            queue.messages.remove(message)
            message.visible_at, message.receipt_handle = self._clock(), None
            self._queues[queue.dlq_url].messages.append(message)
            return
        message.receive_count += 1
        message.visible_at = self._clock() + visibility_timeout
        message.receipt_handle = f"{message.message_id}/{next(self._numbers)}"
        yield {
            "MessageId": message.message_id,
            "ReceiptHandle": message.receipt_handle,
            "Body": message.body,
            "Attributes": {"ApproximateReceiveCount": str(message.receive_count)},
        }

    def _find(self, url: str, receipt_handle: str) -> _Message | None:
        message_id, _, _ = receipt_handle.partition("/")
        return next((m for m in self._queues[url].messages if m.message_id == message_id), None)


def _refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, operation)
