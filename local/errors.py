"""Errors of the local stack; each message is for the person at the keyboard."""


class LocalStackError(Exception):
    """The local stack could not do what it was asked; the message says why and what to do."""


class ProgramError(LocalStackError):
    """The Pulumi program refused its configuration or could not run; the message is the program's own."""


class DeadlineError(LocalStackError):
    """An awaited event did not happen in time."""
