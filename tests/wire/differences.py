"""Where another client tells something else than is right here, and why that is so.

Names are those of `ANSWERS`; a star stands for anything. A difference that is gone must be struck from here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import filter as matching

from tests.wire.answers import ANSWERS

_BROKEN_HEADS = (
    "head: broken: *",
    "framing: bad length: *",
    "framing: chunks and a length that is none",
    "framing: 204 with a length that is none",
    "interim: 100, then 500 with a broken header",
)
_CUT_OFF_HEADS = (
    "early end: * within the head, *",
    "interim: 100, then a status line and *",
    "head: a head that ends with two bare CRs, then the end",
    "head: a head that ends with LF CR, then the end",
)
_LARGE_BUT_WHOLE = (
    "interim: 103 and 200 of 64 KiB and a byte",
    "interim: 103 of 40 KiB and 200 of 40 KiB",
    "interim: 100 more often than fits 64 KiB",
    "head: a head of 64 KiB and a byte",
    "head: a head of 64 KiB and a byte in headers of one",
)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What another client tells of some answers.

    Attributes:
        tells: its verdict; several where its versions differ, as the reason says.
        because: why ours is another one.
        of: names of answers.
    """

    oracle: str
    tells: frozenset[int | None]
    because: str
    of: tuple[str, ...]

    def names(self) -> list[str]:
        return [name for pattern in self.of for name in matching(ANSWERS, pattern)]


def _told_by(oracle: str, *rows: tuple[Iterable[int | None], str, tuple[str, ...]]) -> list[Difference]:
    return [
        Difference(oracle=oracle, tells=frozenset(tells), because=because, of=of)
        for tells, because, of in rows
    ]


_H11 = _told_by(
    "h11",
    (
        {None},
        "It refuses a head for one header that is broken; the status was said before it, so it stands.",
        (*_BROKEN_HEADS, "framing: bad coding: *"),
    ),
    (
        {None},
        "It refuses a reason with such a character; nobody is to read the reason, so the status stands.",
        ("status line: a NUL in the reason", "status line: a vertical tab in the reason"),
    ),
    (
        {None},
        "It hands out a status with a whole head only; the status was said before the cut, so it stands.",
        _CUT_OFF_HEADS,
    ),
    (
        {None},
        "It refuses 101 where no other protocol was asked for; 101 is a final answer all the same.",
        ("interim: 101*", "interim: 100, then 101"),
    ),
    (
        {200},
        "It takes any version of a digit, a dot and a digit; this is not HTTP/1.x.",
        ("status line: HTTP/0.9", "status line: HTTP/2.0", "status line: HTTP/9.9"),
    ),
    ({200}, "It has no bound of its own on what is told to it at once.", _LARGE_BUT_WHOLE),
)

_LLHTTP = _told_by(
    "llhttp",
    (
        {None},
        "It stops at a header that is broken; the status was said before it, so it stands.",
        (
            *_BROKEN_HEADS,
            "framing: bad coding: a coding without a name",
            "framing: bad coding: chunks behind a vertical tab",
            "framing: bad coding: chunks with a space before the colon",
            "interim: 101 with a broken header",
        ),
    ),
    (
        {None},
        "It hands out a status with a whole head only; the status was said before the cut, so it stands.",
        (*_CUT_OFF_HEADS, "interim: 101 that is cut off"),
    ),
    (
        {None},
        "It takes no bare LF for a line end; RFC 9112, section 2.2 allows it.",
        (
            "status line: * a bare LF",
            "interim: 100 in bare LFs, then 200",
            "head: * bare LF",
            "head: * bare LFs",
            "head: a head that ends with CR LF and LF",
            "head: a head that ends with LF and CR LF",
        ),
    ),
    (
        {None},
        "It takes no folded headers; RFC 9112, section 5.2 has a client read them.",
        (
            "head: a folded header",
            "head: a folded header that looks like a length",
            "head: a header that is folded *",
            "head: a header whose value is in the next line",
            "head: a line of spaces within the head",
            "interim: 100 with a folded header, then 200",
            "framing: a length in the next line",
            "kept and closed: Connection says close in a folded line",
        ),
    ),
    (
        {None},
        "It takes no control characters in values; the status was said before them, so it stands.",
        ("head: a control character in a value", "head: a DEL in a value"),
    ),
    (
        {None},
        "It takes a length but once and not with chunks; the status was said before it, so it stands.",
        (
            "framing: a length told twice*",
            "framing: chunks after a length",
            "framing: chunks before a length",
        ),
    ),
    (
        {None},
        "It knows no minor version above 1; RFC 9110, section 2.5 has it read as HTTP/1.1.",
        ("status line: HTTP/1.2", "status line: HTTP/1.9"),
    ),
    (
        {None},
        "It takes nothing after an interim answer that ends the connection; only a final one can.",
        (
            "interim: 100 in HTTP/1.0, then 200",
            "interim: 100 that announces the end of the connection, then 200",
        ),
    ),
    (
        {200},
        "It knows these names and versions, too; they are not HTTP/1.x.",
        ("status line: HTTP/0.9", "status line: HTTP/2.0", "status line: RTSP"),
    ),
    (
        {200},
        "It skips line ends before a status line; RFC 9112, section 2.2 has servers do so, not clients.",
        (
            "status line: a blank line before the status line",
            "status line: a bare * before the status line",
            "interim: 100, then a blank line too many",
        ),
    ),
    (
        {200},
        "It does not mind a coding; RFC 9112, section 6.1 forbids one here, and what it would hide.",
        ("interim: broken: 103 with a coding, then 200",),
    ),
    ({200}, "It leaves bounds to whoever uses it.", _LARGE_BUT_WHOLE),
)

# As seen of curl 7.81, 7.88, 8.5, 8.7, 8.14, 8.17 and of what is to be 8.22.
_CURL = _told_by(
    "curl",
    (
        {None},
        "It knows no minor version above 1; RFC 9110, section 2.5 has it read as HTTP/1.1.",
        ("status line: HTTP/1.2", "status line: HTTP/1.9"),
    ),
    (
        {200},
        "It does not look at the case of a version; RFC 9112, section 2.3 does.",
        ("status line: http in lower case", "status line: Http in mixed case"),
    ),
    (
        {200},
        "It takes a tab for the space after a status; RFC 9112, section 4 has a space.",
        ("status line: a tab after the status",),
    ),
    (
        {200},
        "It takes a bare CR within a line; RFC 9112, section 2.2 calls it invalid.",
        (
            "status line: a bare CR in the reason",
            "status line: CR CR LF after the reason",
            "status line: bare CRs for line ends",
        ),
    ),
    (
        {200, None},
        "It does not mind what sticks to the three digits, but in 8.5 and 8.7; that is no status line.",
        (
            "status line: a status with a fraction",
            "status line: a reason that sticks to its status",
            "status line: a colon after the status",
        ),
    ),
    (
        {200, None},
        "From 8.14 on, it takes the first three of four digits; that is no status.",
        ("status line: a status of four digits",),
    ),
    (
        {200, None},
        "It took several spaces for one up to 7.88, and takes a tab since 8.5; that is no status line.",
        (
            "status line: two spaces before the status",
            "status line: a space within the version",
            "status line: a tab before the status",
        ),
    ),
    (
        {200, None},
        "Versions and builds differ in what they take that they did not ask for; it is not HTTP/1.x.",
        (
            "status line: HTTP/2",
            "status line: HTTP/2.0",
            "status line: HTTP/3",
            "late: another version, and nothing more",
        ),
    ),
    (
        {200},
        "It does not mind such headers; a broken interim answer may hide where it ends.",
        (
            "interim: broken: 100 with a header without a name, then 200",
            "interim: broken: 100 with a space before a colon, then 200",
            "interim: broken: 100 with a length that is no number, then 200",
            "interim: broken: 103 with a coding, then 200",
        ),
    ),
    (
        {200, None},
        "Up to 7.81 it did not mind such headers; a broken interim answer may hide where it ends.",
        (
            "interim: broken: 100 with a header without a colon, then 200",
            "interim: broken: 100 with a NUL in a header, then 200",
            "interim: broken: 100 that begins with a folded line, then 200",
        ),
    ),
    (
        {200},
        "Its bounds are above 64 KiB, and it tells the status even where it meets them.",
        (
            *_LARGE_BUT_WHOLE,
            "head: a header that does not end within 64 KiB",
            "head: headers that do not end within 64 KiB",
            "head: a folded header that does not end within 64 KiB",
            "head: a broken header in a head of 64 KiB and a byte",
        ),
    ),
    (
        {200},
        "It tells the status as soon as its line is there; here the head must end or be cut off, too.",
        ("late: *, and the head never ends",),
    ),
)

DIFFERENCES = [*_H11, *_LLHTTP, *_CURL]

TOLD: dict[tuple[str, str], frozenset[int | None]] = {
    (row.oracle, name): row.tells for row in DIFFERENCES for name in row.names()
}
