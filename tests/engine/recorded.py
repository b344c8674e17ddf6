"""Everything that the program declares, in every configuration that the tests of `components` record."""

from functools import cache

from tests.support.configurations import CONFIGURATIONS
from tests.support.recorder import Registered, record


@cache
def declared() -> tuple[Registered, ...]:
    """Every resource of AWS, in every configuration."""
    recordings = [record(config=config) for config in CONFIGURATIONS.values()]
    return tuple(
        resource for recording in recordings for resource in recording.resources.values() if resource.custom
    )


@cache
def declared_types() -> frozenset[str]:
    return frozenset(resource.type for resource in declared())
