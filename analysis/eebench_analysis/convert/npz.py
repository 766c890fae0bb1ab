"""EnergyFlow's quark and gluon jets: X [jets, slots, 4] = (pT, rapidity, phi, PDG number) and y, 1 = quark.

Particles are taken as massless, so that their rapidity is their pseudorapidity, as in the reference trainings.
"""

import zipfile

import numpy as np

from ..errors import InputError
from .jets import from_padded
from .source import Source

CHUNK = 4096
CLASSES = ("gluon", "quark")
KINDS = {
    "part_isChargedHadron": (211, 321, 2212),
    "part_isNeutralHadron": (130, 2112),
    "part_isPhoton": (22,),
    "part_isElectron": (11,),
    "part_isMuon": (13,),
}


def open_npz(path, _classes):
    with np.load(path) as file:
        missing = next((name for name in ("X", "y") if name not in file), None)
        if missing:
            raise InputError(
                f"{path}: no array {missing}; a set of quark and gluon jets has X (pT, rapidity, phi, PDG number) and y"
            )
        jets = len(file["y"])
    shape = shape_of(path, "X")
    if len(shape) != 3 or shape[0] != jets or shape[2] != 4:
        raise InputError(f"{path}: X has the shape {shape} for {jets} labels, expected ({jets}, slots, 4)")

    def chunks():
        with np.load(path) as file:
            particles, label = file["X"], file["y"].astype(np.int64)
        for first in range(0, jets, CHUNK):
            yield read_chunk(particles[first : first + CHUNK], label[first : first + CHUNK], path, first)

    return Source(path, jets, CLASSES, chunks)


def shape_of(path, name):
    """From the header alone: the array may take a GB to unpack."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return read(file)[0]


def read_chunk(particles, label, path, first):
    pt, rapidity, phi, number = np.moveaxis(particles, 2, 0)
    real, number = pt > 0, number.astype(np.int64)
    kind = np.abs(number)
    columns = {
        "part_px": pt * np.cos(phi),
        "part_py": pt * np.sin(phi),
        "part_pz": pt * np.sinh(rapidity),
        "part_energy": pt * np.cosh(rapidity),
        **{name: np.isin(kind, numbers) for name, numbers in KINDS.items()},
    }
    unknown = real & ~np.any([columns[name] for name in KINDS], axis=0)
    if unknown.any():
        jet, slot = np.argwhere(unknown)[0]
        raise InputError(
            f"{path}: a particle of jet {first + jet} has the PDG number {number[jet, slot]}, of no known kind"
        )
    # Leptons of positive number are negative.
    lepton = columns["part_isElectron"] | columns["part_isMuon"]
    columns["part_charge"] = np.sign(number) * (columns["part_isChargedHadron"] * 1 - lepton)
    return from_padded(real, columns, {}, label)
