"""One attempt against receivers that behave, that fail, and that mean harm."""

import errno
import json
import socket
import threading
from collections.abc import Sequence

import pytest
import stripe
from standardwebhooks.webhooks import Webhook

from handlers.delivery.attempt import AttemptResult, HttpAttempts
from handlers.delivery.exchange import MAX_ANSWER_READ_BYTES
from handlers.delivery.targets import resolve
from handlers.delivery.transport import Transport
from handlers.model.delivery import Delivery
from handlers.model.timestamps import utc_now
from tests.support import factories
from tests.support.factories import PREVIOUS_SECRET, SECRET, Clock, a_delivery, a_tenant, without_body
from tests.support.raw_receiver import Receiver, Script, answers, answers_then, receiver, response

NO_HURRY = 10.0
IMPATIENT = 0.4


def attempts(
    *, timeout: float = NO_HURRY, allow_private: bool = True, resolver=resolve, clock=utc_now
) -> HttpAttempts:
    transport = Transport(allow_private=allow_private, resolver=resolver)
    return HttpAttempts(transport, timeout_seconds=timeout, allow_private=allow_private, clock=clock)


def deliver_to(script: Script, **options) -> tuple[AttemptResult, Receiver]:
    with receiver(script) as running:
        result = attempts(**options)(a_delivery(target_url=running.url), a_tenant())
    return result, running


def event_for(url: str) -> Delivery:
    return a_delivery(target_url=url)


def test_a_delivery_carries_the_envelope_and_both_signature_families() -> None:
    result, running = deliver_to(answers(response()))

    head, _, body = running.requests[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert result.attempt.outcome == "http_200"
    assert result.attempt.succeeded
    assert head.startswith(b"POST /hooks HTTP/1.1\r\n")
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["User-Agent"] == "webhook-delivery/1"
    assert (
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)["type"] == "order.created"
    )
    sent = Webhook(SECRET).verify(body, headers)
    assert sent == {
        "id": headers["webhook-id"],
        "object": "event",
        "type": "order.created",
        "created": int(factories.NOON.timestamp()),
        "data": {"orderId": 42},
    }


def test_the_body_is_the_same_to_the_byte_on_every_attempt_and_the_timestamp_is_not() -> None:
    clock = Clock()
    with receiver(answers(response("500 Oops"), response())) as running:
        delivery, send = event_for(running.url), attempts(clock=clock)
        send(delivery, a_tenant())
        clock.advance(seconds=60)
        send(delivery, a_tenant())

    (first_head, _, first_body), (second_head, _, second_body) = (
        request.partition(b"\r\n\r\n") for request in running.requests
    )
    assert first_body == second_body == delivery.event.body
    assert b"t=%d," % factories.NOON.timestamp() in first_head
    assert b"t=%d," % (factories.NOON.timestamp() + 60) in second_head


def test_the_previous_secret_signs_until_it_expires_and_not_a_second_longer() -> None:
    expiry = int(factories.NOON.timestamp())
    rotated = a_tenant(previous_webhook_secret=PREVIOUS_SECRET, previous_webhook_secret_expires_at=expiry)
    clock = Clock()
    clock.advance(seconds=-1)
    with receiver(answers(response(), response())) as running:
        send = attempts(clock=clock)
        send(event_for(running.url), rotated)
        clock.advance(seconds=1)
        send(event_for(running.url), rotated)

    assert [request.count(b"v1=") for request in running.requests] == [2, 1]


def test_connections_are_reused() -> None:
    with receiver(answers(*[response()] * 3)) as running:
        send = attempts()
        for _ in range(3):
            assert send(event_for(running.url), a_tenant()).attempt.succeeded

    assert len(running.requests) == 3
    assert running.connections == 1


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "204 No Content", "299 Fine"])
def test_every_2xx_is_success(status: str) -> None:
    assert deliver_to(answers(response(status)))[0].attempt.succeeded


@pytest.mark.parametrize(
    "status", ["199 Odd", "304 Not Modified", "400 Bad", "404 Gone?", "500 Oops", "503 Busy"]
)
def test_anything_else_is_a_failure_that_may_pass(status: str) -> None:
    result, _ = deliver_to(answers(response(status)), timeout=IMPATIENT)

    assert not result.attempt.succeeded
    assert not result.permanent


def test_a_redirect_is_a_failure_and_its_location_is_never_contacted() -> None:
    with receiver(answers(response())) as elsewhere:
        result, _ = deliver_to(answers(response("307 Temporary Redirect", b"", f"Location: {elsewhere.url}")))

    assert result.attempt.outcome == "http_307"
    assert elsewhere.connections == 0


def test_410_gone_is_permanent() -> None:
    result, _ = deliver_to(answers(response("410 Gone")))

    assert result.permanent
    assert result.attempt.outcome == "http_410"


def test_retry_after_is_passed_on() -> None:
    result, _ = deliver_to(answers(response("429 Too Many Requests", b"", "Retry-After: 90")))

    assert result.retry_after_seconds == 90


def test_the_first_256_bytes_of_the_answer_are_kept() -> None:
    result, _ = deliver_to(answers(response("500 Oops", b"x" * 1000)))

    assert result.attempt.answer == "x" * 256


def test_an_answer_that_is_not_text_is_kept_as_text_all_the_same() -> None:
    result, _ = deliver_to(answers(response("500 Oops", b"\xff\xfe\x00")))

    assert result.attempt.answer == "\ufffd\ufffd\x00"


def test_a_compressed_answer_is_not_unpacked() -> None:
    _, running = deliver_to(answers(response("200 OK", b"\x1f\x8b", "Content-Encoding: gzip")))

    assert b"Accept-Encoding: identity" in running.requests[0]


def test_cookies_are_not_taken_from_one_answer_into_the_next_request() -> None:
    with receiver(answers(response("200 OK", b"", "Set-Cookie: tenant=acme; Path=/"), response())) as running:
        send = attempts()
        send(event_for(running.url), a_tenant())
        send(event_for(running.url), a_tenant())

    assert b"cookie" not in running.requests[1].lower()


def test_proxies_and_credentials_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password hunter2")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with receiver(answers(response())) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        result, running = deliver_to(answers(response()))

    assert result.attempt.succeeded
    assert proxy.connections == 0
    assert b"authorization" not in running.requests[0].lower()


def hang(connection: socket.socket, running: Receiver) -> None:
    running.closed.wait()


HANGING = {
    "accepts and says nothing": hang,
    "drips a header byte at a time": answers_then(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"),
    "drips header lines": answers_then(b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n", every=0.1),
    "sends 100 Continue for ever": answers_then(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "drips a status line": answers_then(b"HTTP/1.1 ", b"2", every=0.05),
}


@pytest.mark.parametrize("script", HANGING.values(), ids=HANGING.keys())
def test_a_receiver_that_never_answers_ends_with_the_timeout(script: Script) -> None:
    result, _ = deliver_to(script, timeout=IMPATIENT)

    assert result.attempt.outcome == "timeout"
    assert not result.permanent


ENDLESS = {
    "a body that drips": answers_then(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    "an endless body": answers_then(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, every=0),
    "an endless chunked body": answers_then(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n", every=0
    ),
    "a length of 10 GB": answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\nx"),
    "nothing, not even the end of the headers": answers(b"HTTP/1.1 200 OK\r\n"),
    "chunks of junk": answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"),
    "a chunk of size -2": answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nx"),
    "a chunk of size -16^30": answers(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1" + b"0" * 30 + b"\r\nx"
    ),
}


@pytest.mark.parametrize("script", ENDLESS.values(), ids=ENDLESS.keys())
def test_once_a_2xx_was_said_the_event_is_delivered_however_the_body_goes_on(script: Script) -> None:
    result, _ = deliver_to(script, timeout=IMPATIENT)

    assert result.attempt.outcome == "http_200"


def test_an_endless_answer_to_a_redirect_is_not_read_either() -> None:
    script = answers_then(b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n", b"x" * 65536, every=0)

    result, running = deliver_to(script)

    assert result.attempt.outcome == "http_302"
    assert running.connections == 1


@pytest.mark.parametrize(
    ("before_body", "again"),
    [
        (b"\r\n", b"x" * 4096),
        (b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 4096),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 60_000 + b"\r\nx\r\n"),
    ],
    ids=["a body", "a chunk of size -1", "more around the chunks than in them"],
)
def test_no_more_than_64_kib_of_an_answer_is_read(before_body: bytes, again: bytes) -> None:
    sent = 0

    def measured(connection: socket.socket, running: Receiver) -> None:
        nonlocal sent
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 500 Oops\r\n" + before_body)
        while True:
            sent += connection.send(again)

    result, _ = deliver_to(measured)

    assert result.attempt.outcome == "http_500"
    # Bytes in the kernel's loopback buffers count as sent, too.
    assert sent < MAX_ANSWER_READ_BYTES + 8 * 1024 * 1024


BROKEN = {
    "closes without an answer": (answers(b""), "connection_closed"),
    "closes within the status line": (answers(b"HTTP/1.1 2"), "connection_closed"),
    "speaks another protocol": (answers(b"SSH-2.0-OpenSSH_9.9\r\n"), "answer_malformed"),
    "sends a megabyte in one header": (
        answers(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n"),
        "answer_head_too_large",
    ),
    "sends more than 64 KiB of headers": (
        answers(b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"x" * 1000 + b"\r\n") * 66 + b"\r\n"),
        "answer_head_too_large",
    ),
    "sends 100 Continue for ever, and fast": (
        answers_then(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, every=0),
        "answer_head_too_large",
    ),
}


@pytest.mark.parametrize(("script", "outcome"), BROKEN.values(), ids=BROKEN.keys())
def test_an_answer_that_is_not_http_is_a_failed_attempt(script: Script, outcome: str) -> None:
    result, _ = deliver_to(script)

    assert not result.attempt.succeeded
    assert result.attempt.outcome == outcome


def test_ten_thousand_headers_are_no_more_than_their_bytes() -> None:
    result, _ = deliver_to(answers(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 10_000 + b"\r\n"))

    assert result.attempt.outcome == "http_200"


def test_headers_of_almost_64_kib_are_read() -> None:
    headers = [f"X-{number}: {'x' * 1000}" for number in range(60)]

    result, _ = deliver_to(answers(response("200 OK", b"", *headers)))

    assert result.attempt.outcome == "http_200"


def test_a_connection_that_is_never_made_ends_with_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        # This connection fills the queue of connections that wait to be accepted.
        with socket.create_connection(address):
            url = f"http://127.0.0.1:{address[1]}/hooks"
            result = attempts(timeout=IMPATIENT)(event_for(url), a_tenant())

    assert result.attempt.outcome == "connection_timeout"
    assert not result.permanent


def test_a_connection_that_is_reset_before_it_is_made_is_told() -> None:
    def reset(host: str, port: int) -> Sequence[str]:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    result = attempts(resolver=reset)(event_for("http://reset.example/"), a_tenant())

    assert result.attempt.outcome == "connection_reset"


def test_a_refused_connection_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    result = attempts()(event_for(f"http://127.0.0.1:{port}/"), a_tenant())

    assert result.attempt.outcome == "connection_refused"
    assert not result.permanent


def test_https_to_something_that_does_not_speak_it_is_told() -> None:
    with receiver(answers_then(b"", b"", every=0.01)) as running:
        plain = attempts(timeout=IMPATIENT)(event_for(running.url.replace("http:", "https:")), a_tenant())

    assert plain.attempt.outcome == "tls_timeout"


def test_a_tls_handshake_that_hangs_ends_with_the_timeout() -> None:
    with receiver(hang) as running:
        result = attempts(timeout=IMPATIENT)(event_for(running.url.replace("http:", "https:")), a_tenant())

    assert result.attempt.outcome == "tls_timeout"


def test_a_name_that_does_not_resolve_may_resolve_later() -> None:
    def nothing(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    result = attempts(resolver=nothing)(event_for("https://gone.example/"), a_tenant())

    assert result.attempt.outcome == "dns_not_found"
    assert not result.permanent


def test_a_lookup_that_hangs_ends_with_the_timeout() -> None:
    over = threading.Event()

    def slow(host: str, port: int) -> Sequence[str]:
        over.wait(NO_HURRY)
        return []

    result = attempts(timeout=IMPATIENT, resolver=slow)(event_for("https://slow.example/"), a_tenant())
    over.set()

    assert result.attempt.outcome == "dns_timeout"


def test_a_name_without_addresses_is_a_failed_attempt() -> None:
    result = attempts(resolver=lambda _host, _port: [])(event_for("https://empty.example/"), a_tenant())

    assert result.attempt.outcome == "dns_not_found"


@pytest.mark.parametrize(
    "url",
    ["http://receiver.example/", "https://127.0.0.1/", "nonsense", "https://user@receiver.example/"],
)
def test_a_target_url_that_is_not_allowed_is_permanent_and_nothing_is_looked_up(url: str) -> None:
    looked_up: list[str] = []

    def resolver(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["1.1.1.1"]

    result = attempts(allow_private=False, resolver=resolver)(event_for(url), a_tenant())

    assert result.attempt.outcome == "target_not_allowed"
    assert result.permanent
    assert looked_up == []


def test_a_public_name_with_a_private_address_is_never_connected_to() -> None:
    with receiver(answers(response())) as inside:
        result = attempts(allow_private=False, resolver=lambda _host, _port: ["127.0.0.1"])(
            event_for("https://rebound.example/"), a_tenant()
        )

    assert result.attempt.outcome == "target_not_allowed"
    assert result.permanent
    assert inside.connections == 0


def test_the_connection_goes_to_the_vetted_address_with_the_original_host_name() -> None:
    with receiver(answers(response())) as running:
        result = attempts(resolver=lambda _host, _port: ["127.0.0.1"])(
            event_for(f"http://shop.example:{running.port}/hooks"), a_tenant()
        )

    assert result.attempt.succeeded
    assert b"\r\nHost: shop.example:%d\r\n" % running.port in running.requests[0]


def test_the_next_address_is_tried_when_one_refuses() -> None:
    with receiver(answers(response())) as running:
        result = attempts(resolver=lambda _host, _port: ["127.0.0.2", "127.0.0.1"])(
            event_for(f"http://shop.example:{running.port}/hooks"), a_tenant()
        )

    assert result.attempt.succeeded


def test_a_tenant_that_is_not_found_is_an_ordinary_failed_attempt() -> None:
    result = attempts()(a_delivery(), None)

    assert result.attempt.outcome == "tenant_not_found"
    assert not result.permanent


def test_an_event_whose_payload_is_gone_fails_for_good() -> None:
    result = attempts()(without_body(a_delivery()), a_tenant())

    assert result.attempt.outcome == "payload_missing"
    assert result.permanent


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_!!!!", "whsec_é", "whsec_abc"])
def test_a_secret_that_cannot_be_decoded_fails_its_own_event_only(secret: str) -> None:
    result = attempts()(a_delivery(), a_tenant(webhook_secret=secret))

    assert result.attempt.outcome == "webhook_secret_malformed"


def test_non_ascii_data_arrives_as_utf_8() -> None:
    with receiver(answers(response())) as running:
        attempts()(a_delivery(target_url=running.url, data={"name": "Zoë ✓"}), a_tenant())

    body = running.requests[0].partition(b"\r\n\r\n")[2]
    assert "Zoë ✓".encode() in body
    assert json.loads(body)["data"] == {"name": "Zoë ✓"}
