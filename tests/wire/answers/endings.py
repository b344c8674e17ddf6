"""Answers that end too early or last too long, and connections that are kept or closed."""

from tests.wire.answers.raw import End, RawAnswer, byte_by_byte, fails, keeps, malformed, one_table, stands

_OK = b"HTTP/1.1 200 OK\r\n"
_EMPTY = _OK + b"Content-Length: 0\r\n\r\n"
_HELLO = _OK + b"Content-Length: 5\r\n\r\nhello"
_CHUNKS = _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

# No status has been sent until its line is whole.
_NO_STATUS_YET = {
    "before the first byte": b"",
    "after a byte": b"H",
    "in the version": b"HTTP/1",
    "after the version": b"HTTP/1.1",
    "before the status": b"HTTP/1.1 ",
    "in the status": b"HTTP/1.1 20",
    "after the status": b"HTTP/1.1 200",
    "in the reason": b"HTTP/1.1 200 O",
    "after the reason": b"HTTP/1.1 200 OK",
    "in the line end after the reason": b"HTTP/1.1 200 OK\r",
    "in a line that is no status line": b"It works",
}

# No status line begins like this.
_NO_STATUS_EVER = {
    "after a space": b" ",
    "after a CR": b"\r",
    "in a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
}

# Once the status line is whole, the status stands.
_WITHIN_THE_HEAD = {
    "after the status line": (200, _OK),
    "after a status line without a reason": (204, b"HTTP/1.1 204\r\n"),
    "after a status line with a bare LF": (200, b"HTTP/1.1 200 OK\n"),
    "after the status line of 410": (410, b"HTTP/1.1 410 Gone\r\n"),
    "after the status line of 503": (503, b"HTTP/1.1 503 Busy\r\n"),
    "after a status line in HTTP/1.0": (200, b"HTTP/1.0 200 OK\r\n"),
    "in a header's name": (200, _OK + b"Conte"),
    "after a header's name": (200, _OK + b"Content-Length"),
    "after a header's colon": (200, _OK + b"Content-Length:"),
    "in a header's value": (200, _OK + b"Content-Length: 1"),
    "in the line end of a header": (200, _OK + b"Content-Length: 10\r"),
    "after a header": (200, _OK + b"Content-Length: 10\r\n"),
    "after a broken header": (200, _OK + b"broken\r\n"),
    "in a folded header": (200, _OK + b"X-Note: one\r\n tw"),
    "in the blank line": (200, _OK + b"Content-Length: 10\r\n\r"),
    "after 30 KiB of head": (200, _OK + b"X-Many: 1\r\n" * 2800),
}

_AFTER_THE_HEAD = {
    "before the body": (200, _OK + b"Content-Length: 10\r\n\r\n"),
    "in the body": (200, _OK + b"Content-Length: 10\r\n\r\nhello"),
    "in the body of 410": (410, b"HTTP/1.1 410 Gone\r\nContent-Length: 10\r\n\r\ngone"),
    "before the last byte of the body": (500, b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\noops"),
    "after 30 KiB of the body": (200, _OK + b"Content-Length: 65536\r\n\r\n" + b"x" * 30 * 1024),
    "after the whole answer": (200, _HELLO),
    "after the last chunk": (200, _CHUNKS),
    "after 204": (204, b"HTTP/1.1 204 No Content\r\n\r\n"),
}

EARLY_ENDS = one_table(
    {
        f"closed {place}": fails(said, outcome="connection_closed", end=End.CLOSE)
        for place, said in _NO_STATUS_YET.items()
    },
    {
        f"reset {place}": fails(said, outcome="connection_reset", end=End.RESET)
        for place, said in _NO_STATUS_YET.items()
    },
    {
        f"{how} {place}": fails(said, outcome="answer_malformed", end=end)
        for how, end in (("closed", End.CLOSE), ("reset", End.RESET))
        for place, said in _NO_STATUS_EVER.items()
    },
    {
        f"{how} {place}": stands(said, status=status, end=end)
        for how, end in (("closed", End.CLOSE), ("reset", End.RESET))
        for place, (status, said) in (
            {f"within the head, {where}": said for where, said in _WITHIN_THE_HEAD.items()} | _AFTER_THE_HEAD
        ).items()
    },
    {
        "half-closed before the first byte": fails(b"", outcome="connection_closed", end=End.HALF_CLOSE),
        "half-closed in the status line": fails(
            b"HTTP/1.1 2", outcome="connection_closed", end=End.HALF_CLOSE
        ),
        "half-closed within the head, after the status line": stands(_OK, end=End.HALF_CLOSE),
        "half-closed after the whole answer": stands(_HELLO, end=End.HALF_CLOSE),
    },
)

LATE: dict[str, RawAnswer] = {
    "no answer": fails(b"", outcome="timeout"),
    "half a status line": fails(b"HTTP/1.1 20", outcome="timeout"),
    "a status line, and the head never ends": fails(b"HTTP/1.1 200 OK\r\n", outcome="timeout"),
    "a broken header, and the head never ends": fails(_OK + b"broken\r\n", outcome="timeout"),
    "a line that is no status line, and nothing more": malformed(b"It works!\n"),
    "status 099, and nothing more": malformed(b"HTTP/1.1 099 Almost\r\n"),
    "another version, and nothing more": malformed(b"HTTP/2 200\r\n"),
}

_CONNECTION_HEADERS = {
    "close": (False, b"Connection: close\r\n"),
    "close in mixed case": (False, b"Connection: Close\r\n"),
    "close in a header in upper case": (False, b"CONNECTION:CLOSE\r\n"),
    "keep-alive and close": (False, b"Connection: keep-alive, close\r\n"),
    "close and keep-alive": (False, b"Connection: close, keep-alive\r\n"),
    "close in a second header": (False, b"Connection: keep-alive\r\nConnection: close\r\n"),
    "close between empty elements": (False, b"Connection: , close ,\r\n"),
    "close in a folded line": (False, b"Connection: keep-alive,\r\n close\r\n"),
    "keep-alive": (True, b"Connection: keep-alive\r\n"),
    "keep-alive with a timeout": (True, b"Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n"),
    "nothing": (True, b"Connection:\r\n"),
    "a word that only begins with close": (True, b"Connection: closed\r\n"),
    "another protocol": (True, b"Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"),
    "close for proxies only": (True, b"Proxy-Connection: close\r\n"),
    "close in another header": (True, b"X-Connection: close\r\n"),
}

_SURPLUS = {
    "a line end": b"\r\n",
    "a LF": b"\n",
    "a byte": b"x",
    "a NUL": b"\0",
    "a whole answer": _EMPTY,
    "a whole answer of 500": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "half an answer": b"HTTP/1.1 50",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
    "408, as servers send before they close": (
        b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    ),
    "a TLS alert": b"\x15\x03\x01\x00\x02\x01\x00",
    "100 KiB": b"x" * 100 * 1024,
}

_OTHER_ENDS = {
    "a length": _HELLO,
    "chunks": _CHUNKS,
    "204": b"HTTP/1.1 204\r\n\r\n",
    "410": b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone",
}

KEPT_AND_CLOSED = one_table(
    {
        f"Connection says {what}": (keeps if is_kept else stands)(
            _OK + headers + b"Content-Length: 5\r\n\r\nhello"
        )
        for what, (is_kept, headers) in _CONNECTION_HEADERS.items()
    },
    {
        "Connection says close after chunks": stands(
            _OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ),
        "Connection says close after 204": stands(
            b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", status=204
        ),
        "Connection says close in a trailer": keeps(
            _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nConnection: close\r\n\r\n"
        ),
        "Connection says keep-alive, and is closed": stands(
            _OK + b"Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", end=End.CLOSE
        ),
    },
    {f"surplus: {what}": stands(_EMPTY + surplus) for what, surplus in _SURPLUS.items()},
    {
        f"surplus after {what}": stands(said + _EMPTY, status=int(said[9:12]))
        for what, said in _OTHER_ENDS.items()
    },
    {
        "surplus in a segment of its own": stands(_HELLO, b"surplus"),
        "an answer in a segment for every byte": keeps(*byte_by_byte(_HELLO)),
        "chunks in a segment for every byte": keeps(*byte_by_byte(_CHUNKS)),
    },
)
