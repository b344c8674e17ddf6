"""Expectations that the steps check operations of the engine against."""

from collections import Counter
from collections.abc import Iterable

from engine.cli import Operation, Pulumi
from engine.report import Step


def only(step: Step, operation: Operation, *kinds: str) -> None:
    """Expect at least one change of each of these kinds, and no other kind of change."""
    for kind in ("created", "updated", "replaced", "deleted"):
        if kind in kinds:
            step.expect(bool(getattr(operation.changes, kind)), f"nothing was {kind}")
        else:
            never(step, operation, kind)


def never(step: Step, operation: Operation, *kinds: str) -> None:
    """Expect no change of these kinds."""
    for kind in kinds:
        urns: set[str] = getattr(operation.changes, kind)
        step.expect(not urns, f"{len(urns)} {kind}: {listed(operation.changes.types(kind))}")


def exactly(step: Step, operation: Operation, kind: str, types: Iterable[str]) -> None:
    """Expect this kind of change to resources of exactly these types."""
    found, expected = operation.changes.types(kind), sorted(types)
    step.expect(found == expected, f"{kind}: {listed(found)}, where {listed(expected)} was expected")


def nothing_changed(step: Step, operation: Operation, resources: int) -> None:
    """Expect an operation to find this number of resources and components, all unchanged."""
    only(step, operation)
    found = len(operation.changes.same)
    step.expect(found == resources, f"{found} resources were found, not {resources}")


def all_destroyed(step: Step, pulumi: Pulumi, operation: Operation, resources: int) -> None:
    """Expect a destruction to delete this number of resources and components and to leave none."""
    step.succeeded(operation)
    only(step, operation, "deleted")
    deleted, left = len(operation.changes.deleted), len(pulumi.resources())
    step.expect(deleted == resources, f"{deleted} of {resources} resources were deleted")
    step.expect(left == 0, f"{left} resources are left in the state")


def listed(types: Iterable[str]) -> str:
    """Summarize types, such as `2 Table, 1 Queue`."""
    counts = Counter(type_token.rpartition(":")[2] for type_token in types)
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing"
