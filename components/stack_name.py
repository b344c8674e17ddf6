"""The stack's name: it goes into the names of resources, which AWS bounds in length and characters."""

import re

import pulumi

LONGEST = 20
_NAME = re.compile(rf"[A-Za-z0-9]([A-Za-z0-9_-]{{0,{LONGEST - 2}}}[A-Za-z0-9])?")


class StackNameError(pulumi.RunError):
    """A stack cannot be called so; Pulumi shows the message without a traceback."""


def checked(stack: str) -> str:
    """The stack's name, once it is known to fit into every resource's.

    Lambda functions and IAM roles take 64 characters, SQS and Lambda neither dots nor slashes.

    Raises:
        StackNameError: it does not; the message says what would.
    """
    if not _NAME.fullmatch(stack):
        raise StackNameError(
            f"the stack's name is {stack!r}, but must be 1 to {LONGEST} letters, digits, hyphens and "
            "underscores, with a letter or digit at both ends, since functions and queues are named by it: "
            "`pulumi stack rename NAME`, or `pulumi stack init` another one."
        )
    return stack
