"""The outcomes are a fixed vocabulary, made from error codes and explained to receivers."""

import errno
import re
import socket
import ssl
from pathlib import Path

import pytest

from handlers.delivery.outcomes import Outcome, outcome_of

DOCUMENTED = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)


@pytest.mark.parametrize(
    ("error", "right"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, ""), "connection_refused"),
        (ConnectionResetError(errno.ECONNRESET, ""), "connection_reset"),
        (BrokenPipeError(errno.EPIPE, ""), "connection_reset"),
        (OSError(errno.EHOSTUNREACH, ""), "connection_unreachable"),
        (OSError(errno.ENETUNREACH, ""), "connection_unreachable"),
        (OSError(errno.EAFNOSUPPORT, ""), "connection_unreachable"),
        (OSError(errno.EMFILE, ""), "connection_failure"),
        (OSError("without a code"), "connection_failure"),
        (TimeoutError("of ours"), "timeout"),
        (TimeoutError(errno.ETIMEDOUT, "of the kernel"), "timeout"),
        (socket.gaierror(socket.EAI_NONAME, ""), "dns_not_found"),
        (socket.gaierror(socket.EAI_AGAIN, ""), "dns_failure"),
        (socket.gaierror(socket.EAI_FAIL, ""), "dns_failure"),
        (ssl.SSLEOFError(ssl.SSL_ERROR_EOF, ""), "connection_closed"),
        (ssl.SSLError(1, "[SSL] certificate expired, connection refused, timeout"), "tls_failure"),
    ],
)
def test_an_outcome_is_made_from_the_code_of_an_error_and_not_from_its_text(
    error: OSError, right: str
) -> None:
    assert outcome_of(error, timed_out=Outcome.TIMEOUT) == right


def test_every_outcome_is_explained_to_receivers_and_no_other_one() -> None:
    docs = Path(__file__).parents[3] / "docs" / "receiving.md"

    assert sorted(DOCUMENTED.findall(docs.read_text())) == sorted(Outcome)
