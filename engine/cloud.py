"""Where the provider creates resources: in the emulator, or nowhere."""

from collections.abc import Mapping
from typing import Any, Protocol

from local.deployer.resources import Created


class Cloud(Protocol):
    """The place where a provider creates resources."""

    def create(
        self, type_token: str, name: str, inputs: Mapping[str, Any], physical_name: str | None
    ) -> Created:
        """Create a resource.

        Args:
            type_token: such as `aws:sqs/queue:Queue`.
            name: its name in the program.
            inputs: the properties that the program sets.
            physical_name: the name that the provider made up for it, if any.

        Raises:
            LocalStackError: the resource cannot be created here; the message says why.
        """
        ...

    def look_up(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a lookup of something that the program does not declare. Raises as `create`."""
        ...
