"""One request and its answer by the rules of HTTP/1.1 (RFC 9112), without any I/O.

h11 writes and parses. What is added are the bounds, and one rule: once a receiver has said its status,
nothing that follows takes it back, be it broken or cut off. Only a head that does not end in time is none.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h11

from handlers.delivery.outcomes import Outcome, UndeliveredError
from handlers.delivery.targets import Target
from handlers.model.attempt import MAX_ANSWER_BYTES

MAX_HEAD_BYTES = 64 * 1024
"""Of an answer, interim answers before it included."""
MAX_ANSWER_READ_BYTES = 64 * 1024
"""Of an answer's body, as it comes: with chunk sizes and whatever else is around it."""

_SWITCHING_PROTOCOLS = 101
_WITHOUT_BODY = frozenset({204, 304})
# RFC 9112, section 4, of any minor version; the reason may be missing with the space before it, as real
# servers leave it out.
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a receiver answered.

    Attributes:
        status: of the final answer.
        headers: names in lower case, in the order they came in; empty where the head was broken or cut off.
        beginning: of the body, 256 bytes at most.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]] = ()
    beginning: bytes = b""

    def values(self, name: bytes) -> list[str]:
        """The values of every header of that name, which is in lower case."""
        return [value.decode("latin-1") for each, value in self.headers if each == name]


class Exchange:
    """A POST and the answer to it: `request` is sent, and what comes back is fed to it.

    Attributes:
        request: the bytes to send.
        over: whether nothing more is to be read.
    """

    def __init__(self, target: Target, headers: Mapping[str, str], body: bytes) -> None:
        self._wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        lines = [("Host", target.authority), *headers.items(), ("Content-Length", str(len(body)))]
        head = h11.Request(method="POST", target=target.request_target, headers=lines)
        events = (head, h11.Data(data=body), h11.EndOfMessage())
        self.request = b"".join(self._wire.send(event) for event in events)
        self.over = False
        self._unparsed = bytearray()
        self._head_bytes = 0
        self._final: h11.Response | None = None
        self._cut_status: int | None = None
        self._beginning = b""
        self._body_bytes = 0

    @property
    def began(self) -> bool:
        """Whether any byte of an answer has come."""
        return bool(self._head_bytes or self._unparsed)

    @property
    def head_is_read(self) -> bool:
        """Whether the head of the final answer is there, as a whole."""
        return self._final is not None

    @property
    def is_reusable(self) -> bool:
        """Whether the next exchange may follow on the same connection.

        The answer has come to its exact end, nothing has come after it, and its length was told in one way.
        """
        return (
            self._wire.our_state is h11.DONE
            and self._wire.their_state is h11.DONE
            and self._wire.trailing_data == (b"", False)
            and self._body_bytes <= MAX_ANSWER_READ_BYTES
            and self._final is not None
            and _is_told_in_one_way(self._final)
        )

    def feed(self, data: bytes) -> None:
        """Take what has come in; nothing at all means that the other side is done.

        Raises:
            UndeliveredError: no answer can come of it any more.
        """
        self._wire.receive_data(data)
        if self._final is None:
            self._unparsed += data
        else:
            self._body_bytes += len(data)
        while not self.over:
            self._judge_status_line()
            try:
                event = self._wire.next_event()
            except h11.RemoteProtocolError as error:
                self._end_broken(error, cut_off=not data)
                return
            if isinstance(event, h11.InformationalResponse):
                self._end_head()
            elif isinstance(event, h11.Response):
                self._end_head()
                self._final, self._body_bytes = event, len(self._unparsed)
            elif isinstance(event, h11.Data):
                self._beginning += event.data[: MAX_ANSWER_BYTES - len(self._beginning)]
            elif isinstance(event, h11.EndOfMessage):
                self.over = True
            else:
                self._bound()
                return

    def lost(self) -> bool:
        """The connection died. Whether the status had been said by then, so that it makes no difference."""
        if self._final is None:
            self._cut_status = _final_status(self._unparsed)
        self.over = self._final is not None or self._cut_status is not None
        return self.over

    def answer(self) -> Answer:
        """What was answered; for an exchange that is over."""
        if self._final is not None:
            return Answer(
                status=self._final.status_code,
                headers=tuple(self._final.headers),
                beginning=self._beginning,
            )
        if self._cut_status is None:
            raise ValueError("the exchange is not over")
        return Answer(status=self._cut_status)

    def _judge_status_line(self) -> None:
        """h11 takes other versions, too, and judges no line before the end of its head."""
        if self._final is None and b"\n" in self._unparsed and not _STATUS_LINE.match(self._unparsed):
            raise UndeliveredError(Outcome.ANSWER_MALFORMED)

    def _bound(self) -> None:
        """Nothing is over yet: see that no more is read than the bounds allow."""
        if self._final is None:
            self._bound_head(len(self._unparsed))
        else:
            self.over = self._body_bytes >= MAX_ANSWER_READ_BYTES

    def _end_head(self) -> None:
        rest = self._wire.trailing_data[0]
        self._bound_head(len(self._unparsed) - len(rest))
        self._head_bytes += len(self._unparsed) - len(rest)
        self._unparsed = bytearray(rest)

    def _bound_head(self, more: int) -> None:
        if self._head_bytes + more > MAX_HEAD_BYTES:
            raise UndeliveredError(Outcome.ANSWER_HEAD_TOO_LARGE)

    def _end_broken(self, error: h11.RemoteProtocolError, *, cut_off: bool) -> None:
        if self._final is None:
            end = _END_OF_HEAD.search(self._unparsed)
            self._bound_head(end.end() if end else len(self._unparsed))
        if self.lost():
            return
        unanswered = Outcome.CONNECTION_CLOSED if cut_off else Outcome.ANSWER_MALFORMED
        raise UndeliveredError(unanswered) from error


def _final_status(head: bytearray) -> int | None:
    """The status that the beginning of a head says for good: that of an interim answer says nothing yet."""
    line = _STATUS_LINE.match(head)
    status = int(line[1]) if line else 0
    return status if status >= 200 or status == _SWITCHING_PROTOCOLS else None  # noqa: PLR2004 - RFC 9110


def _is_told_in_one_way(response: h11.Response) -> bool:
    """Whether only one length can be read out of a head.

    With two, whoever is on the way may take the other one, and what is the end here is the beginning of the
    next answer there (RFC 9112, section 6.3). A body where none can be is read as the next answer, too.
    """
    is_chunked = any(name == b"transfer-encoding" for name, _ in response.headers)
    lengths = {value for name, value in response.headers if name == b"content-length"}
    if response.status_code in _WITHOUT_BODY:
        return not is_chunked and lengths <= {b"0"}
    return not (is_chunked and lengths)
