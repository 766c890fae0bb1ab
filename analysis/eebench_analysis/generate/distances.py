"""How far the distributions of two files of jets are from each other."""

import h5py
import numpy as np

from ..convert.jets import MOMENTUM
from ..errors import InputError
from ..predictions import plain
from ..tables import markdown


def compare(generated, real):
    """A table: for each class and variable the Kolmogorov-Smirnov distance, its p-value, and both medians."""
    ours, theirs = variables(generated), variables(real)
    rows = []
    for name in (name for name in ours if name in theirs):
        for variable, mine in ours[name].items():
            other = theirs[name][variable]
            distance = ks_distance(mine, other)
            rows.append(
                [
                    name, variable, len(mine), len(other), f"{np.median(mine):.1f}", f"{np.median(other):.1f}",
                    f"{distance:.3f}", f"{ks_p_value(distance, len(mine), len(other)):.3f}",
                ]
            )  # fmt: skip
    if not rows:
        raise InputError(f"{real}: has no jets of {', '.join(ours)}; give other jets to compare with")
    header = ["class", "variable", "jets", "real jets", "median", "real median", "KS distance", "p-value"]
    return markdown(header, rows)


def variables(path):
    """By class: number of constituents, mass and pT (GeV) of the summed constituents."""
    with h5py.File(path) as file:
        offsets, label = file["offsets"][:], file["label"][:]
        names = [plain(name) for name in file.attrs["classes"]]
        px, py, pz, energy = (np.add.reduceat(file[name][:].astype(float), offsets[:-1]) for name in MOMENTUM)
    mass = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0))
    columns = {"constituents": np.diff(offsets), "mass [GeV]": mass, "pT [GeV]": np.hypot(px, py)}
    return {
        name: {variable: column[label == index] for variable, column in columns.items()}
        for index, name in enumerate(names)
        if (label == index).any()
    }


def ks_distance(a, b):
    """Largest difference of the two distribution functions."""
    at = np.concatenate([a, b])
    a, b = np.sort(a), np.sort(b)
    return float(np.abs(np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)).max())


def ks_p_value(distance, n, m):
    """Chance of at least this distance between samples of one distribution; asymptotic, by Stephens (1970)."""
    root = np.sqrt(n * m / (n + m))
    x = (root + 0.12 + 0.11 / root) * distance
    k = np.arange(1, 101)
    return float(np.clip(2 * ((-1.0) ** (k - 1) * np.exp(-2 * (k * x) ** 2)).sum(), 0, 1)) if x > 0.2 else 1.0
