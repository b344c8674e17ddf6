"""What is wrong with a receiver's TLS is told apart, by codes and not by texts."""

import socket
import ssl
from collections.abc import Callable, Iterator
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

from handlers.delivery.attempt import HttpDelivery
from handlers.delivery.transport import Transport
from tests.faults.hostile import says, says_nothing
from tests.handlers.factories import a_tenant, an_event
from tests.support.raw_receiver import Receiver, Script, answers, over_tls, receiver, reset_on_close, response
from tests.wire.tickets import TicketServer

HOST = "receiver.example"
IMPATIENT, NO_HURRY = 0.4, 10.0
AUTHORITY, ANOTHER_AUTHORITY = trustme.CA(), trustme.CA()


@cache
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def outcome(script: Script, *, timeout: float = NO_HURRY) -> str:
    with receiver(script) as running:
        transport = Transport(allow_private=True, resolver=lambda *_: ["127.0.0.1"], tls=trusting())
        deliver = HttpDelivery(transport, timeout_seconds=timeout, allow_private=True)
        event = an_event(target_url=f"https://{HOST}:{running.port}/hooks")
        told = deliver(event, a_tenant()).attempt.outcome
        transport.close()
    return told


def answers_over_tls(context: ssl.SSLContext) -> Script:
    return over_tls(context, answers(response()))


def resets(connection: socket.socket, running: Receiver) -> None:
    connection.recv(65536)
    reset_on_close(connection)


def showing(leaf: trustme.LeafCert, *chain: trustme.Blob) -> ssl.SSLContext:
    """A server that shows this certificate, and of its chain these."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with ExitStack() as stack:
        shown = trustme.Blob(b"".join(part.bytes() for part in (leaf.cert_chain_pems[0], *chain)))
        key = stack.enter_context(leaf.private_key_pem.tempfile())
        context.load_cert_chain(stack.enter_context(shown.tempfile()), key)
    return context


def showing_what_belongs(leaf: trustme.LeafCert | None = None) -> ssl.SSLContext:
    leaf = leaf or AUTHORITY.issue_cert(HOST)
    return showing(leaf, *leaf.cert_chain_pems[1:])


def _valid(begin: int, end: int) -> ssl.SSLContext:
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (begin, end))
    return showing_what_belongs(AUTHORITY.issue_cert(HOST, not_before=first, not_after=last))


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
    context = showing_what_belongs()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)
    return context


def _of_an_old_version() -> ssl.SSLContext:
    context = showing_what_belongs()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _not_knowing_the_name() -> ssl.SSLContext:
    context = showing_what_belongs()
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return context


BEHIND_AN_INTERMEDIATE = AUTHORITY.create_child_ca().issue_cert(HOST)
OF_ANOTHER_AUTHORITY = ANOTHER_AUTHORITY.issue_cert(HOST)

CONTEXTS: dict[str, tuple[Callable[[], ssl.SSLContext], str]] = {
    "as it should be": (showing_what_belongs, "http_200"),
    "behind an intermediate": (lambda: showing_what_belongs(BEHIND_AN_INTERMEDIATE), "http_200"),
    "expired": (lambda: _valid(2001, 2002), "tls_certificate_expired"),
    "of the future": (lambda: _valid(2090, 2091), "tls_certificate_not_yet_valid"),
    "of another host": (
        lambda: showing_what_belongs(AUTHORITY.issue_cert("other.example")),
        "tls_certificate_other_host",
    ),
    "of an unknown authority that it shows": (
        lambda: showing(OF_ANOTHER_AUTHORITY, ANOTHER_AUTHORITY.cert_pem),
        "tls_certificate_authority_unknown",
    ),
    "of an unknown authority that it does not show": (
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
    "a name that it does not know": (_not_knowing_the_name, "tls_refused"),
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("context", "right"), CONTEXTS.values(), ids=CONTEXTS.keys())
def test_what_is_wrong_with_a_certificate_is_told(context: Callable[[], ssl.SSLContext], right: str) -> None:
    assert outcome(answers_over_tls(context())) == right


def test_a_certificate_that_signs_itself_is_told(tmp_path: Path) -> None:
    assert outcome(answers_over_tls(_self_signed(tmp_path))) == "tls_certificate_self_signed"


@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<html></html>\n", b"SSH-2.0-OpenSSH_9.9\r\n", b"220 mail\r\n"],
)
def test_another_protocol_on_the_port_is_told(greeting: bytes) -> None:
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
def test_a_handshake_that_comes_to_nothing_is_told(script: Script, right: str) -> None:
    assert outcome(script) == right


def test_a_handshake_that_hangs_is_told_from_an_answer_that_does_not_come() -> None:
    assert outcome(says_nothing, timeout=IMPATIENT) == "tls_timeout"


@pytest.fixture
def secure_receiver() -> Iterator[Receiver]:
    with receiver(over_tls(showing_what_belongs(), answers(response(), response()))) as running:
        yield running


def test_a_connection_over_tls_is_kept_although_its_tickets_come_when_they_please(
    secure_receiver: Receiver,
) -> None:
    transport = Transport(allow_private=True, resolver=lambda *_: ["127.0.0.1"], tls=trusting())
    deliver = HttpDelivery(transport, timeout_seconds=NO_HURRY, allow_private=True)
    event = an_event(target_url=f"https://{HOST}:{secure_receiver.port}/")

    assert [deliver(event, a_tenant()).attempt.outcome for _ in range(2)] == ["http_200", "http_200"]
    assert secure_receiver.connections == 1


def floods_with_tickets(folder: Path, *, answered: bool) -> Script:
    """Send tickets without end, and before them an answer or none; behave on every further connection."""

    def script(connection: socket.socket, running: Receiver) -> None:
        if running.connections > 1:
            answers_over_tls(showing_what_belongs())(connection, running)
            return
        server = TicketServer(connection, showing_what_belongs(), folder / "keys")
        if answered:
            server.answer(response())
        while True:
            server.tickets()

    return script


def test_tickets_without_end_are_no_answer_and_are_not_read_for_ever(tmp_path: Path) -> None:
    assert outcome(floods_with_tickets(tmp_path, answered=False)) == "tls_failure"


def test_tickets_without_end_after_an_answer_cost_the_next_delivery_nothing_but_a_connection(
    tmp_path: Path,
) -> None:
    with receiver(floods_with_tickets(tmp_path, answered=True)) as running:
        transport = Transport(allow_private=True, resolver=lambda *_: ["127.0.0.1"], tls=trusting())
        deliver = HttpDelivery(transport, timeout_seconds=NO_HURRY, allow_private=True)
        event = an_event(target_url=f"https://{HOST}:{running.port}/")

        assert [deliver(event, a_tenant()).attempt.outcome for _ in range(2)] == ["http_200", "http_200"]
        assert running.connections == 2


def test_no_keys_are_logged_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with receiver(answers_over_tls(showing_what_belongs())) as running:
        transport = Transport(allow_private=True, resolver=lambda *_: ["127.0.0.1"])
        deliver = HttpDelivery(transport, timeout_seconds=NO_HURRY, allow_private=True)
        deliver(an_event(target_url=f"https://{HOST}:{running.port}/"), a_tenant())

    assert not (tmp_path / "keys").exists()
