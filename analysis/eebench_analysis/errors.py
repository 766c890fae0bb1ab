"""The one error that users cause and can mend."""


class InputError(Exception):
    """Names the file, the place in it and the remedy in one line; the program exits with code 2."""
