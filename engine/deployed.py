"""The local stack, deployed by the engine: what can be done with it once it runs."""

from collections.abc import Mapping
from typing import Any

from local.emulator.aws import Aws
from local.emulator.control import QueueClock
from local.emulator.launcher import Emulator
from local.stack import LocalStack


class DeployedStack(LocalStack):
    """A stack that is there already: it is neither started nor stopped by this."""

    def __init__(self, emulator: Emulator, outputs: Mapping[str, Any]) -> None:
        """The stack with these outputs, in an emulator that runs."""
        super().__init__()
        self.emulator, self.outputs = emulator, outputs
        self.url, self.aws, self.clock = emulator.url, Aws(emulator.url), QueueClock(emulator.url)
