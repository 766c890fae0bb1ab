"""Folders of .npy arrays: labels, pf_vectors, pf_mask and, if there, pf_points and pf_features.

The names may carry a prefix and be written pfVectors instead of pf_vectors. pf_features are the 17
"full" inputs of the Particle Transformer, standardised but not clipped; they are undone here. What
standardising lost stays lost: |tanh d0| = 1 becomes 8.7 mm, errors above 1 mm stay at 1 mm.
"""

from pathlib import Path

import numpy as np

from ..errors import InputError
from .jets import JETCLASS, MOMENTUM, from_padded
from .source import Source, one_hot_to_label

CHUNK = 4096
NAMES = ("labels", "pfvectors", "pfmask", "pfpoints", "pffeatures")
FLAGS = ("charge", "isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")
LARGEST_TANH = np.nextafter(np.float32(1), np.float32(0)).astype(np.float64)


def open_npy(folder, _classes):
    arrays = find_arrays(folder)
    labels, vectors = arrays["labels"], arrays["pfvectors"]
    jets = len(vectors)
    check_shapes(arrays, folder)

    def chunks():
        for first in range(0, jets, CHUNK):
            yield read_chunk(arrays, folder, first, min(first + CHUNK, jets))

    ten = labels.ndim == 2 and labels.shape[1] == len(JETCLASS)
    count = labels.shape[1] if labels.ndim == 2 else 0
    return Source(folder, jets, JETCLASS if ten else None, chunks, count)


def find_arrays(folder):
    arrays = {}
    for path in sorted(folder.glob("*.npy")):
        plain = path.stem.replace("_", "").lower()
        name = next((name for name in NAMES if plain.endswith(name)), None)
        if name in arrays:
            raise InputError(f"{folder}: {file_name(arrays[name])} and {path.name}; keep one set in a folder")
        if name:
            try:
                arrays[name] = np.load(path, mmap_mode="r")
            except (ValueError, OSError) as error:
                raise InputError(f"{path}: not a readable .npy array ({error})") from None
    for name in NAMES[:3]:
        if name not in arrays:
            raise InputError(
                f"{folder}: no array {name.replace('pf', 'pf_')}.npy; a set has labels, pf_vectors "
                "and pf_mask (and pf_points, pf_features)"
            )
    return arrays


def file_name(array):
    return Path(array.filename).name


def check_shapes(arrays, folder):
    jets, _, slots = arrays["pfvectors"].shape if arrays["pfvectors"].ndim == 3 else (0, 0, 0)
    expected = {
        "pfvectors": (jets, 4, slots),
        "pfmask": (jets, 1, slots),
        "pfpoints": (jets, 2, slots),
        "pffeatures": (jets, 17, slots),
    }
    for name, shape in expected.items():
        if name in arrays and arrays[name].shape != shape:
            raise InputError(
                f"{folder}: {file_name(arrays[name])} has the shape {arrays[name].shape}, expected {shape} "
                "(jets, columns, slots)"
            )
    if len(arrays["labels"]) != jets or arrays["labels"].ndim > 2:
        raise InputError(
            f"{folder}: {file_name(arrays['labels'])} has the shape {arrays['labels'].shape} for {jets} jets; expected "
            "one number or one row of 0/1 a jet"
        )


def read_chunk(arrays, folder, first, last):
    real = arrays["pfmask"][first:last, 0] > 0.5
    vectors = np.moveaxis(arrays["pfvectors"][first:last], 1, 0)
    particles = dict(zip(MOMENTUM, vectors))
    jets = {}
    if "pfpoints" in arrays:
        jets |= axis_from_points(vectors, arrays["pfpoints"][first:last], real)
    if "pffeatures" in arrays:
        features = np.moveaxis(arrays["pffeatures"][first:last], 1, 0).astype(np.float64)
        particles |= undo_features(features)
        jets |= jet_scale_from_features(vectors, features, real)
    label = arrays["labels"][first:last]
    if label.ndim == 2:
        label = one_hot_to_label(label, folder, first)
    return from_padded(real, particles, jets, np.asarray(label).astype(np.int64))


def undo_features(features):
    columns = {f"part_{name}": features[5 + i] for i, name in enumerate(FLAGS)}
    for value, error, name in ((11, 12, "d0"), (13, 14, "dz")):
        clipped = np.clip(features[value], -LARGEST_TANH, LARGEST_TANH)
        columns[f"part_{name}val"] = np.arctanh(clipped)
        columns[f"part_{name}err"] = features[error]
    return columns


def masked_median(values, real):
    """Median over the real slots of each jet; jets without any give what their first slot holds."""
    real = real | ~real.any(axis=1, keepdims=True)
    return np.nanmedian(np.where(real, values, np.nan), axis=1)


def jet_scale_from_features(vectors, features, real):
    """jet_pt and jet_energy from ln(pT/jet_pt) and ln(E/jet_energy), equal for every particle."""
    pt = np.hypot(vectors[0], vectors[1])
    return {
        "jet_pt": masked_median(pt / np.exp(features[2] / 0.7 - 4.7), real),
        "jet_energy": masked_median(vectors[3] / np.exp(features[3] / 0.7 - 4.7), real),
    }


def axis_from_points(vectors, points, real):
    """jet_eta and jet_phi from deta = sign(jet_eta)(eta - jet_eta) and dphi = phi - jet_phi."""
    px, py, pz = (vectors[i].astype(np.float64) for i in range(3))
    eta = np.arcsinh(pz / np.maximum(np.hypot(px, py), 1e-30))
    best, spread = None, None
    for sign in (1.0, -1.0):
        candidates = eta - sign * points[:, 0]
        centre = masked_median(candidates, real)
        width = masked_median(np.abs(candidates - centre[:, None]), real)
        best = centre if best is None else np.where(width < spread, centre, best)
        spread = width if spread is None else np.minimum(width, spread)
    turn = np.arctan2(py, px) - points[:, 1]
    phi = np.arctan2(masked_median(np.sin(turn), real), masked_median(np.cos(turn), real))
    return {"jet_eta": best, "jet_phi": phi}
