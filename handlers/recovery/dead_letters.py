"""The messages of the dead-letter queue, taken in batches and put back unless they are discarded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from handlers.model.delivery import Delivery
from handlers.model.event import EventKey
from handlers.store.deliveries import DeliveryStore
from handlers.store.queue import MalformedMessageError, Message, Queue

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message of the dead-letter queue.

    Attributes:
        key: the event that it names; None when it is malformed.
        delivery: None when there is none any more.
    """

    message: Message
    key: EventKey | None
    delivery: Delivery | None


class DeadLetters:
    """The dead-letter queue while a run looks at it.

    Every message that was taken stays hidden from others while the context lasts. At its end those that were
    not discarded are visible again at once, and not only after the hiding time.
    """

    def __init__(self, queue: Queue, deliveries: DeliveryStore, *, hidden_seconds: int) -> None:
        """Take messages from `queue`.

        Args:
            queue: the dead-letter queue.
            deliveries: reads the deliveries that the messages name.
            hidden_seconds: how long a taken message stays hidden; longer than a run can last, so that no run
                meets a message twice.
        """
        self._queue = queue
        self._deliveries = deliveries
        self._hidden_seconds = hidden_seconds
        self._taken: dict[str, Message] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for message in self._taken.values():
            self._queue.set_visibility(message.receipt_handle, 0)

    def until(self, enough: Callable[[], bool]) -> Iterator[DeadLetter]:
        """Take batches until there is enough or nothing left; leaves out what DynamoDB did not get to.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: AWS did not answer.
        """
        while not enough() and (messages := self._queue.receive(visibility_timeout=self._hidden_seconds)):
            self._taken |= {message.message_id: message for message in messages}
            keys = {message.message_id: _key_of(message) for message in messages}
            found = self._deliveries.read((key for key in keys.values() if key is not None), bodies=False)
            for message in messages:
                key = keys[message.message_id]
                if key is None or key not in found.unread:
                    delivery = None if key is None else found.deliveries.get(key)
                    yield DeadLetter(message=message, key=key, delivery=delivery)

    def discard(self, letter: DeadLetter) -> None:
        """Remove a message for good."""
        self._queue.delete(letter.message.receipt_handle)
        del self._taken[letter.message.message_id]


def _key_of(message: Message) -> EventKey | None:
    try:
        return message.event_key()
    except MalformedMessageError as error:
        _log.warning("malformed message", message_id=message.message_id, error=str(error))
        return None
