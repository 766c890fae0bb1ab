"""What `eebench predict` wrote; results/README.md says what is in it."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from .errors import InputError


@dataclass(frozen=True)
class Predictions:
    path: Path
    logits: np.ndarray  # float64 [jets, exits, classes]; with a rule [jets, 1, classes]: of the exit taken
    exit_index: np.ndarray  # [jets], the exit taken; without a rule the last
    label: np.ndarray  # [jets], below the number of classes
    classes: tuple
    exits: int  # of the network; with a rule at least those thresholds are given for
    attributes: dict
    place: np.ndarray | slice  # of the jets in the data file

    @property
    def rule(self):
        """Name of the rule by which jets left, or None where every exit answered."""
        return None if self.attributes["rule"] == "none" else self.attributes["rule"]


def read_predictions(path):
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; eebench predict -o writes one")
    try:
        with h5py.File(path) as file:
            attributes = {name: plain(value) for name, value in file.attrs.items()}
            if attributes.get("format") != "eebench predictions":
                raise InputError(f"{path}: not written by eebench predict; give the file that its -o names")
            logits = file["logits"][:].astype(np.float64)
            exit_index, label = file["exit_index"][:], file["label"][:]
            classes = tuple(plain(name) for name in file["class"][:])
            place = file["place"][:] if "place" in file else slice(0, len(label))
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: cannot be read ({error}); write it anew by eebench predict") from error
    bad = np.flatnonzero(~np.isfinite(logits).all(axis=tuple(range(1, logits.ndim))))
    if len(bad):
        raise InputError(f"{path}: the logits of jet {bad[0]} are not all finite; look at that jet and the network")
    if logits.ndim == 3:
        exits = logits.shape[1]
    else:
        logits, exits = logits[:, None], np.size(attributes["thresholds"]) + 1
    return Predictions(path, logits, exit_index, label, classes, exits, attributes, place)


def plain(value):
    return value.decode() if isinstance(value, bytes) else value
