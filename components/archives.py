"""The functions' bundles as Pulumi's archives."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pulumi

import bundles
from components.settings import BundleTarget

Archives = Callable[[str], pulumi.Archive]
"""Gives the archive of a function's bundle by the function's name."""


class Build(Protocol):
    """Builds a bundle; `bundles.build` is the one."""

    def __call__(self, function: str, target: bundles.Target, /) -> Path:
        """The folder of a function's bundle."""
        ...


def archives(bundle_target: BundleTarget, build: Build = bundles.build) -> Archives:
    """Archives of bundles built for AWS Lambda, or for this machine.

    Building raises pulumi.RunError, which Pulumi shows without a traceback, when a bundle cannot be had.
    """
    target = bundles.Target.host() if bundle_target == "host" else bundles.Target.LAMBDA

    def archive_of(function: str) -> pulumi.Archive:
        try:
            return pulumi.FileArchive(str(build(function, target)))
        except bundles.BundleError as error:
            raise pulumi.RunError(str(error)) from error

    return archive_of
