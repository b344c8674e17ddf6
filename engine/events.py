"""Read the engine's own log, one JSON event per line."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_OPERATIONS = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "same": "same",
}
# Parts of a replacement, which is counted as a whole, and a refresh, which changes nothing.
_PARTS = {"create-replacement", "delete-replaced", "refresh"}

ENGINES_OWN = "pulumi:"
"""The types of the stack itself and of its providers begin with this."""


class LogError(ValueError):
    """The log holds a line or an operation that this module does not know."""


@dataclass(kw_only=True)
class Changes:
    """The URNs of the resources and components that an operation changed, plans to change, or kept.

    Attributes:
        errors: the error messages of the engine and the program.
    """

    created: set[str] = field(default_factory=set[str])
    updated: set[str] = field(default_factory=set[str])
    replaced: set[str] = field(default_factory=set[str])
    deleted: set[str] = field(default_factory=set[str])
    same: set[str] = field(default_factory=set[str])
    errors: list[str] = field(default_factory=list[str])

    def types(self, kind: str) -> list[str]:
        """The sorted types of the resources that were `created`, `updated` …, without components."""
        urns: set[str] = getattr(self, kind)
        found = sorted(urn.split("::")[2].rpartition("$")[2] for urn in urns)
        return [type_token for type_token in found if type_token.startswith("aws:")]

    @property
    def none(self) -> bool:
        """Whether nothing changes."""
        return not (self.created or self.updated or self.replaced or self.deleted)

    def __str__(self) -> str:
        kinds = [kind for kind in _OPERATIONS.values() if getattr(self, kind)]
        return ", ".join(f"{len(getattr(self, kind))} {kind}" for kind in kinds) or "nothing"


def read_log(lines: Iterable[str], *, planned: bool = False) -> Changes:
    """Read the changes from a log.

    Args:
        lines: the lines of the log.
        planned: count the planned changes, not the ones made.

    Raises:
        LogError: a line is no event, or an operation is unknown here.
    """
    changes = Changes()
    for line in filter(str.strip, lines):
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise LogError(f"the engine's log has a line that is not JSON: {line!r}") from error
        step = event.get("resourcePreEvent" if planned else "resOutputsEvent")
        if step and bool(step.get("planning")) is planned:
            _count(changes, step["metadata"])
        elif (diagnostic := event.get("diagnosticEvent")) and diagnostic.get("severity") == "error":
            changes.errors.append(diagnostic["message"].strip())
    return changes


def _count(changes: Changes, metadata: dict[str, Any]) -> None:
    operation, urn = metadata["op"], metadata["urn"]
    if operation in _PARTS or metadata["type"].startswith(ENGINES_OWN):
        return
    if operation not in _OPERATIONS:
        raise LogError(
            f"the engine's log has the unknown operation {operation!r} at {urn}: see engine/events.py"
        )
    getattr(changes, _OPERATIONS[operation]).add(urn)
