"""Networks that eebench trained, in the formats of others; the README says which."""

import os
import shutil
from pathlib import Path

from ..errors import InputError
from ..outputs import check_output_file, check_parent
from .kinds import kind_of
from .state_dict import write_state_dict
from .weights import read_weights

SHIPPED_JETS = "suites/assets/jets_test.h5"


def export_state_dict(weights, output):
    """Writes the network without early heads to `output`, a file; prints what it is."""
    output = Path(output)
    check_output_file(output, [weights])
    print(write_state_dict(read_weights(weights), output))


def export_onnx(weights, output, data=None, limit=64):
    """Writes the network, whole and in segments, to `output`, a folder; prints how far its answers are
    from eebench's for the first `limit` jets of `data`. Throws DeviationError where they are too far."""
    output = Path(output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output}: is there already; name a new folder")
    check_parent(output)
    weights = read_weights(weights)
    kind_of(weights, padded=True)  # before packages are asked for that would not help
    try:
        import onnx  # noqa: F401  torch writes with it
        from .verify import write_verified
    except ModuleNotFoundError as missing:
        raise InputError(f"--format onnx needs {missing.name}; pip install -e 'analysis[onnx]'") from missing

    part = output.with_name(output.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        table = write_verified(weights, part, Path(data) if data else shipped_jets(), limit)
        os.replace(part, output)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    print(f"{table}\n{output}: full.onnx, a segment_<k>.onnx for each exit, and export.json, which says what they take")


def shipped_jets():
    root = Path(os.environ.get("EEBENCH_SHARE", Path(__file__).resolve().parents[3]))
    if not (root / SHIPPED_JETS).is_file():
        raise InputError(f"no {SHIPPED_JETS} in {root}; name jets to compare on with --data")
    return root / SHIPPED_JETS
