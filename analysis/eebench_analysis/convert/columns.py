"""What ROOT and parquet files of jets share: columns called part_*, jet_* and label_*."""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .jets import JET_COLUMNS, JETCLASS, MOMENTUM, PARTICLE_TYPES, Jets
from .source import one_hot_to_label

JETCLASS2_CLASSES = 188


@dataclass(frozen=True)
class Columns:
    """Which columns to read, and how the label is stored in them."""

    particles: tuple
    jets: tuple
    one_hot: tuple  # label_<class> columns, in class order; empty where `number` is used
    number: str | None  # the column that holds the class index

    @property
    def all(self):
        return self.particles + self.jets + self.one_hot + ((self.number,) if self.number else ())

    @property
    def classes(self):
        return tuple(name.removeprefix("label_") for name in self.one_hot) or None

    @property
    def class_count(self):
        return JETCLASS2_CLASSES if self.number == "jet_label" else 0


def choose_columns(names, path, classes):
    """Picks from the names in the file; `classes` (or None) selects the label_<class> columns."""
    missing = [name for name in MOMENTUM if name not in names]
    if missing:
        raise InputError(
            f"{path}: no column {missing[0]}; a file of jets has part_px, part_py, part_pz and "
            f"part_energy, this one has {', '.join(list(names)[:5])}, ..."
        )
    available = [name for name in names if name.startswith("label_")]
    if available:
        one_hot, number = choose_one_hot(available, path, classes), None
    else:
        one_hot, number = (), next((n for n in ("jet_label", "label") if n in names), None)
        if number is None:
            raise InputError(
                f"{path}: no label: neither label_<class> columns nor jet_label nor label; "
                "add the class of each jet under one of these names"
            )
    return Columns(
        tuple(name for name in PARTICLE_TYPES if name in names),
        tuple(name for name in JET_COLUMNS if name in names),
        one_hot,
        number,
    )


def choose_one_hot(available, path, classes):
    if classes is None:
        known = [f"label_{name}" for name in JETCLASS]
        if set(available) <= set(known):
            return tuple(name for name in known if name in available)
        return tuple(available)
    wanted = tuple(f"label_{name}" for name in classes)
    absent = [name for name in wanted if name not in available]
    if absent:
        raise InputError(
            f"{path}: no column {absent[0]} for --classes; the file has "
            f"{', '.join(name.removeprefix('label_') for name in available)}"
        )
    return wanted


def assemble(columns, path, first, lengths, flat, per_jet):
    """Jets from flat particle columns, their lengths and per-jet columns, all by name."""
    for name in columns.particles:
        if not np.array_equal(lengths[name], lengths["part_px"]):
            jet = first + int(np.flatnonzero(lengths[name] != lengths["part_px"])[0])
            raise InputError(f"{path}: {name} and part_px of jet {jet} differ in length; the file is damaged")
    if columns.number:
        label = np.asarray(per_jet[columns.number]).astype(np.int64)
    else:
        rows = np.stack([np.asarray(per_jet[name]) for name in columns.one_hot], axis=1)
        label = one_hot_to_label(rows, path, first)
    return Jets(
        np.concatenate([[0], np.cumsum(lengths["part_px"])]).astype(np.int64),
        {name: flat[name] for name in columns.particles},
        {name: np.asarray(per_jet[name]) for name in columns.jets},
        label,
    )
