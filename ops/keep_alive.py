"""Keeps a connection to AWS alive while a call waits for minutes.

A NAT gateway drops a connection that is silent for 350 seconds (VPC user guide), and others drop it sooner.
botocore's own option, `tcp_keepalive`, starts only after the system's two hours.
"""

import socket
from typing import TYPE_CHECKING, Any

from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

if TYPE_CHECKING:
    from types_boto3_lambda.client import LambdaClient

IDLE_SECONDS = 60
CONNECT_SECONDS = 60.0

# Darwin has another name for it.
_IDLE = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))
SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *([(socket.IPPROTO_TCP, _IDLE, IDLE_SECONDS)] if _IDLE is not None else []),
]


def keep_invocations_alive(
    client: "LambdaClient", *, read_timeout: float, verify: str | bool
) -> "LambdaClient":
    """Send this client's invocations over connections with a keep-alive probe once a minute.

    Args:
        client: a client of Lambda.
        read_timeout: the longest wait for an answer, in seconds.
        verify: a file of certificates, or True for botocore's own.
    """
    session_class: Any = URLLib3Session  # its stubs know fewer types than it takes
    session = session_class(
        verify=verify,
        proxies=get_environ_proxies(client.meta.endpoint_url),
        timeout=(CONNECT_SECONDS, read_timeout),
        socket_options=SOCKET_OPTIONS,
    )

    def send(request: Any, **_: Any) -> Any:
        return session.send(request)

    client.meta.events.register("before-send.lambda.Invoke", send)
    return client
