"""A resource as the program declares it, and the result of creating it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.emulator.aws import Aws


class Properties:
    """The properties of a resource; they remember at every depth which of them were read."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        """Wrap `values`, found at `path` in the resource."""
        self._values = values
        self._path = path
        self._read: set[str] = set()
        self._nested: list[Properties] = []

    def take(self, key: str, default: Any = None) -> Any:
        """The whole value of a property; the default if it is not set."""
        self._read.add(key)
        return self._values.get(key, default)

    def renamed(self, **names: str) -> dict[str, Any]:
        """Those of these properties that are set, under their names in the AWS API."""
        return {names[key]: self.take(key) for key in names if key in self._values}

    def nested(self, key: str) -> "Properties":
        """A property that has properties of its own; it has none if it is not set."""
        return self._at(key, self.take(key, {}))

    def each(self, key: str) -> "list[Properties]":
        """A list of properties that have properties of their own."""
        return [self._at(f"{key}[{n}]", values) for n, values in enumerate(self.take(key, []))]

    def unread(self) -> list[str]:
        """The paths of all properties that nobody read."""
        own = [self._path + key for key in self._values if key not in self._read]
        return own + [path for nested in self._nested for path in nested.unread()]

    def _at(self, place: str, values: Mapping[str, Any]) -> "Properties":
        nested = Properties(values, f"{self._path}{place}.")
        self._nested.append(nested)
        return nested


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One resource of the program.

    Attributes:
        type: Pulumi's type token, such as `aws:sqs/queue:Queue`.
        name: the logical name.
        properties: what the program sets; secrets are unwrapped, whole numbers are integers.
    """

    type: str
    name: str
    properties: Properties

    @property
    def physical_name(self) -> str:
        """The name in AWS: ends in seven hexadecimal digits, as in Pulumi's auto-naming."""
        return f"{self.name}-{hashlib.sha256(self.name.encode()).hexdigest()[:7]}"


@dataclass(frozen=True, kw_only=True)
class Created:
    """A created resource, as the provider would report it.

    Attributes:
        id: the resource's physical id.
        outputs: what AWS adds to the properties that the program set, under Pulumi's names.
    """

    id: str
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How resources of one type are created.

    Attributes:
        create: creates one; `not_emulated` must list every property that it does not read.
        not_emulated: properties that are accepted without effect, each with the reason.
    """

    create: Callable[[Aws, Declared], Created]
    not_emulated: Mapping[str, str] = field(default_factory=dict[str, str])
