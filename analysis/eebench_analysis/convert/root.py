"""ROOT files: one tree (TTree or RNTuple) with a row a jet and vector branches part_*."""

import numpy as np

from ..errors import InputError
from .columns import assemble, choose_columns
from .source import Source

CHUNK = 20_000
TREES = ("TTree", "ROOT::RNTuple")


def open_root(path, classes):
    try:
        import awkward
        import uproot
    except ImportError as error:
        raise InputError(f"{path}: reading ROOT needs {error.name}; pip install uproot awkward") from None

    tree = find_tree(uproot.open(path), path)
    columns = choose_columns(tree.keys(recursive=False), path, classes)

    def chunks():
        first = 0
        for rows in tree.iterate(columns.all, step_size=CHUNK, library="ak"):
            lengths = {n: np.asarray(awkward.num(rows[n])) for n in columns.particles}
            flat = {n: np.asarray(awkward.flatten(rows[n])) for n in columns.particles}
            yield assemble(columns, path, first, lengths, flat, rows)
            first += len(rows)

    return Source(path, tree.num_entries, columns.classes, chunks, columns.class_count)


def find_tree(file, path):
    trees = {name.split(";")[0] for name, kind in file.classnames().items() if kind in TREES}
    if "Delphes" in trees:
        raise InputError(
            f"{path}: a Delphes event file ({file['Delphes'].num_entries} whole events with "
            "generator particles and detector objects), not a file of jets; select its jets into "
            "a tree with part_* and jet_* branches first"
        )
    with_jets = [name for name in sorted(trees) if "part_px" in file[name].keys(recursive=False)]
    if len(with_jets) == 1:
        return file[with_jets[0]]
    if with_jets:
        raise InputError(
            f"{path}: several trees of jets ({', '.join(with_jets)}); copy the wanted one to a "
            "file of its own"
        )
    raise InputError(
        f"{path}: no tree of jets (branch part_px); it holds {', '.join(sorted(trees)) or 'no tree'}"
    )
