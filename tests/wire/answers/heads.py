"""Heads: any number of headers within 64 KiB; no header takes back the status that was sent before it.

Nothing after a broken header is trusted, and the connection is not kept.
"""

from tests.wire.answers.raw import (
    MAX_HEAD_BYTES,
    End,
    keeps,
    one_table,
    padded_head,
    stands,
    too_large,
)

_OK = b"HTTP/1.1 200 OK\r\n"
_EMPTY = b"Content-Length: 0\r\n\r\n"
_SOUND = _OK + b"Content-Length: 0\r\n"

_SOUND_HEADERS = {
    "a header in lower case": b"server: example\r\n",
    "a header in upper case": b"SERVER: EXAMPLE\r\n",
    "a header without a value": b"X-Empty:\r\n",
    "a header with a value of spaces": b"X-Empty:    \r\n",
    "a header without a space after its colon": b"Server:example\r\n",
    "a header with a tab after its colon": b"Server:\texample\r\n",
    "a header with spaces after its value": b"Server: example   \r\n",
    "a header with colons in its value": b"X-Time: 12:00:00\r\n",
    "a header with quotes in its value": b'X-Quoted: "one, \\"two\\""\r\n',
    "a header whose value is a status line": b"X-Status: HTTP/1.1 500 Oops\r\n",
    "a header name with every allowed character": b"!#$%&'*+-.^_`|~09aZ: 1\r\n",
    "a header name of 4 KiB": b"X" * 4096 + b": 1\r\n",
    "a value in UTF-8": "X-Name: Zoë ✓\r\n".encode(),
    "a value in ISO-8859-1": "X-Name: Zoë\r\n".encode("latin-1"),
    "a value that is not text": b"X-Bytes: \x80\xfe\xff\r\n",
    "a control character in a value": b"Set-Cookie: a=\x01\r\n",
    "a DEL in a value": b"X-Del: a\x7fb\r\n",
    "the same header twice": b"X-Twice: 1\r\nX-Twice: 2\r\n",
    "two cookies": b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n",
    "a header that ends with a bare LF": b"Server: example\n",
    "a folded header": b"X-Note: one\r\n two\r\n",
    "a header that is folded with a tab": b"X-Note: one\r\n\ttwo\r\n",
    "a header that is folded twice": b"X-Note: one\r\n  two\r\n  three\r\n",
    "a folded header that looks like a length": b"X-Note: one\r\n Content-Length: 7\r\n",
    "a header whose value is in the next line": b"X-Note:\r\n one\r\n",
    "a line of spaces within the head": b"X-Note: one\r\n   \r\n",
    "100 headers": b"X-Many: 1\r\n" * 100,
    "101 headers": b"X-Many: 1\r\n" * 101,
    "300 cookies": b"".join(b"Set-Cookie: c%d=1\r\n" % number for number in range(300)),
    "5,000 headers": b"a: 1\r\n" * 5000,
    "10,000 headers of two characters": b"a:\r\n" * 10_000,
    "a header of 60 KiB": b"X-Large: " + b"x" * 60 * 1024 + b"\r\n",
    "a header name of 60 KiB": b"X" * 60 * 1024 + b": 1\r\n",
    "a redirection": b"Location: http://127.0.0.1:1/elsewhere\r\n",
    "a challenge": b'WWW-Authenticate: Basic realm="hooks"\r\n',
    "an offer of another protocol": b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    "a refresh": b"Refresh: 0; url=http://127.0.0.1:1/\r\n",
    "an alternative service": b'Alt-Svc: h3=":1"\r\n',
    "an expectation": b"Expect: 100-continue\r\n",
}

_BROKEN_HEADERS = {
    "a header without a colon": b"broken\r\n",
    "a header that is another status line": b"HTTP/1.1 500 Oops\r\n",
    "a header without a name": b": nameless\r\n",
    "a line with only a colon": b":\r\n",
    "a space before a colon": b"Server : example\r\n",
    "a tab before a colon": b"Server\t: example\r\n",
    "a space within a name": b"Ser ver: example\r\n",
    "a name in parentheses": b"(Server): example\r\n",
    "a name with a slash": b"X/Y: 1\r\n",
    "a name in UTF-8": "X-Größe: 1\r\n".encode(),
    "a NUL in a name": b"Ser\0ver: example\r\n",
    "a NUL in a value": b"Server: ex\0ample\r\n",
    "a control character in a name": b"Ser\x01ver: example\r\n",
    "a bare CR in a name": b"Ser\rver: example\r\n",
    "a bare CR in a value": b"Server: ex\rample\r\n",
    "CR CR LF after a header": b"Server: example\r\r\n",
    "a vertical tab in a value": b"Server: ex\x0bample\r\n",
    "a form feed in a value": b"Server: ex\x0cample\r\n",
    "a folded line at the beginning": b" folded\r\n",
    "an empty folded line at the beginning": b" \r\n",
    "HTML instead of headers": b"<html>\r\n<p>It works!</p>\r\n",
    "a body instead of headers": b'{"received": true}\r\n',
}

_STATUSES = {
    "broken: a broken header after 410": stands(b"HTTP/1.1 410 Gone\r\nbroken\r\n" + _EMPTY, status=410),
    "broken: a broken header after 500": stands(b"HTTP/1.1 500 Oops\r\n: nameless\r\n" + _EMPTY, status=500),
    "broken: a NUL in a header after 204": stands(b"HTTP/1.1 204 No Content\r\nX: \0\r\n\r\n", status=204),
    "301 with a location": keeps(
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: /elsewhere\r\n" + _EMPTY, status=301
    ),
    "307 with an invalid location": keeps(
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://[::1\r\n" + _EMPTY, status=307
    ),
    "401 with a challenge": keeps(
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\n" + _EMPTY, status=401
    ),
    "407 with a challenge": keeps(
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n" + _EMPTY, status=407
    ),
    "417 without an expectation": keeps(b"HTTP/1.1 417 Expectation Failed\r\n" + _EMPTY, status=417),
    "426 with another protocol": keeps(
        b"HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: TLS/1.3\r\n" + _EMPTY, status=426
    ),
    "429 with Retry-After": keeps(
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 90\r\n" + _EMPTY, status=429
    ),
}

_ENDS_OF_HEADS = {
    "a head in bare LFs": keeps(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    "a head that ends with CR LF and LF": keeps(_SOUND + b"\n"),
    "a head that ends with LF and CR LF": keeps(b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n"),
    "a head without headers, then the end": stands(_OK + b"\r\n", end=End.CLOSE),
    "a head that ends with two bare CRs, then the end": stands(_OK + b"Content-Length: 0\r\r", end=End.CLOSE),
    "a head that ends with LF CR, then the end": stands(_OK + b"Content-Length: 0\n\r", end=End.CLOSE),
}

_SIZES = {
    "a head of 64 KiB less a byte": keeps(padded_head(_SOUND, MAX_HEAD_BYTES - 1)),
    "a head of 64 KiB": keeps(padded_head(_SOUND, MAX_HEAD_BYTES)),
    "a head of 64 KiB and a byte": too_large(padded_head(_SOUND, MAX_HEAD_BYTES + 1)),
    "a head of 64 KiB and its body": keeps(
        padded_head(_OK + b"Content-Length: 5\r\n", MAX_HEAD_BYTES) + b"hello"
    ),
    "a head of 64 KiB in bare LFs": keeps(
        padded_head(b"HTTP/1.1 200 OK\nContent-Length: 0\n", MAX_HEAD_BYTES, b"\n\n")
    ),
    "a head of 64 KiB and a byte with 10,000 headers": too_large(
        padded_head(_SOUND + b"a: 1\r\n" * 10_000, MAX_HEAD_BYTES + 1)
    ),
    "a header that does not end within 64 KiB": too_large(_OK + b"X-Large: " + b"x" * MAX_HEAD_BYTES),
    "headers that do not end within 64 KiB": too_large(_OK + b"X-Many: 1\r\n" * 7000),
    "a folded header that does not end within 64 KiB": too_large(_OK + b"X-Note: 1\r\n" + b" 1\r\n" * 20_000),
    "a reason that does not end within 64 KiB": too_large(b"HTTP/1.1 200 " + b"x" * MAX_HEAD_BYTES),
    "no line end within 64 KiB": too_large(b"x" * (MAX_HEAD_BYTES + 1)),
    "a broken header in a head of 64 KiB and a byte": too_large(
        padded_head(_OK + b"broken\r\n", MAX_HEAD_BYTES + 1)
    ),
    "broken: a broken header in a head of 64 KiB": stands(padded_head(_OK + b"broken\r\n", MAX_HEAD_BYTES)),
    "broken: a broken header in a head of almost 64 KiB with a body": stands(
        padded_head(_OK + b"broken\r\nContent-Length: 20000\r\n", MAX_HEAD_BYTES - 1000), b"x" * 20_000
    ),
}

HEADS = one_table(
    {name: keeps(_OK + header + _EMPTY) for name, header in _SOUND_HEADERS.items()},
    {f"broken: {name}": stands(_OK + header + _EMPTY) for name, header in _BROKEN_HEADERS.items()},
    _STATUSES,
    _ENDS_OF_HEADS,
    _SIZES,
)
