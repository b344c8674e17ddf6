"""The zips of the functions: locked wheels of the target platform, the handlers, bytecode.

`build` is what the Pulumi program calls. Nothing here knows of Pulumi.
"""

from bundles.builder import Bundle, build, functions, prepare
from bundles.errors import BundleError
from bundles.target import Target

__all__ = ["Bundle", "BundleError", "Target", "build", "functions", "prepare"]
