"""Where a body ends: its length, its chunks, its status or the end of the connection says so.

None of this changes the status. The connection is kept if the end was given in one way only and was reached
(RFC 9112, section 6.3).
"""

from tests.wire.answers.raw import End, keeps, one_table, stands

_OK = b"HTTP/1.1 200 OK\r\n"
_OLD = b"HTTP/1.0 200 OK\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_HELLO_IN_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
_BODY_BYTES = 65_536


def _sized(size: int) -> bytes:
    return _OK + b"Content-Length: %d\r\n\r\n" % size + b"x" * size


def _chunked(chunks: bytes) -> bytes:
    return _OK + _CHUNKED + chunks


_LENGTHS = {
    "a length and its body": keeps(_OK + b"Content-Length: 5\r\n\r\nhello"),
    "a length with leading zeros": keeps(_OK + b"Content-Length: 0005\r\n\r\nhello"),
    "a length in lower case": keeps(_OK + b"content-length:5\r\n\r\nhello"),
    "a length in the next line": keeps(_OK + b"Content-Length:\r\n 5\r\n\r\nhello"),
    "a length given twice": keeps(_OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    "a length given twice in a list": keeps(_OK + b"Content-Length: 5, 5\r\n\r\nhello"),
    "a body that looks like an answer": keeps(
        _OK + b"Content-Length: 38\r\n\r\nHTTP/1.1 500 Oops\r\nContent-Length: 0\r\n"
    ),
    "an uncompressed body that is announced as gzip": keeps(
        _OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "a header with almost the name Transfer-Encoding": keeps(
        _OK + b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "a body of 64 KiB less a byte": keeps(_sized(_BODY_BYTES - 1)),
    "a body of 64 KiB": keeps(_sized(_BODY_BYTES)),
    "a body of 64 KiB and a byte": stands(_sized(_BODY_BYTES + 1)),
    "a body of 200 KiB": stands(_sized(200 * 1024)),
    "a length below the body's": stands(_OK + b"Content-Length: 3\r\n\r\nhello"),
    "a length of zero and a body": stands(_OK + b"Content-Length: 0\r\n\r\nhello"),
    "a length above the body's, then the end": stands(_OK + b"Content-Length: 9\r\n\r\nhello", end=End.CLOSE),
    "a length above the body's, then nothing": stands(
        b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\noops", status=500, by_deadline=True
    ),
    "a length of 10 GB, then the end": stands(
        _OK + b"Content-Length: 10000000000\r\n\r\nhello", end=End.CLOSE
    ),
    "a length of 2^63, then the end": stands(
        _OK + b"Content-Length: 9223372036854775808\r\n\r\nhello", end=End.CLOSE
    ),
}

_BAD_LENGTHS = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "two lengths in a list": b"Content-Length: 5, 6\r\n",
    "a length without a value": b"Content-Length:\r\n",
    "a length and a comma": b"Content-Length: 5,\r\n",
    "a negative length": b"Content-Length: -5\r\n",
    "a length with a plus sign": b"Content-Length: +5\r\n",
    "a length in hexadecimal": b"Content-Length: 0x5\r\n",
    "a length with a fraction": b"Content-Length: 5.0\r\n",
    "a length with an exponent": b"Content-Length: 5e0\r\n",
    "a length with an underscore": b"Content-Length: 0_5\r\n",
    "a length with a space in it": b"Content-Length: 0 5\r\n",
    "a length with a unit": b"Content-Length: 5 bytes\r\n",
    "a length in quotes": b'Content-Length: "5"\r\n',
    "a length in words": b"Content-Length: five\r\n",
    "a length in digits of another script": "Content-Length: ５\r\n".encode(),  # noqa: RUF001 - that is the point
    "a length of 30 digits": b"Content-Length: " + b"9" * 30 + b"\r\n",
    "a length of 5,000 digits": b"Content-Length: " + b"9" * 5000 + b"\r\n",
    "a length with a space before its colon": b"Content-Length : 5\r\n",
}

_BAD_CODINGS = {
    "gzip, then chunks": b"Transfer-Encoding: gzip, chunked\r\n",
    "chunks, then gzip": b"Transfer-Encoding: chunked, gzip\r\n",
    "chunks in chunks": b"Transfer-Encoding: chunked, chunked\r\n",
    "chunks given twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "gzip alone": b"Transfer-Encoding: gzip\r\n",
    "identity alone": b"Transfer-Encoding: identity\r\n",
    "identity, then chunks": b"Transfer-Encoding: identity, chunked\r\n",
    "an unknown coding": b"Transfer-Encoding: x-unheard-of\r\n",
    "a coding without a name": b"Transfer-Encoding:\r\n",
    "chunks with a parameter": b"Transfer-Encoding: chunked;q=1\r\n",
    "chunks and a comma": b"Transfer-Encoding: chunked,\r\n",
    "chunks in quotes": b'Transfer-Encoding: "chunked"\r\n',
    "chunks behind a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
    "chunks with a space before the colon": b"Transfer-Encoding : chunked\r\n",
}

_CHUNKS = {
    "a chunk": _HELLO_IN_CHUNKS,
    "three chunks": b"2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\n\r\n",
    "the last chunk alone": b"0\r\n\r\n",
    "a chunk size in upper case": b"A\r\nhelloworld\r\n0\r\n\r\n",
    "a chunk size in lower case": b"a\r\nhelloworld\r\n0\r\n\r\n",
    "a chunk size with leading zeros": b"0005\r\nhello\r\n000\r\n\r\n",
    "a chunk size with spaces after it": b"5   \r\nhello\r\n0\r\n\r\n",
    "a chunk with an extension": b"5;name=value\r\nhello\r\n0\r\n\r\n",
    "a chunk with an extension in quotes": b'5;name="a;b"\r\nhello\r\n0\r\n\r\n',
    "a chunk with an extension without a value": b"5;name\r\nhello\r\n0\r\n\r\n",
    "a chunk with an extension of 4 KiB": b"5;name=" + b"x" * 4096 + b"\r\nhello\r\n0\r\n\r\n",
    "a last chunk with an extension": b"5\r\nhello\r\n0;last\r\n\r\n",
    "a trailer": b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "three trailers": b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\nX-Sum: 3\r\n\r\n",
    "a length in a trailer": b"5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n",
    "a status line in a chunk": b"13\r\nHTTP/1.1 500 Oops\r\n\r\n0\r\n\r\n",
    "a thousand chunks": b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n",
}

# The receiver closes the connection after these, so that no test waits for the rest.
_BAD_CHUNKS = {
    "a chunk size that is no number": b"zz\r\nhello\r\n0\r\n\r\n",
    "an empty chunk size": b"\r\nhello\r\n0\r\n\r\n",
    "a negative chunk size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk size of -16^30": b"-1" + b"0" * 30 + b"\r\nhello",
    "a chunk size with a plus sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with a space before it": b" 5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with junk after it": b"5h\r\nhello\r\n0\r\n\r\n",
    "a chunk size of 2^64": b"10000000000000000\r\nhello",
    "a chunk size of 40 digits": b"f" * 40 + b"\r\nhello",
    "a chunk size that ends with a bare LF": b"5\nhello\r\n0\r\n\r\n",
    "chunks with bare LFs": b"5\nhello\n0\n\n",
    "a chunk without the line end after it": b"5\r\nhello0\r\n\r\n",
    "a chunk with a bare LF after it": b"5\r\nhello\n0\r\n\r\n",
    "a chunk with a bare CR after it": b"5\r\nhello\r0\r\n\r\n",
    "a chunk longer than its size": b"5\r\nhello, world\r\n0\r\n\r\n",
    "a chunk shorter than its size": b"5\r\nhi\r\n0\r\n\r\n",
    "a body without chunks": b"hello",
    "an extension with a bare LF in it": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "an extension of 70 KiB": b"5;name=" + b"x" * 70 * 1024 + b"\r\nhello\r\n0\r\n\r\n",
    "a trailer without a colon": b"5\r\nhello\r\n0\r\nbroken\r\n\r\n",
    "a trailer with a space before its colon": b"5\r\nhello\r\n0\r\nX-Sum : 1\r\n\r\n",
    "trailers of 70 KiB": b"0\r\n" + b"X-Sum: 1\r\n" * 7168 + b"\r\n",
    "chunks cut off before the first": b"",
    "chunks cut off in a size": b"1",
    "chunks cut off after a size": b"5",
    "chunks cut off in the line end of a size": b"5\r",
    "chunks cut off in an extension": b"5;name=val",
    "chunks cut off before the data": b"5\r\n",
    "chunks cut off in the data": b"5\r\nhel",
    "chunks cut off after the data": b"5\r\nhello",
    "chunks cut off in the line end after the data": b"5\r\nhello\r",
    "chunks cut off before the last": b"5\r\nhello\r\n",
    "chunks cut off in the last": b"5\r\nhello\r\n0",
    "chunks cut off in the line end of the last": b"5\r\nhello\r\n0\r",
    "chunks cut off before the blank line": b"5\r\nhello\r\n0\r\n",
    "chunks cut off in the blank line": b"5\r\nhello\r\n0\r\n\r",
    "chunks cut off in a trailer": b"5\r\nhello\r\n0\r\nX-S",
    "chunks cut off after a trailer": b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n",
}

_OTHER_CHUNKED_ANSWERS = {
    "chunks in mixed case": keeps(_OK + b"Transfer-Encoding: Chunked\r\n\r\n" + _HELLO_IN_CHUNKS),
    "chunks in a header in upper case": keeps(_OK + b"TRANSFER-ENCODING:CHUNKED\r\n\r\n" + _HELLO_IN_CHUNKS),
    "chunks after a length": stands(_OK + b"Content-Length: 5\r\n" + _CHUNKED + _HELLO_IN_CHUNKS),
    "chunks before a length": stands(
        _OK + b"Transfer-Encoding: chunked\r\nContent-Length: 15\r\n\r\n" + _HELLO_IN_CHUNKS
    ),
    "chunks and an invalid length": stands(_OK + b"Content-Length: some\r\n" + _CHUNKED + _HELLO_IN_CHUNKS),
    "chunks in HTTP/1.0": stands(_OLD + _CHUNKED + _HELLO_IN_CHUNKS),
    "chunks that are reset": stands(_chunked(b"5\r\nhel"), end=End.RESET),
    "chunks without a last one": stands(_chunked(b"5\r\nhello\r\n"), by_deadline=True),
    "chunks of 200 KiB": stands(_chunked((b"1000\r\n" + b"x" * 4096 + b"\r\n") * 50)),
}

_WITHOUT_BODY = {
    "204": keeps(b"HTTP/1.1 204 No Content\r\n\r\n", status=204),
    "204 that announces no body": keeps(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", status=204),
    "204 that announces a body and has none": stands(
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", status=204
    ),
    "204 that announces a body and has one": stands(
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", status=204
    ),
    "204 with a body": stands(b"HTTP/1.1 204 No Content\r\n\r\nhello", status=204),
    "204 that announces chunks and has none": stands(b"HTTP/1.1 204 No Content\r\n" + _CHUNKED, status=204),
    "204 with chunks": stands(b"HTTP/1.1 204 No Content\r\n" + _CHUNKED + _HELLO_IN_CHUNKS, status=204),
    "204 with an invalid length": stands(
        b"HTTP/1.1 204 No Content\r\nContent-Length: -1\r\n\r\n", status=204
    ),
    "304": keeps(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n', status=304),
    "304 that announces a body and has none": stands(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", status=304
    ),
    "304 with a body": stands(b"HTTP/1.1 304 Not Modified\r\n\r\nhello", status=304),
    "304 that announces chunks and has none": stands(b"HTTP/1.1 304 Not Modified\r\n" + _CHUNKED, status=304),
    "205": keeps(b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", status=205),
    "205 with a body": keeps(b"HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello", status=205),
}

_UNTIL_THE_END = {
    "a body until the end": stands(_OK + b"\r\nhello", end=End.CLOSE),
    "a body until the end of what is sent": stands(_OK + b"Server: example\r\n\r\nhello", end=End.HALF_CLOSE),
    "a body until a reset": stands(_OK + b"Content-Type: text/plain\r\n\r\nhello", end=End.RESET),
    "a body until an end that never comes": stands(_OK + b"\r\nhello, ", by_deadline=True),
    "a body of 200 KiB until an end that never comes": stands(_OK + b"\r\n" + b"x" * 200 * 1024),
    "a body of parts that mark their own end": stands(
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b\r\n\r\n--b--\r\n",
        status=206,
        end=End.CLOSE,
    ),
    "HTTP/1.0 and a body until the end": stands(_OLD + b"\r\nhello", end=End.CLOSE),
    "HTTP/1.0 and a length, then the end": stands(_OLD + b"Content-Length: 5\r\n\r\nhello", end=End.CLOSE),
    "HTTP/1.0 and a length above the body's, then the end": stands(
        _OLD + b"Content-Length: 9\r\n\r\nhello", end=End.CLOSE
    ),
    "HTTP/1.0 and a length": stands(_OLD + b"Content-Length: 5\r\n\r\nhello"),
    "HTTP/1.0 with keep-alive and a length": stands(
        _OLD + b"Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"
    ),
}

FRAMINGS = one_table(
    _LENGTHS,
    {f"bad length: {name}": stands(_OK + header + b"\r\nhello") for name, header in _BAD_LENGTHS.items()},
    {
        f"bad coding: {name}": stands(_OK + header + b"\r\n" + _HELLO_IN_CHUNKS, end=End.CLOSE)
        for name, header in _BAD_CODINGS.items()
    },
    {name: keeps(_chunked(chunks)) for name, chunks in _CHUNKS.items()},
    {name: stands(_chunked(chunks), end=End.CLOSE) for name, chunks in _BAD_CHUNKS.items()},
    _OTHER_CHUNKED_ANSWERS,
    _WITHOUT_BODY,
    _UNTIL_THE_END,
)
