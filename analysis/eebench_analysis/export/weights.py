"""A weights.h5 of eebench: tensors under the reference's names, and the configuration of their network."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import torch

from ..errors import InputError

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

FORMAT_VERSION = 1
TYPES = {torch.float32: "Float", torch.float64: "Double", torch.int64: "Long"}


@dataclass
class Weights:
    path: Path
    config: dict  # model configuration: kind, features, classes, [network], [exits]
    tensors: dict  # name: tensor, in the network's order
    sha256: str

    def backbone(self):
        """The tensors without the early heads."""
        return {name: tensor for name, tensor in self.tensors.items() if not name.startswith("exits.")}


def read_weights(path):
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a weights.h5 that eebench train wrote")
    try:
        with h5py.File(path) as file:
            return read(path, file)
    except OSError as error:
        raise InputError(f"{path}: not HDF5; give a weights.h5 that eebench train wrote") from error


def read(path, file):
    # A checkpoint is laid out alike and holds the state of the optimiser beside the weights.
    if text(file, "format") != "eebench weights" or "weights" not in file or "checkpoint_version" in file.attrs:
        raise InputError(f"{path}: holds no weights; give a weights.h5 that eebench train wrote")
    if file.attrs["format_version"] != FORMAT_VERSION:
        raise InputError(
            f"{path}: format version {file.attrs['format_version']}, this program reads {FORMAT_VERSION}; "
            "use the eebench_analysis that came with the eebench that wrote it"
        )
    tensors = {name: torch.from_numpy(dataset[()]) for name, dataset in file["weights"].items()}
    if checksum(tensors) != text(file, "sha256"):
        raise InputError(f"{path}: the weights do not match their checksum; take another copy")
    config = tomllib.loads(text(file, "model_config"))
    return Weights(path, {"classes": 10, "features": "full"} | config, tensors, text(file, "sha256"))


def text(file, name):
    value = file.attrs.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def checksum(tensors):
    """SHA-256 over names, types, shapes and values, as eebench takes it."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        shape = ",".join(str(length) for length in tensor.shape)
        digest.update(f"{name} {TYPES[tensor.dtype]} [{shape}]\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
