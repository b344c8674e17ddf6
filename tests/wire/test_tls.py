"""Each fault of a receiver's TLS has its own outcome, found by codes and not by texts."""

import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.transport import Transport
from tests.support.factories import a_delivery, a_tenant
from tests.support.raw_receiver import (
    Receiver,
    Script,
    answers,
    over_tls,
    receiver,
    reset_on_close,
    response,
    says,
)
from tests.wire.tickets import TicketServer

HOST = "receiver.example"
NO_HURRY = 10.0
AUTHORITY, ANOTHER_AUTHORITY = trustme.CA(), trustme.CA()


@cache
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def outcomes(running: Receiver, *, deliveries: int) -> list[str]:
    """Deliver so many times over one transport."""
    transport = Transport(allow_private=True, resolver=lambda *_: ["127.0.0.1"], tls=trusting())
    deliver = HttpAttempts(transport, timeout_seconds=NO_HURRY, allow_private=True)
    event = a_delivery(target_url=f"https://{HOST}:{running.port}/hooks")
    found = [deliver(event, a_tenant()).attempt.outcome for _ in range(deliveries)]
    transport.close()
    return found


def outcome(script: Script) -> str:
    with receiver(script) as running:
        return outcomes(running, deliveries=1)[0]


def answers_over_tls(context: ssl.SSLContext, *, requests: int = 1) -> Script:
    return over_tls(context, answers(*[response()] * requests))


def resets(connection: socket.socket, running: Receiver) -> None:
    connection.recv(65536)
    reset_on_close(connection)


def showing(leaf: trustme.LeafCert, *chain: trustme.Blob) -> ssl.SSLContext:
    """A server that presents this certificate and these parts of its chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with ExitStack() as stack:
        shown = trustme.Blob(b"".join(part.bytes() for part in (leaf.cert_chain_pems[0], *chain)))
        key = stack.enter_context(leaf.private_key_pem.tempfile())
        context.load_cert_chain(stack.enter_context(shown.tempfile()), key)
    return context


def showing_whole_chain(leaf: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A server that presents this certificate, or a valid one, with its whole chain."""
    leaf = leaf or AUTHORITY.issue_cert(HOST)
    return showing(leaf, *leaf.cert_chain_pems[1:])


def _valid_between(begin: int, end: int) -> ssl.SSLContext:
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (begin, end))
    return showing_whole_chain(AUTHORITY.issue_cert(HOST, not_before=first, not_after=last))


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1
        )
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    both = folder / "self-signed.pem"
    both.write_bytes(
        certificate.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def _demanding_a_certificate(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = showing_whole_chain()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)
    return context


def _of_an_old_version() -> ssl.SSLContext:
    context = showing_whole_chain()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _not_knowing_the_name() -> ssl.SSLContext:
    context = showing_whole_chain()
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return context


BEHIND_AN_INTERMEDIATE = AUTHORITY.create_child_ca().issue_cert(HOST)
OF_ANOTHER_AUTHORITY = ANOTHER_AUTHORITY.issue_cert(HOST)

CONTEXTS: dict[str, tuple[Callable[[], ssl.SSLContext], str]] = {
    "valid": (showing_whole_chain, "http_200"),
    "behind an intermediate": (lambda: showing_whole_chain(BEHIND_AN_INTERMEDIATE), "http_200"),
    "expired": (lambda: _valid_between(2001, 2002), "tls_certificate_expired"),
    "not yet valid": (lambda: _valid_between(2090, 2091), "tls_certificate_not_yet_valid"),
    "of another host": (
        lambda: showing_whole_chain(AUTHORITY.issue_cert("other.example")),
        "tls_certificate_other_host",
    ),
    "of an unknown authority, which it presents": (
        lambda: showing(OF_ANOTHER_AUTHORITY, ANOTHER_AUTHORITY.cert_pem),
        "tls_certificate_authority_unknown",
    ),
    "of an unknown authority, which it does not present": (
        lambda: showing(OF_ANOTHER_AUTHORITY),
        "tls_certificate_issuer_not_found",
    ),
    "without its intermediate": (lambda: showing(BEHIND_AN_INTERMEDIATE), "tls_certificate_issuer_not_found"),
    "a client certificate is demanded, TLS 1.2": (
        lambda: _demanding_a_certificate(ssl.TLSVersion.TLSv1_2),
        "tls_refused",
    ),
    "a client certificate is demanded, TLS 1.3": (
        lambda: _demanding_a_certificate(ssl.TLSVersion.TLSv1_3),
        "tls_client_certificate_required",
    ),
    "TLS 1.1 at most": (_of_an_old_version, "tls_version_unsupported"),
    "a host name that it does not know": (_not_knowing_the_name, "tls_refused"),
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("context", "right"), CONTEXTS.values(), ids=CONTEXTS.keys())
def test_each_fault_of_a_certificate_or_handshake_has_its_own_outcome(
    context: Callable[[], ssl.SSLContext], right: str
) -> None:
    assert outcome(answers_over_tls(context())) == right


def test_a_self_signed_certificate_has_its_own_outcome(tmp_path: Path) -> None:
    assert outcome(answers_over_tls(_self_signed(tmp_path))) == "tls_certificate_self_signed"


@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<html></html>\n", b"SSH-2.0-OpenSSH_9.9\r\n", b"220 mail\r\n"],
)
def test_another_protocol_on_the_port_has_its_own_outcome(greeting: bytes) -> None:
    assert outcome(says(greeting)) == "tls_not_spoken"


@pytest.mark.parametrize(
    ("script", "right"),
    [
        (says(b"\x16\x03\x03\x40\x00" + bytes(range(256)) * 64), "tls_failure"),
        (says(b""), "connection_closed"),
        (resets, "connection_reset"),
    ],
    ids=["garbage", "it is closed", "it is reset"],
)
def test_a_handshake_that_fails_otherwise_has_the_outcome_of_its_cause(script: Script, right: str) -> None:
    assert outcome(script) == right


def test_a_tls_connection_is_kept_although_session_tickets_may_come_at_any_time() -> None:
    with receiver(answers_over_tls(showing_whole_chain(), requests=2)) as running:
        assert outcomes(running, deliveries=2) == ["http_200", "http_200"]
        assert running.connections == 1


def floods_with_tickets(folder: Path, *, answered: bool) -> Script:
    """On the first connection, send an answer or none, then endless tickets; behave well on later ones."""

    def script(connection: socket.socket, running: Receiver) -> None:
        if running.connections > 1:
            answers_over_tls(showing_whole_chain())(connection, running)
            return
        server = TicketServer(connection, showing_whole_chain(), folder / "keys")
        if answered:
            server.answer(response())
        while True:
            server.tickets()

    return script


def test_endless_tickets_are_no_answer_and_are_not_read_for_ever(tmp_path: Path) -> None:
    assert outcome(floods_with_tickets(tmp_path, answered=False)) == "tls_failure"


def test_endless_tickets_after_an_answer_cost_the_next_delivery_only_a_connection(tmp_path: Path) -> None:
    with receiver(floods_with_tickets(tmp_path, answered=True)) as running:
        assert outcomes(running, deliveries=2) == ["http_200", "http_200"]
        assert running.connections == 2


def test_no_keys_are_logged_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with receiver(answers_over_tls(showing_whole_chain())) as running:
        transport = Transport(allow_private=True, resolver=lambda *_: ["127.0.0.1"])
        deliver = HttpAttempts(transport, timeout_seconds=NO_HURRY, allow_private=True)
        deliver(a_delivery(target_url=f"https://{HOST}:{running.port}/"), a_tenant())

    assert not (tmp_path / "keys").exists()
