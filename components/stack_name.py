"""Check the stack's name: resource names contain it, and AWS limits their length and characters."""

import re

import pulumi

LONGEST = 20
_NAME = re.compile(rf"[A-Za-z0-9]([A-Za-z0-9_-]{{0,{LONGEST - 2}}}[A-Za-z0-9])?")


class StackNameError(pulumi.RunError):
    """The stack's name is not allowed; Pulumi shows the message without a traceback."""


def checked(stack: str) -> str:
    """Return the stack's name if it fits into the name of every resource.

    Lambda functions and IAM roles take 64 characters; SQS and Lambda take neither dots nor slashes.

    Raises:
        StackNameError: it does not fit; the message says which names do.
    """
    if not _NAME.fullmatch(stack):
        raise StackNameError(
            f"the stack's name is {stack!r}, but must be 1 to {LONGEST} letters, digits, hyphens and "
            "underscores, with a letter or digit at both ends: functions and queues carry it in their names. "
            "Run `pulumi stack rename NAME`, or `pulumi stack init NAME` for a new stack."
        )
    return stack
