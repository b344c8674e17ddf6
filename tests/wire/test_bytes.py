"""Any JSON that the front door accepts reaches the receiver as exactly the bytes that were sent."""

import base64
from collections import defaultdict
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.delivery.attempt import HttpAttempts
from handlers.delivery.transport import Transport
from handlers.model.delivery import Delivery
from tests.support.factories import a_tenant
from tests.support.front_door import FrontDoor, a_request
from tests.support.json_texts import submissions
from tests.wire.scripted import PORT, TLS, Receiver, Script

TEXTS = 500
OK = Script(pieces=[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"])


def delivered(delivery: Delivery) -> bytes:
    """The request that a receiver gets for an event, head and body."""
    receiver = Receiver(defaultdict(lambda: OK))
    transport = Transport(allow_private=True, open_socket=receiver.open, tls=TLS)
    deliver = HttpAttempts(transport, timeout_seconds=30, allow_private=True)
    assert deliver(replace(delivery, target_url=f"http://127.0.0.1:{PORT}/"), a_tenant()).attempt.succeeded
    return receiver.requests[0]


def test_any_json_that_is_accepted_arrives_as_it_was_sent() -> None:
    door = FrontDoor()

    @settings(max_examples=TEXTS, suppress_health_check=list(HealthCheck), database=None, deadline=None)
    @given(submissions(), st.booleans())
    def arrives(sent: tuple[str, str], as_base64: bool) -> None:
        body, data = sent
        handed_over = base64.b64encode(body.encode()).decode() if as_base64 else body

        outcome = door.ask(a_request(body=handed_over, encoded=as_base64))

        assert outcome.answer["statusCode"] == 202
        (delivery,) = outcome.stored
        assert delivered(delivery).endswith(b',"data":%b}' % data.encode())

    arrives()
