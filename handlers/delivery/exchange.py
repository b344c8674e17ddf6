"""One request and its answer by the rules of HTTP/1.1 (RFC 9112), without any I/O.

h11 writes and parses. This module adds the bounds and one rule: once a receiver has sent its status line,
that status stands, even if the rest is broken or cut off. Only a head that does not end in time is no answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h11

from handlers.delivery.outcomes import Outcome, UndeliveredError
from handlers.delivery.targets import Target
from handlers.model.attempt import MAX_ANSWER_BYTES

MAX_HEAD_BYTES = 64 * 1024
"""Limit for the head of an answer, including the interim answers before it."""
MAX_ANSWER_READ_BYTES = 64 * 1024
"""Limit for the body of an answer as received, including chunk sizes and other framing."""

_SWITCHING_PROTOCOLS = 101
_WITHOUT_BODY = frozenset({204, 304})
_END_OF_HEAD = re.compile(rb"\n\r?\n")
# RFC 9112, section 4, with any minor version. Real servers leave out the reason and even the space before it.
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a receiver answered.

    Attributes:
        status: of the final answer.
        headers: in the order received, names in lower case; empty if the head was broken or cut off.
        beginning: the first bytes of the body, 256 at most.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]] = ()
    beginning: bytes = b""

    def values(self, name: bytes) -> list[str]:
        """The values of all headers with this name; give it in lower case."""
        return [value.decode("latin-1") for header, value in self.headers if header == name]


class Exchange:
    """A POST and its answer: send `request`, then feed in the bytes that come back.

    Attributes:
        request: the bytes to send.
        over: whether nothing more needs to be read.
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
        self._early_status: int | None = None
        self._beginning = b""
        self._body_bytes = 0

    @property
    def has_begun(self) -> bool:
        """Whether a byte of the answer has come."""
        return bool(self._head_bytes or self._unparsed)

    @property
    def head_is_read(self) -> bool:
        """Whether the whole head of the final answer has come."""
        return self._final is not None

    @property
    def is_reusable(self) -> bool:
        """Whether the next exchange may follow on the same connection.

        It may if the answer ended where it said, nothing followed, and it gave its length in one way only.
        """
        return (
            self._wire.our_state is h11.DONE
            and self._wire.their_state is h11.DONE
            and self._wire.trailing_data == (b"", False)
            and self._body_bytes <= MAX_ANSWER_READ_BYTES
            and self._final is not None
            and _has_one_length(self._final)
        )

    def feed(self, data: bytes) -> None:
        """Take received bytes; empty bytes mean that the other side has ended.

        Raises:
            UndeliveredError: no answer can come any more.
        """
        self._wire.receive_data(data)
        if self._final is None:
            self._unparsed += data
        else:
            self._body_bytes += len(data)
        while not self.over:
            self._check_status_line()
            try:
                event = self._wire.next_event()
            except h11.RemoteProtocolError as error:
                self._end_at_error(error, cut_off=not data)
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
                self._check_limits()
                return

    def end_early(self) -> bool:
        """End here if the receiver has said its final status, which then stands; returns whether it has."""
        if self._final is None:
            self._early_status = _final_status(self._unparsed)
        self.over = self._final is not None or self._early_status is not None
        return self.over

    def answer(self) -> Answer:
        """The answer, once the exchange is over."""
        if self._final is not None:
            return Answer(
                status=self._final.status_code,
                headers=tuple(self._final.headers),
                beginning=self._beginning,
            )
        if self._early_status is None:
            raise ValueError("the exchange is not over")
        return Answer(status=self._early_status)

    def _check_status_line(self) -> None:
        """Refuse a bad status line: h11 allows more versions, and checks it only once the head has ended."""
        if self._final is None and b"\n" in self._unparsed and not _STATUS_LINE.match(self._unparsed):
            raise UndeliveredError(Outcome.ANSWER_MALFORMED)

    def _check_limits(self) -> None:
        """Keep to the limits while nothing else has ended the exchange."""
        if self._final is None:
            self._check_head_size(len(self._unparsed))
        else:
            self.over = self._body_bytes >= MAX_ANSWER_READ_BYTES

    def _end_head(self) -> None:
        rest = self._wire.trailing_data[0]
        self._check_head_size(len(self._unparsed) - len(rest))
        self._head_bytes += len(self._unparsed) - len(rest)
        self._unparsed = bytearray(rest)

    def _check_head_size(self, more: int) -> None:
        if self._head_bytes + more > MAX_HEAD_BYTES:
            raise UndeliveredError(Outcome.ANSWER_HEAD_TOO_LARGE)

    def _end_at_error(self, error: h11.RemoteProtocolError, *, cut_off: bool) -> None:
        if self._final is None:
            end = _END_OF_HEAD.search(self._unparsed)
            self._check_head_size(end.end() if end else len(self._unparsed))
        if self.end_early():
            return
        outcome = Outcome.CONNECTION_CLOSED if cut_off else Outcome.ANSWER_MALFORMED
        raise UndeliveredError(outcome) from error


def _final_status(head: bytearray) -> int | None:
    """The final status at the beginning of a head, if there is one: an interim status does not count."""
    line = _STATUS_LINE.match(head)
    status = int(line[1]) if line else 0
    return status if status >= 200 or status == _SWITCHING_PROTOCOLS else None  # noqa: PLR2004 - RFC 9110


def _has_one_length(response: h11.Response) -> bool:
    """Whether a head allows only one reading of its body's length.

    With two, an intermediary may choose the other one. What is the end here then begins the next answer there
    (RFC 9112, section 6.3). A body where none is allowed would be read as the next answer, too.
    """
    is_chunked = any(name == b"transfer-encoding" for name, _ in response.headers)
    lengths = {value for name, value in response.headers if name == b"content-length"}
    if response.status_code in _WITHOUT_BODY:
        return not is_chunked and lengths <= {b"0"}
    return not (is_chunked and lengths)
