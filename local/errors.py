"""What goes wrong on one machine, each in one message for the person at the keyboard."""


class LocalStackError(Exception):
    """The local stack could not do what was asked; the message says why and what to do."""


class ProgramError(LocalStackError):
    """The Pulumi program refused its configuration or could not be run; the message is the program's own."""


class DeadlineError(LocalStackError):
    """Something that was waited for did not happen in time."""
