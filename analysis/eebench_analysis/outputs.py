"""What is wrong with an output is said before any work."""

from pathlib import Path

from .errors import InputError


def check_output_file(output, inputs):
    if any(Path(path).resolve() == output.resolve() for path in inputs):
        raise InputError(f"{output}: is an input too; give the output another name")
    if output.is_dir():
        raise InputError(f"{output}: is a folder; name a file in it")
    if output.exists() and not output.is_file():
        raise InputError(f"{output}: is no ordinary file and would be replaced; name another")
    check_parent(output)


def check_parent(output):
    if not output.resolve().parent.is_dir():
        raise InputError(f"{output}: no folder {output.parent}; create it first")
