"""The provider's process, which the engine starts under the name `pulumi-resource-aws`.

Like every Pulumi plugin it prints its port on its first line. It ends with the engine.
"""

import os
import time
from concurrent import futures

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from engine.computed import NoCloud
from engine.emulated import EmulatorCloud
from engine.provider import Provider
from local.constants import HOST

EMULATOR = "ENGINE_EMULATOR"
"""The environment variable with the emulator's address; without it, nothing is created anywhere."""

_LONGEST_MESSAGE = 400 * 1024 * 1024
_LOOK_SECONDS = 0.5


def serve() -> None:
    """Answer until the engine is gone."""
    engine = os.getppid()
    url = os.environ.get(EMULATOR)
    cloud = EmulatorCloud(url) if url else NoCloud()
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16),
        options=[
            ("grpc.max_receive_message_length", _LONGEST_MESSAGE),
            ("grpc.max_send_message_length", _LONGEST_MESSAGE),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(cloud), server)
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    print(port, flush=True)
    while os.getppid() == engine:
        time.sleep(_LOOK_SECONDS)
    server.stop(grace=None)


if __name__ == "__main__":
    serve()
