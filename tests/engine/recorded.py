"""All resources that the program declares in the configurations that the tests of `components` record."""

from functools import cache

from tests.components.conftest import CONFIGURATIONS
from tests.components.recorder import Registered, record


@cache
def declared() -> tuple[Registered, ...]:
    """Every AWS resource, in every configuration."""
    recordings = [record(config=config) for config in CONFIGURATIONS.values()]
    return tuple(
        resource for recording in recordings for resource in recording.resources.values() if resource.custom
    )


@cache
def declared_types() -> frozenset[str]:
    return frozenset(resource.type for resource in declared())
