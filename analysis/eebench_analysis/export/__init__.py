"""Networks that eebench trained, in the formats of others; the README says which."""

from pathlib import Path

from ..errors import InputError
from .weaver import write_state_dict
from .weights import read_weights


def export_weaver(weights, output):
    """Writes the tensors of the network without early heads to `output`, a file; prints what they are."""
    output = Path(output)
    if output.is_dir():
        raise InputError(f"{output}: is a folder; name a file in it")
    if not output.parent.is_dir():
        raise InputError(f"{output}: no folder {output.parent}; create it first")
    if output.resolve() == Path(weights).resolve():
        raise InputError(f"{output}: is the input too; give the output another name")
    print(write_state_dict(read_weights(weights), output))
