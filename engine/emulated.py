"""Create resources in the emulator with the local stack's code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.values import declared
from local.deployer.resources import Created, Declared, Properties, create, look_up
from local.emulator.aws import Aws


@dataclass(frozen=True, kw_only=True)
class _Named(Declared):
    """A resource for which the provider may have made up a physical name already."""

    given: str | None

    @property
    def physical_name(self) -> str:
        return self.given or super().physical_name


class EmulatorCloud:
    """The running emulator. Resources there are never updated or deleted; they end with the run."""

    def __init__(self, url: str) -> None:
        """The emulator at `url`."""
        self._aws = Aws(url)

    def create(
        self, type_token: str, name: str, inputs: Mapping[str, Any], physical_name: str | None
    ) -> Created:
        """Create a resource as the local stack does. Raises as `Cloud.create`."""
        return create(
            self._aws,
            _Named(
                type=type_token, name=name, properties=Properties(declared(dict(inputs))), given=physical_name
            ),
        )

    def look_up(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer as the local stack does; raises LocalStackError as that does."""
        return look_up(self._aws, token, arguments)
