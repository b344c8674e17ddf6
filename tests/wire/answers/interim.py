"""Interim answers and what follows them. They are skipped, except 101: nothing after it is HTTP."""

from tests.wire.answers.raw import (
    MAX_HEAD_BYTES,
    End,
    byte_by_byte,
    fails,
    keeps,
    malformed,
    one_table,
    padded_head,
    stands,
    too_large,
)

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_OOPS = b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops"
_GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
_WEBSOCKET = b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

_SKIPPED = {
    "100": _CONTINUE,
    "102": _PROCESSING,
    "103 with its links": _HINTS,
    "the unknown status 199": b"HTTP/1.1 199 Wait For It\r\n\r\n",
    "100 without a reason": b"HTTP/1.1 100\r\n\r\n",
    "100 in bare LFs": b"HTTP/1.1 100 Continue\n\n",
    "100 in HTTP/1.0": b"HTTP/1.0 100 Continue\r\n\r\n",
    "100 with headers": b"HTTP/1.1 100 Continue\r\nServer: example\r\nX-Note: wait\r\n\r\n",
    "100 with a folded header": b"HTTP/1.1 100 Continue\r\nX-Note: one\r\n two\r\n\r\n",
    "100 that announces no body": b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
    "100 that announces a body and has none": b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
    "103 that announces chunks and has none": (
        b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n"
    ),
    "100 that announces the end of the connection": b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n",
    "100 that offers another protocol": (
        b"HTTP/1.1 100 Continue\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    ),
    "100 twice": _CONTINUE * 2,
    "100, 102, 103 and 102": _CONTINUE + _PROCESSING + _HINTS + _PROCESSING,
    "102 a thousand times": _PROCESSING * 1000,
    "103 with 200 links": b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </style.css>\r\n" * 200 + b"\r\n",
    "103 of 60 KiB": padded_head(b"HTTP/1.1 103 Early Hints\r\n", 60 * 1024),
}

_FOLLOWED = {
    "100, then 500": keeps(_CONTINUE + _OOPS, status=500),
    "100, then 410": keeps(_CONTINUE + _GONE, status=410),
    "100, then 200 in HTTP/1.0": stands(_CONTINUE + b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "100, then 204 without a length": keeps(_CONTINUE + b"HTTP/1.1 204 No Content\r\n\r\n", status=204),
    "102, then chunks": keeps(
        _PROCESSING + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    "100, then 200 and another 100": stands(_CONTINUE + _OK + _CONTINUE),
    "100, then the end": fails(_CONTINUE, outcome="connection_closed", end=End.CLOSE),
    "103 with half its head, then the end": fails(
        b"HTTP/1.1 103 Early Hints\r\nLink: </sty", outcome="connection_closed", end=End.CLOSE
    ),
    "102, then a reset": fails(_PROCESSING, outcome="connection_reset", end=End.RESET),
    "100, then nothing": fails(_CONTINUE, outcome="timeout"),
    "100, then half a status line and the end": fails(
        _CONTINUE + b"HTTP/1.1 20", outcome="connection_closed", end=End.CLOSE
    ),
    "100, then half a status line and a reset": fails(
        _CONTINUE + b"HTTP/1.1 200 O", outcome="connection_reset", end=End.RESET
    ),
    "100, then a status line and the end": stands(
        _CONTINUE + b"HTTP/1.1 410 Gone\r\n", status=410, end=End.CLOSE
    ),
    "100, then a status line and a reset": stands(_CONTINUE + b"HTTP/1.1 200 OK\r\n", end=End.RESET),
    "100, then 500 with a broken header": stands(
        _CONTINUE + b"HTTP/1.1 500 Oops\r\nbroken\r\n\r\n", status=500
    ),
    "100, then a head that is no answer": malformed(_CONTINUE + b"Server: example\r\n\r\n"),
    "100, then a line that is no status line": malformed(_CONTINUE + b"SSH-2.0-OpenSSH_9.9\r\n"),
    "100, then a blank line too many": malformed(_CONTINUE + b"\r\n" + _OK),
    "100, then status 099": malformed(_CONTINUE + b"HTTP/1.1 099 Almost\r\n\r\n"),
    "100 with a body": malformed(b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello" + _OK),
    "103 with a chunk": malformed(
        b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _OK
    ),
}

_BROKEN = {
    "100 with a header without a colon": b"HTTP/1.1 100 Continue\r\nbroken\r\n\r\n",
    "100 with a header without a name": b"HTTP/1.1 100 Continue\r\n: nameless\r\n\r\n",
    "100 with a space before a colon": b"HTTP/1.1 100 Continue\r\nServer : example\r\n\r\n",
    "100 with a NUL in a header": b"HTTP/1.1 100 Continue\r\nServer: ex\0ample\r\n\r\n",
    "100 that begins with a folded line": b"HTTP/1.1 100 Continue\r\n folded\r\n\r\n",
    "100 with a length that is no number": b"HTTP/1.1 100 Continue\r\nContent-Length: some\r\n\r\n",
    "103 with a coding": b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
}

_WITHIN_64_KIB = padded_head(b"HTTP/1.1 103 Early Hints\r\n", MAX_HEAD_BYTES - len(_OK))
_INTERIM_SIZES = {
    "103 and 200 of 64 KiB": keeps(_WITHIN_64_KIB + _OK),
    "103 and 200 of 64 KiB and a byte": too_large(
        padded_head(b"HTTP/1.1 103 Early Hints\r\n", MAX_HEAD_BYTES + 1 - len(_OK)) + _OK
    ),
    "103 of 40 KiB and 200 of 40 KiB": too_large(
        padded_head(b"HTTP/1.1 103 Early Hints\r\n", 40 * 1024)
        + padded_head(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", 40 * 1024)
    ),
    "100 repeated beyond 64 KiB": too_large(_CONTINUE * 2700 + _OK),
    "103 that does not end within 64 KiB": too_large(
        b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </style.css>\r\n" * 3500
    ),
}

_SWITCHED = {
    "101 to WebSocket": stands(_SWITCHING + _WEBSOCKET, status=101),
    "101 to WebSocket with a frame": stands(_SWITCHING + _WEBSOCKET + b"\x81\x05hello", status=101),
    "101 to HTTP/2": stands(_SWITCHING + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", status=101),
    "101 without Upgrade": stands(_SWITCHING + b"\r\n", status=101),
    "101 without a reason": stands(b"HTTP/1.1 101\r\n\r\n", status=101),
    "101 in HTTP/1.0": stands(b"HTTP/1.0 101 Switching Protocols\r\n" + _WEBSOCKET, status=101),
    "101 with a length": stands(_SWITCHING + b"Content-Length: 0\r\n\r\n", status=101),
    "101, then 200": stands(_SWITCHING + _WEBSOCKET + _OK, status=101),
    "101 without Upgrade, then 200": stands(_SWITCHING + b"\r\n" + _OK, status=101),
    "100, then 101": stands(_CONTINUE + _SWITCHING + _WEBSOCKET, status=101),
    "101 with a broken header": stands(_SWITCHING + b"broken\r\n\r\n", status=101),
    "101 that is cut off": stands(_SWITCHING + b"Upgrade: webs", status=101, end=End.CLOSE),
    "101, then the end": stands(_SWITCHING + _WEBSOCKET, status=101, end=End.CLOSE),
}

INTERIM = one_table(
    {f"{name}, then 200": keeps(interim + _OK) for name, interim in _SKIPPED.items()},
    _FOLLOWED,
    {f"broken: {name}, then 200": malformed(interim + _OK) for name, interim in _BROKEN.items()},
    _INTERIM_SIZES,
    _SWITCHED,
    {"100 and 200 in a segment for every byte": keeps(*byte_by_byte(_CONTINUE + _OK))},
)
