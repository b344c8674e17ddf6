"""All resources that the program declares in the configurations that the tests of `components` record."""

from functools import cache

from tests.support.configurations import every_recording
from tests.support.recorder import Registered


@cache
def declared() -> tuple[Registered, ...]:
    """Every AWS resource, in every configuration."""
    return tuple(
        resource
        for recording in every_recording().values()
        for resource in recording.resources.values()
        if resource.custom
    )


@cache
def declared_types() -> frozenset[str]:
    return frozenset(resource.type for resource in declared())
