"""Where another client reports another status than is right here, and why.

Names are those in `ANSWERS`; a star matches anything. A difference that has gone must be removed from here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import filter as matching

from tests.wire.answers import ANSWERS

_BROKEN_HEADS = (
    "head: broken: *",
    "framing: bad length: *",
    "framing: chunks and an invalid length",
    "framing: 204 with an invalid length",
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
    "interim: 100 repeated beyond 64 KiB",
    "head: a head of 64 KiB and a byte",
    "head: a head of 64 KiB and a byte with 10,000 headers",
)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What another client reports for some answers.

    Attributes:
        reports: its status; several if its versions differ, as the reason says.
        reason: why ours is another one.
        answers: patterns for names of answers.
    """

    oracle: str
    reports: frozenset[int | None]
    reason: str
    answers: tuple[str, ...]

    def names(self) -> list[str]:
        return [name for pattern in self.answers for name in matching(ANSWERS, pattern)]


def _reported_by(oracle: str, *rows: tuple[Iterable[int | None], str, tuple[str, ...]]) -> list[Difference]:
    return [
        Difference(oracle=oracle, reports=frozenset(reports), reason=reason, answers=answers)
        for reports, reason, answers in rows
    ]


_H11 = _reported_by(
    "h11",
    (
        {None},
        "It refuses a head for one broken header; the status came before it, so it stands.",
        (*_BROKEN_HEADS, "framing: bad coding: *"),
    ),
    (
        {None},
        "It refuses a reason with such a character; clients ignore the reason, so the status stands.",
        ("status line: a NUL in the reason", "status line: a vertical tab in the reason"),
    ),
    (
        {None},
        "It reports a status only with a whole head; the status came before the cut, so it stands.",
        _CUT_OFF_HEADS,
    ),
    (
        {None},
        "It refuses 101 because the request asked for no other protocol; 101 is still a final answer.",
        ("interim: 101*", "interim: 100, then 101"),
    ),
    (
        {200},
        "It accepts any version of a digit, a dot and a digit; this is not HTTP/1.x.",
        ("status line: HTTP/0.9", "status line: HTTP/2.0", "status line: HTTP/9.9"),
    ),
    ({200}, "It has no limit of its own for data that it gets at once.", _LARGE_BUT_WHOLE),
)

_LLHTTP = _reported_by(
    "llhttp",
    (
        {None},
        "It stops at a broken header; the status came before it, so it stands.",
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
        "It reports a status only with a whole head; the status came before the cut, so it stands.",
        (*_CUT_OFF_HEADS, "interim: 101 that is cut off"),
    ),
    (
        {None},
        "It does not accept a bare LF as a line end; RFC 9112, section 2.2 allows it.",
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
        "It does not accept folded headers; RFC 9112, section 5.2 has a client read them.",
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
        "It does not accept control characters in values; the status came before them, so it stands.",
        ("head: a control character in a value", "head: a DEL in a value"),
    ),
    (
        {None},
        "It accepts a length only once and not with chunks; the status came before it, so it stands.",
        (
            "framing: a length given twice*",
            "framing: chunks after a length",
            "framing: chunks before a length",
        ),
    ),
    (
        {None},
        "It knows no minor version above 1; RFC 9110, section 2.5 has a client read one as HTTP/1.1.",
        ("status line: HTTP/1.2", "status line: HTTP/1.9"),
    ),
    (
        {None},
        "It accepts nothing after an interim answer that ends the connection; only a final one can end it.",
        (
            "interim: 100 in HTTP/1.0, then 200",
            "interim: 100 that announces the end of the connection, then 200",
        ),
    ),
    (
        {200},
        "It also knows these names and versions; they are not HTTP/1.x.",
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
        "It ignores a transfer coding; RFC 9112, section 6.1 forbids one here, and it could hide an answer.",
        ("interim: broken: 103 with a coding, then 200",),
    ),
    ({200}, "It leaves limits to its users.", _LARGE_BUT_WHOLE),
)

# Seen with curl 7.81, 7.88, 8.5, 8.7, 8.14, 8.17 and the coming 8.22.
_CURL = _reported_by(
    "curl",
    (
        {None},
        "It knows no minor version above 1; RFC 9110, section 2.5 has a client read one as HTTP/1.1.",
        ("status line: HTTP/1.2", "status line: HTTP/1.9"),
    ),
    (
        {200},
        "It ignores the case of a version; RFC 9112, section 2.3 does not.",
        ("status line: http in lower case", "status line: Http in mixed case"),
    ),
    (
        {200},
        "It accepts a tab after a status; RFC 9112, section 4 has a space.",
        ("status line: a tab after the status",),
    ),
    (
        {200},
        "It accepts a bare CR within a line; RFC 9112, section 2.2 calls it invalid.",
        (
            "status line: a bare CR in the reason",
            "status line: CR CR LF after the reason",
            "status line: bare CRs for line ends",
        ),
    ),
    (
        {200, None},
        "Except for 8.5 and 8.7, it ignores characters right after the three digits; that is no status line.",
        (
            "status line: a status with a fraction",
            "status line: a reason with no space before it",
            "status line: a colon after the status",
        ),
    ),
    (
        {200, None},
        "From 8.14 on, it reads the first three of four digits; that is no status.",
        ("status line: a status of four digits",),
    ),
    (
        {200, None},
        "Up to 7.88 it accepted several spaces, since 8.5 a tab; that is no status line.",
        (
            "status line: two spaces before the status",
            "status line: a space within the version",
            "status line: a tab before the status",
        ),
    ),
    (
        {200, None},
        "Versions and builds differ in which HTTP versions they accept unasked; these are not HTTP/1.x.",
        (
            "status line: HTTP/2",
            "status line: HTTP/2.0",
            "status line: HTTP/3",
            "late: another version, and nothing more",
        ),
    ),
    (
        {200},
        "It ignores such broken headers; a broken interim answer may hide where it ends.",
        (
            "interim: broken: 100 with a header without a name, then 200",
            "interim: broken: 100 with a space before a colon, then 200",
            "interim: broken: 100 with a length that is no number, then 200",
            "interim: broken: 103 with a coding, then 200",
        ),
    ),
    (
        {200, None},
        "Up to 7.81 it ignored such broken headers; a broken interim answer may hide where it ends.",
        (
            "interim: broken: 100 with a header without a colon, then 200",
            "interim: broken: 100 with a NUL in a header, then 200",
            "interim: broken: 100 that begins with a folded line, then 200",
        ),
    ),
    (
        {200},
        "Its limits are above 64 KiB, and it reports the status even when it reaches them.",
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
        "It reports the status as soon as its line is there; here the head must also end or be cut off.",
        ("late: *, and the head never ends",),
    ),
)

DIFFERENCES = [*_H11, *_LLHTTP, *_CURL]

REPORTED: dict[tuple[str, str], frozenset[int | None]] = {
    (row.oracle, name): row.reports for row in DIFFERENCES for name in row.names()
}
