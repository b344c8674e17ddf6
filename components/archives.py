"""The functions' bundles as Pulumi's archives."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pulumi

import bundles
from components.settings import BundleTarget

Archives = Callable[[str], pulumi.Archive]
"""Takes a function's name and returns the archive of its bundle."""


class Build(Protocol):
    """Builds a bundle, as `bundles.build` does."""

    def __call__(self, function: str, target: bundles.Target, /) -> Path:
        """Return the folder of a function's bundle."""
        ...


def archives(bundle_target: BundleTarget, build: Build = bundles.build) -> Archives:
    """Return archives of bundles built for AWS Lambda, or for this machine.

    If a bundle cannot be built, they raise pulumi.RunError, which Pulumi shows without a traceback.
    """
    target = bundles.Target.host() if bundle_target == "host" else bundles.Target.LAMBDA

    def archive_of(function: str) -> pulumi.Archive:
        try:
            return pulumi.FileArchive(str(build(function, target)))
        except bundles.BundleError as error:
            raise pulumi.RunError(str(error)) from error

    return archive_of
