"""Where the provider creates resources: in the emulator, or nowhere."""

from collections.abc import Mapping
from typing import Any, Protocol

from local.deployer.resources import Created


class Cloud(Protocol):
    """What a provider creates in."""

    def create(
        self, type_token: str, name: str, inputs: Mapping[str, Any], physical_name: str | None
    ) -> Created:
        """Create a resource.

        Args:
            type_token: such as `aws:sqs/queue:Queue`.
            name: its name in the program.
            inputs: what the program sets.
            physical_name: the name that was made up for it, if any.

        Raises:
            LocalStackError: it cannot be created here; the message says why.
        """
        ...

    def look_up(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer what the program asks without declaring it. Raises as `create`."""
        ...
