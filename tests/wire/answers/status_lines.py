"""First lines that give a status, and first lines that give none.

A status line is `HTTP/1.x NNN[ reason]` and a line end, with a status from 100 to 999 (RFC 9112, section 4).
Clients ignore the reason, so it may be anything. Only a bare CR in it makes the line invalid (section 2.2). A
minor version above 1 is read as HTTP/1.1 (RFC 9110, section 2.5).
"""

from tests.wire.answers.raw import keeps, malformed, one_table, stands

_EMPTY = b"Content-Length: 0\r\n\r\n"

_STATUSES = {
    "200 with its reason": (200, b"HTTP/1.1 200 OK\r\n"),
    "no reason, but the space before it": (200, b"HTTP/1.1 200 \r\n"),
    "no reason and no space": (200, b"HTTP/1.1 200\r\n"),
    "no reason and a bare LF": (200, b"HTTP/1.1 200\n"),
    "a status line that ends with a bare LF": (200, b"HTTP/1.1 200 OK\n"),
    "a reason of several words": (503, b"HTTP/1.1 503 Service Temporarily Unavailable\r\n"),
    "a reason of spaces": (200, b"HTTP/1.1 200      \r\n"),
    "a space after the reason": (200, b"HTTP/1.1 200 OK \r\n"),
    "a tab in the reason": (200, b"HTTP/1.1 200 All\tright\r\n"),
    "a reason in UTF-8": (404, "HTTP/1.1 404 Não encontrado\r\n".encode()),
    "a reason in ISO-8859-1": (404, "HTTP/1.1 404 Nicht verfügbar\r\n".encode("latin-1")),
    "a reason that is another status": (200, b"HTTP/1.1 200 500 Internal Server Error\r\n"),
    "a reason that is another status line": (500, b"HTTP/1.1 500 HTTP/1.1 200 OK\r\n"),
    "a reason that looks like a length": (500, b"HTTP/1.1 500 Content-Length: 7\r\n"),
    "HTML in the reason": (500, b"HTTP/1.1 500 <b>Oops</b>\r\n"),
    "a reason of 8 KiB": (500, b"HTTP/1.1 500 " + b"so " * 2730 + b"\r\n"),
    "a control character in the reason": (200, b"HTTP/1.1 200 O\x01K\r\n"),
    "an escape sequence in the reason": (200, b"HTTP/1.1 200 \x1b[31mOK\x1b[0m\r\n"),
    "HTTP/1.2": (200, b"HTTP/1.2 200 OK\r\n"),
    "HTTP/1.9": (200, b"HTTP/1.9 200 OK\r\n"),
    "an unknown 2xx status": (299, b"HTTP/1.1 299 Fine\r\n"),
    "multiple choices": (300, b"HTTP/1.1 300 Multiple Choices\r\n"),
    "an unknown 3xx status": (399, b"HTTP/1.1 399 Elsewhere\r\n"),
    "gone": (410, b"HTTP/1.1 410 Gone\r\n"),
    "a teapot": (418, b"HTTP/1.1 418 I'm a teapot\r\n"),
    "nginx's status for a client that left": (499, b"HTTP/1.1 499 Client Closed Request\r\n"),
    "an unknown 5xx status": (599, b"HTTP/1.1 599 Odd\r\n"),
    "a status of no known class": (600, b"HTTP/1.1 600 Unheard Of\r\n"),
    "the highest status": (999, b"HTTP/1.1 999 Request Denied\r\n"),
}

# The status stands, but nothing after such a line is read.
_STATUSES_BEFORE_BROKEN_REASONS = {
    "a NUL in the reason": b"HTTP/1.1 200 O\0K\r\n",
    "a vertical tab in the reason": b"HTTP/1.1 200 O\x0bK\r\n",
}

_BAD_STATUSES = {
    "status 000": b"HTTP/1.1 000 Nothing\r\n",
    "status 020": b"HTTP/1.1 020 Octal\r\n",
    "status 099": b"HTTP/1.1 099 Almost\r\n",
    "a status of one digit": b"HTTP/1.1 2 OK\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n",
    "a status of four digits that begins with zero": b"HTTP/1.1 0200 OK\r\n",
    "a status of two digits and no reason": b"HTTP/1.1 20\r\n",
    "a status with a letter in it": b"HTTP/1.1 2O0 OK\r\n",
    "a status in words": b"HTTP/1.1 OK\r\n",
    "a class instead of a status": b"HTTP/1.1 2xx OK\r\n",
    "a negative status": b"HTTP/1.1 -200 OK\r\n",
    "a status with a plus sign": b"HTTP/1.1 +200 OK\r\n",
    "a status in hexadecimal": b"HTTP/1.1 0xC8 OK\r\n",
    "a status with a fraction": b"HTTP/1.1 200.1 OK\r\n",
    "a status in digits of another script": "HTTP/1.1 ２００ OK\r\n".encode(),  # noqa: RUF001 - that is the point
    "a status in quotes": b'HTTP/1.1 "200" OK\r\n',
    "no status": b"HTTP/1.1\r\n",
    "no status, but the space before it": b"HTTP/1.1 \r\n",
    "a reason with no space before it": b"HTTP/1.1 200OK\r\n",
    "a colon after the status": b"HTTP/1.1 200: OK\r\n",
    "a tab after the status": b"HTTP/1.1 200\tOK\r\n",
    "two spaces before the status": b"HTTP/1.1  200 OK\r\n",
    "a tab before the status": b"HTTP/1.1\t200 OK\r\n",
    "nothing between version and status": b"HTTP/1.1200 OK\r\n",
}

_BAD_VERSIONS = {
    "http in lower case": b"http/1.1 200 OK\r\n",
    "Http in mixed case": b"Http/1.1 200 OK\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n",
    "HTTP/1 without a minor version": b"HTTP/1 200 OK\r\n",
    "HTTP/1. without a minor version": b"HTTP/1. 200 OK\r\n",
    "HTTP/1.10": b"HTTP/1.10 200 OK\r\n",
    "HTTP/1.1.1": b"HTTP/1.1.1 200 OK\r\n",
    "HTTP/01.1": b"HTTP/01.1 200 OK\r\n",
    "HTTP/11": b"HTTP/11 200 OK\r\n",
    "HTTP/1,1": b"HTTP/1,1 200 OK\r\n",
    "HTTP/1.x": b"HTTP/1.x 200 OK\r\n",
    "HTTP/2": b"HTTP/2 200\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n",
    "HTTP/3": b"HTTP/3 200\r\n",
    "HTTP/9.9": b"HTTP/9.9 200 OK\r\n",
    "HTTP without a version": b"HTTP 200 OK\r\n",
    "a space within the version": b"HTTP/ 1.1 200 OK\r\n",
    "a backslash in the version": b"HTTP\\1.1 200 OK\r\n",
    "HTTPS/1.1": b"HTTPS/1.1 200 OK\r\n",
    "a letter before HTTP": b"XHTTP/1.1 200 OK\r\n",
    "ICY": b"ICY 200 OK\r\n",
    "RTSP": b"RTSP/1.0 200 OK\r\n",
    "SIP": b"SIP/2.0 200 OK\r\n",
    "CGI's status header": b"Status: 200 OK\r\n",
    "no version": b"200 OK\r\n",
}

_BAD_BEGINNINGS = {
    "a blank line before the status line": b"\r\nHTTP/1.1 200 OK\r\n",
    "a bare LF before the status line": b"\nHTTP/1.1 200 OK\r\n",
    "a bare CR before the status line": b"\rHTTP/1.1 200 OK\r\n",
    "a space before the status line": b" HTTP/1.1 200 OK\r\n",
    "a tab before the status line": b"\tHTTP/1.1 200 OK\r\n",
    "a NUL before the status line": b"\0HTTP/1.1 200 OK\r\n",
    "a byte order mark before the status line": b"\xef\xbb\xbfHTTP/1.1 200 OK\r\n",
    "a warning before the status line": b"Warning: unused variable\r\nHTTP/1.1 200 OK\r\n",
    "a proxy's header before the status line": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 80\r\nHTTP/1.1 200 OK\r\n",
    "a header and no status line": b"Server: example\r\n",
    "a bare CR in the reason": b"HTTP/1.1 200 O\rK\r\n",
    "CR CR LF after the reason": b"HTTP/1.1 200 OK\r\r\n",
    "the request sent back": b"POST /hooks HTTP/1.1\r\nHost: receiver.example\r\n",
    "a chunk without a head": b"5\r\nhello\r\n",
}

_OTHER_PROTOCOLS = {
    "bare CRs for line ends": b"HTTP/1.1 200 OK\rContent-Length: 0\r\r\n",
    "an SSH banner": b"SSH-2.0-OpenSSH_9.9\r\n",
    "an SMTP greeting": b"220 mail.example ESMTP\r\n",
    "an IMAP greeting": b"* OK IMAP4rev1 ready\r\n",
    "a POP3 greeting": b"+OK ready\r\n",
    "an error of Redis": b"-ERR unknown command 'POST'\r\n",
    "a greeting of MySQL": b"J\0\0\0\n8.0.36\0\x0b\0\0\0",
    "a TLS alert that ends like a line": b"\x15\x03\x01\x00\x02\x02\n",
    "HTTP/2 SETTINGS and GOAWAY": bytes.fromhex(
        "000006040000000000 000300000064 00000a0700000000000000000000000000"
    )
    + b"\r\n",
    "HTML without a status line": b"<!DOCTYPE html>\n<title>It works!</title>\n",
    "JSON without a status line": b'{\n  "received": true\n}\n',
    "a line of spaces only": b"    \r\n",
    "a blank line only": b"\r\n",
}

STATUS_LINES = one_table(
    {name: keeps(line + _EMPTY, status=status) for name, (status, line) in _STATUSES.items()},
    {name: stands(line + _EMPTY) for name, line in _STATUSES_BEFORE_BROKEN_REASONS.items()},
    {
        name: malformed(line + _EMPTY)
        for name, line in (_BAD_STATUSES | _BAD_VERSIONS | _BAD_BEGINNINGS).items()
    },
    # Another protocol never ends a head, and no attempt waits for that.
    {name: malformed(line) for name, line in _OTHER_PROTOCOLS.items()},
    {
        "HTTP/1.0": stands(b"HTTP/1.0 200 OK\r\n" + _EMPTY),
    },
)
