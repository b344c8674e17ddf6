"""Why an audit has no result."""


class AuditError(Exception):
    """Something in the repository is wrong; the message names the file, the fault and the remedy."""


class NotAuditedError(Exception):
    """The service did not answer for every package; the message says for which, and why."""
