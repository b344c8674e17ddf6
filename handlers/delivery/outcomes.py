"""The fixed vocabulary for how an attempt ends.

Receivers and operators read these names in an event's history; docs/receiving.md says what to do about each.
They come from error codes alone: error texts differ between versions and may quote what a receiver sent.
"""

import errno
import socket
import ssl
from enum import StrEnum
from types import MappingProxyType


class Outcome(StrEnum):
    """Why an attempt ended without an answer. With one, its outcome is `http_<status>`."""

    TARGET_NOT_ALLOWED = "target_not_allowed"
    TENANT_NOT_FOUND = "tenant_not_found"
    PAYLOAD_MISSING = "payload_missing"
    WEBHOOK_SECRET_MALFORMED = "webhook_secret_malformed"  # noqa: S105 - no secret
    ATTEMPTS_USED_UP = "attempts_used_up"

    DNS_NOT_FOUND = "dns_not_found"
    DNS_FAILURE = "dns_failure"
    DNS_TIMEOUT = "dns_timeout"

    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_UNREACHABLE = "connection_unreachable"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_CLOSED = "connection_closed"
    CONNECTION_FAILURE = "connection_failure"

    TLS_CERTIFICATE_EXPIRED = "tls_certificate_expired"
    TLS_CERTIFICATE_NOT_YET_VALID = "tls_certificate_not_yet_valid"
    TLS_CERTIFICATE_OTHER_HOST = "tls_certificate_other_host"
    TLS_CERTIFICATE_SELF_SIGNED = "tls_certificate_self_signed"
    TLS_CERTIFICATE_AUTHORITY_UNKNOWN = "tls_certificate_authority_unknown"
    TLS_CERTIFICATE_ISSUER_NOT_FOUND = "tls_certificate_issuer_not_found"
    TLS_CERTIFICATE_INVALID = "tls_certificate_invalid"
    TLS_CLIENT_CERTIFICATE_REQUIRED = "tls_client_certificate_required"
    TLS_NOT_SPOKEN = "tls_not_spoken"
    TLS_VERSION_UNSUPPORTED = "tls_version_unsupported"
    TLS_REFUSED = "tls_refused"
    TLS_TIMEOUT = "tls_timeout"
    TLS_FAILURE = "tls_failure"

    TIMEOUT = "timeout"
    ANSWER_MALFORMED = "answer_malformed"
    ANSWER_HEAD_TOO_LARGE = "answer_head_too_large"


class UndeliveredError(Exception):
    """An attempt that got no answer."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def outcome_of(error: OSError, *, timed_out: Outcome) -> Outcome:
    """The outcome for an error of a lookup, a socket or TLS.

    Args:
        error: what was raised.
        timed_out: the outcome for a timeout: it depends on what was waited for.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(error.verify_code, Outcome.TLS_CERTIFICATE_INVALID)
    if isinstance(error, ssl.SSLEOFError):
        return Outcome.CONNECTION_CLOSED
    if isinstance(error, ssl.SSLError):
        return _by_reason(getattr(error, "reason", None) or "")  # Python's own errors have none
    if isinstance(error, socket.gaierror):
        return Outcome.DNS_NOT_FOUND if error.errno in _NO_SUCH_NAME else Outcome.DNS_FAILURE
    if isinstance(error, TimeoutError):
        return timed_out
    return _BY_ERRNO.get(error.errno or 0, Outcome.CONNECTION_FAILURE)


def _by_reason(reason: str) -> Outcome:
    """The outcome for OpenSSL's symbol of an error; most alerts of the other side have "ALERT" in theirs."""
    named = _BY_REASON.get(reason)
    return named or (Outcome.TLS_REFUSED if "ALERT" in reason else Outcome.TLS_FAILURE)


# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_BY_VERIFY_CODE = MappingProxyType(
    {
        2: Outcome.TLS_CERTIFICATE_ISSUER_NOT_FOUND,  # UNABLE_TO_GET_ISSUER_CERT
        9: Outcome.TLS_CERTIFICATE_NOT_YET_VALID,
        10: Outcome.TLS_CERTIFICATE_EXPIRED,
        18: Outcome.TLS_CERTIFICATE_SELF_SIGNED,  # DEPTH_ZERO_SELF_SIGNED_CERT
        19: Outcome.TLS_CERTIFICATE_AUTHORITY_UNKNOWN,  # SELF_SIGNED_CERT_IN_CHAIN
        20: Outcome.TLS_CERTIFICATE_ISSUER_NOT_FOUND,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        21: Outcome.TLS_CERTIFICATE_ISSUER_NOT_FOUND,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
        62: Outcome.TLS_CERTIFICATE_OTHER_HOST,  # HOSTNAME_MISMATCH
        64: Outcome.TLS_CERTIFICATE_OTHER_HOST,  # IP_ADDRESS_MISMATCH
    }
)
# SSL_R_* of OpenSSL's sslerr.h, as Python names them.
_BY_REASON = MappingProxyType(
    {
        "HTTP_REQUEST": Outcome.TLS_NOT_SPOKEN,
        "WRONG_VERSION_NUMBER": Outcome.TLS_NOT_SPOKEN,
        "UNSUPPORTED_PROTOCOL": Outcome.TLS_VERSION_UNSUPPORTED,
        "TLSV1_ALERT_PROTOCOL_VERSION": Outcome.TLS_VERSION_UNSUPPORTED,
        "TLSV13_ALERT_CERTIFICATE_REQUIRED": Outcome.TLS_CLIENT_CERTIFICATE_REQUIRED,
        # Alerts without "ALERT" in their symbols.
        "TLSV1_UNRECOGNIZED_NAME": Outcome.TLS_REFUSED,
        "TLSV1_UNSUPPORTED_EXTENSION": Outcome.TLS_REFUSED,
        "TLSV1_CERTIFICATE_UNOBTAINABLE": Outcome.TLS_REFUSED,
        "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE": Outcome.TLS_REFUSED,
        "TLSV1_BAD_CERTIFICATE_HASH_VALUE": Outcome.TLS_REFUSED,
    }
)
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_BY_ERRNO = MappingProxyType(
    {
        errno.ECONNREFUSED: Outcome.CONNECTION_REFUSED,
        errno.ECONNRESET: Outcome.CONNECTION_RESET,
        errno.ECONNABORTED: Outcome.CONNECTION_RESET,
        errno.EPIPE: Outcome.CONNECTION_RESET,
        errno.ENETUNREACH: Outcome.CONNECTION_UNREACHABLE,
        errno.EHOSTUNREACH: Outcome.CONNECTION_UNREACHABLE,
        errno.EAFNOSUPPORT: Outcome.CONNECTION_UNREACHABLE,
        errno.EADDRNOTAVAIL: Outcome.CONNECTION_UNREACHABLE,
    }
)
