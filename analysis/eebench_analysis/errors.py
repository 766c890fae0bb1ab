"""Errors that end a command with one line, and the exit codes they give it."""


class InputError(Exception):
    """The user's, who can mend it: names the file, the place in it and the remedy."""

    exit_code = 2


class DeviationError(Exception):
    """What was written does not compute what eebench computes."""

    exit_code = 3


class ProgramError(Exception):
    """The program eebench ended otherwise than well; with its exit code."""

    def __init__(self, message, exit_code):
        super().__init__(message)
        self.exit_code = exit_code
