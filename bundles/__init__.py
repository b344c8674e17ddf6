"""Build the functions' bundles: locked wheels for the target platform, the handlers, bytecode.

The Pulumi program calls `build`; this package does not use Pulumi.
"""

from bundles.builder import Bundle, build, functions, prepare
from bundles.errors import BundleError
from bundles.target import Target

__all__ = ["Bundle", "BundleError", "Target", "build", "functions", "prepare"]
