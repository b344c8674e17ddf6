"""Use a local stack that the engine has deployed."""

from collections.abc import Mapping
from typing import Any

from local.emulator.aws import Aws
from local.emulator.control import QueueClock
from local.emulator.launcher import Emulator
from local.stack import LocalStack


class DeployedStack(LocalStack):
    """A stack that exists already: this class neither starts nor stops it."""

    def __init__(self, emulator: Emulator, outputs: Mapping[str, Any]) -> None:
        """The stack with these outputs, in a running emulator."""
        super().__init__()
        self.emulator, self.outputs = emulator, outputs
        self.url, self.aws, self.clock = emulator.url, Aws(emulator.url), QueueClock(emulator.url)
