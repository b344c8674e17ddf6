"""Nothing on the way drops the connection of an invocation that takes minutes."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ops.keep_alive import IDLE_SECONDS, SOCKET_OPTIONS, keep_invocations_alive


class Lambda(BaseHTTPRequestHandler):
    """Answers every invocation."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Lambda) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_invocation_goes_over_a_connection_that_is_kept_alive(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_: list[tuple[int, int, int]] = []

    class Watched(socket.socket):
        def setsockopt(self, *option: Any) -> None:
            set_.append(option)
            super().setsockopt(*option)

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(socket, "socket", Watched)
    client = keep_invocations_alive(
        boto3.client(
            "lambda",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        ),
        read_timeout=10,
        verify=True,
    )

    answer = client.invoke(FunctionName="requeue", Payload=b"{}")

    assert answer["Payload"].read() == b"{}"
    assert set(SOCKET_OPTIONS) <= set(set_)


def test_a_minute_of_silence_is_the_most() -> None:
    assert IDLE_SECONDS <= 60
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in SOCKET_OPTIONS
    assert any(value == IDLE_SECONDS for _, _, value in SOCKET_OPTIONS)
