"""HDF5 files of jets: the top-tagging set in its two layouts, JetClass-II, and eebench's own."""

import pickletools

import h5py
import numpy as np

from ..errors import InputError
from .columns import JETCLASS2_CLASSES
from .jets import JET_COLUMNS, MOMENTUM, PARTICLE_TYPES, Jets, from_padded
from .source import Source

CHUNK = 4096
TOP_CLASSES = ("QCD", "top")
COMPONENTS = ("PX", "PY", "PZ", "E")


def open_hdf5(path, _classes):
    with h5py.File(path, "r") as file:
        if "Pmu" in file:
            return open_pmu(file, path)
        if "offsets" in file and "part_px" in file:
            return open_ragged(file, path, "offsets", "label")
        if "offsets_part" in file and "part_px" in file:
            return open_ragged(file, path, "offsets_part", "jet_label")
        table = next(
            (
                f"{name}/table"
                for name in file
                if isinstance(file[name], h5py.Group) and "table" in file[name]
            ),
            None,
        )
        if table:
            return open_table(file, path, table)
        raise InputError(
            f"{path}: an HDF5 file, but not of jets: neither Pmu nor offsets and part_px nor a "
            f"table; it holds {', '.join(list(file)[:6]) or 'nothing'}"
        )


def open_pmu(file, path):
    """Pmu [jets, slots, 4] = (E, px, py, pz), zero rows after the last particle; is_signal 1 = top."""
    if "is_signal" not in file:
        raise InputError(f"{path}: Pmu without is_signal; add the label of each jet (1 top, 0 QCD)")
    shape, jets = file["Pmu"].shape, len(file["is_signal"])
    if len(shape) != 3 or shape[2] != 4 or shape[0] != jets:
        raise InputError(f"{path}: Pmu has the shape {shape} for {jets} labels, expected ({jets}, slots, 4)")

    def chunks():
        with h5py.File(path, "r") as file:
            for first in range(0, jets, CHUNK):
                momenta = file["Pmu"][first : first + CHUNK]
                label = file["is_signal"][first : first + CHUNK].astype(np.int64)
                yield from_energy_first(momenta, label)

    return Source(path, jets, TOP_CLASSES, chunks)


def from_energy_first(momenta, label):
    energy, px, py, pz = np.moveaxis(momenta, 2, 0)
    return from_padded(energy != 0, dict(zip(MOMENTUM, (px, py, pz, energy))), {}, label)


def open_table(file, path, name):
    """The table that pandas wrote: columns E_i, PX_i, PY_i, PZ_i and is_signal_new, in blocks."""
    table = file[name]
    where = {}
    for block in (field for field in table.dtype.names or () if field.startswith("values_block_")):
        for index, column in enumerate(block_columns(table, block)):
            where[column] = (block, index)
    slots = sum(column.startswith("PX_") for column in where)
    wanted = [f"{axis}_{i}" for axis in COMPONENTS for i in range(slots)] + ["is_signal_new"]
    missing = next((column for column in wanted if column not in where), None)
    if missing or not slots:
        raise InputError(
            f"{path}: the table {name} has no column {missing or 'PX_0'}; a top-tagging table has "
            "E_i, PX_i, PY_i, PZ_i and is_signal_new"
        )

    def chunks():
        with h5py.File(path, "r") as file:
            for first in range(0, len(file[name]), CHUNK):
                rows = file[name][first : first + CHUNK]
                columns = {
                    axis: np.stack([rows[where[c][0]][:, where[c][1]] for c in axis_columns(axis, slots)], 1)
                    for axis in COMPONENTS
                }
                block, index = where["is_signal_new"]
                label = rows[block][:, index].astype(np.int64)
                yield from_padded(columns["E"] != 0, dict(zip(MOMENTUM, columns.values())), {}, label)

    return Source(path, len(table), TOP_CLASSES, chunks)


def axis_columns(axis, slots):
    return [f"{axis}_{i}" for i in range(slots)]


def block_columns(table, block):
    """Column names of one block: strings of a pickled list, read without unpickling it."""
    kind = table.attrs.get(f"{block}_kind", b"")
    kind = kind if isinstance(kind, bytes) else bytes(kind)
    return [value for _, value, _ in pickletools.genops(kind) if isinstance(value, str)]


def open_ragged(file, path, offsets_name, label_name):
    missing = [name for name in MOMENTUM + (label_name,) if name not in file]
    if missing:
        raise InputError(f"{path}: no dataset {missing[0]} beside {offsets_name}")
    particles = [name for name in PARTICLE_TYPES if name in file]
    jet_columns = [name for name in JET_COLUMNS if name in file]
    offsets = file[offsets_name][:]
    jets = len(file[label_name])
    if len(offsets) != jets + 1:
        raise InputError(f"{path}: {offsets_name} has {len(offsets)} entries, expected {jets + 1} by {label_name}")
    falls = np.flatnonzero(offsets[1:] < offsets[:-1])
    if len(falls):
        index = falls[0] + 1
        raise InputError(
            f"{path}: {offsets_name}[{index}] = {offsets[index]} is below the entry before, {offsets[index - 1]}; "
            "the file is damaged, fetch it again"
        )
    if offsets[0] != 0:
        raise InputError(f"{path}: {offsets_name} begins at {offsets[0]}, expected 0; particles before it have no jet")
    for name, expected in [(name, offsets[-1]) for name in particles] + [(name, jets) for name in jet_columns]:
        if file[name].shape != (expected,):
            raise InputError(
                f"{path}: {name} has the shape {file[name].shape}, expected ({expected},) by {offsets_name}; "
                "the file is damaged, fetch it again"
            )
    names = file.attrs.get("classes")
    classes = tuple(n if isinstance(n, str) else n.decode() for n in names) if names is not None else None

    def chunks():
        with h5py.File(path, "r") as file:
            for first in range(0, jets, CHUNK):
                last = min(first + CHUNK, jets)
                begin, end = offsets[first], offsets[last]
                yield Jets(
                    offsets[first : last + 1] - begin,
                    {name: file[name][begin:end] for name in particles},
                    {name: file[name][first:last] for name in jet_columns},
                    file[label_name][first:last].astype(np.int64),
                )

    count = JETCLASS2_CLASSES if label_name == "jet_label" else 0
    return Source(path, jets, classes, chunks, count)
