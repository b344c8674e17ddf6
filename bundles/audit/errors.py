"""The errors that leave an audit without a result."""


class AuditError(Exception):
    """A file of the repository is wrong; the message names the file, the fault and the remedy."""


class NotAuditedError(Exception):
    """The service did not answer for every package; the message says for which ones, and why."""
