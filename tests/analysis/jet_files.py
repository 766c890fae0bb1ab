"""Small files of jets in the formats that people have, made from one table of numbers."""

import awkward
import h5py
import numpy as np
import uproot

JETCLASS = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
FLAGS = ("isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")


def make_jets(n_jets=7, seed=3):
    """Dicts of columns, one array a jet; particles deliberately not in falling pT."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, 9, n_jets)
    jets = {"counts": counts, "label": random.integers(0, 10, n_jets)}
    momentum = [random.normal(0, 40, (counts.sum())) for _ in range(3)]
    energy = np.sqrt(sum(p**2 for p in momentum)) * 1.01
    columns = dict(zip(("part_px", "part_py", "part_pz"), momentum), part_energy=energy)
    for name in ("d0val", "d0err", "dzval", "dzerr"):
        columns[f"part_{name}"] = random.uniform(0, 1, counts.sum())
    columns["part_charge"] = random.integers(-1, 2, counts.sum()).astype(float)
    kind = random.integers(0, 5, counts.sum())
    for index, name in enumerate(FLAGS):
        columns[f"part_{name}"] = (kind == index).astype(np.int32)
    jets["particles"] = {
        name: column.astype(np.float32) if column.dtype == float else column
        for name, column in columns.items()
    }
    return jets


def write_jetclass_root(path, jets):
    """A tree with the branches and branch types of the JetClass files."""
    branches = {name: awkward.unflatten(column, jets["counts"]) for name, column in jets["particles"].items()}
    types = {"label_QCD": np.float32}
    types |= {f"label_{name}": np.bool_ for name in ("Hbb", "Hcc", "Hgg", "H4q", "Hqql")}
    types |= {f"label_{name}": np.int32 for name in ("Zqq", "Wqq", "Tbqq", "Tbl")}
    for name, dtype in types.items():
        branches[name] = (jets["label"] == JETCLASS.index(name[6:])).astype(dtype)
    branches["jet_pt"] = np.full(len(jets["label"]), 512.5, np.float32)
    branches["jet_tau1"] = np.full(len(jets["label"]), 0.25, np.float32)
    write_tree(path, branches)


def write_tree(path, branches):
    with uproot.recreate(path) as file:
        file.mktree("tree", branches)


def padded(jets, name, slots=200):
    table = np.zeros((len(jets["counts"]), slots))
    start = 0
    for row, count in enumerate(jets["counts"]):
        table[row, :count] = jets["particles"][name][start : start + count]
        start += count
    return table


def write_pmu(path, jets):
    with h5py.File(path, "w") as file:
        names = ("part_energy", "part_px", "part_py", "part_pz")
        file["Pmu"] = np.stack([padded(jets, name) for name in names], axis=2)
        file["is_signal"] = (jets["label"] % 2).astype(np.int16)
        file["Nobj"] = jets["counts"].astype(np.int16)
