"""The error that stops the building of a bundle."""


class BundleError(Exception):
    """A bundle cannot be built; the message names the fault and the remedy in one paragraph."""
