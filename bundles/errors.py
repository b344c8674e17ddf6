"""What goes wrong while a bundle is built."""


class BundleError(Exception):
    """A bundle cannot be built; the message is one paragraph that names the fault and the remedy."""
