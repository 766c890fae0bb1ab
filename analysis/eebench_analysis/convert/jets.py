"""A chunk of jets in the form that every reader yields and the writer takes."""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

MOMENTUM = ("part_px", "part_py", "part_pz", "part_energy")
PARTICLE_TYPES = {
    **{name: np.float32 for name in MOMENTUM},
    **{f"part_{name}": np.float32 for name in ("d0val", "d0err", "dzval", "dzerr")},
    "part_charge": np.int8,
    **{
        f"part_is{name}": np.uint8
        for name in ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")
    },
}
AXIS = ("jet_pt", "jet_eta", "jet_phi", "jet_energy")
JET_COLUMNS = AXIS + ("jet_sdmass", "jet_tau1", "jet_tau2", "jet_tau3", "jet_tau4")
JETCLASS = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")


@dataclass(frozen=True)
class Jets:
    """Jet j owns the particles offsets[j] .. offsets[j+1]; momenta in GeV, impact parameters in mm."""

    offsets: np.ndarray
    particles: dict
    jets: dict
    label: np.ndarray

    def __len__(self):
        return len(self.label)


def from_padded(real, particles, jets, label):
    """Jets from columns [jets, slots]; `real` marks the slots that hold a particle."""
    offsets = np.concatenate([[0], np.cumsum(real.sum(axis=1))]).astype(np.int64)
    return Jets(offsets, {name: column[real] for name, column in particles.items()}, jets, label)


def normalise(chunk, path, first, drop_bad=False):
    """Drops empty jets, sorts by falling pT, derives the jet columns that are absent, and checks.

    What the reader of these jets would refuse is an InputError, or left out where `drop_bad`.
    `first` is the index of the chunk's first jet in the file, for messages. Returns the chunk, the
    number of dropped empty jets and that of dropped bad ones.
    """
    counts = np.diff(chunk.offsets)
    whole = with_jet_columns(sort_by_pt(as_stored(take(chunk, counts > 0))))
    bad = np.zeros(len(whole), bool)
    origin = first + np.flatnonzero(counts > 0)
    for name, fault, mask in faults(whole):
        if mask.any() and not drop_bad:
            raise InputError(
                f"{path}: {name} of jet {origin[mask.argmax()]} {fault}; repair the file, or leave such jets "
                "out with --drop-bad"
            )
        bad |= mask
    return take(whole, ~bad), int((counts == 0).sum()), int(bad.sum())


def take(chunk, kept):
    """The jets that the mask `kept` selects."""
    counts = np.diff(chunk.offsets)
    particles = np.repeat(kept, counts)
    return Jets(
        np.concatenate([[0], np.cumsum(counts[kept])]).astype(np.int64),
        {name: column[particles] for name, column in chunk.particles.items()},
        {name: column[kept] for name, column in chunk.jets.items()},
        chunk.label[kept],
    )


def in_order(jets, order):
    """The jets of these indices, in this order."""
    counts = np.diff(jets.offsets)[order]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = np.repeat(jets.offsets[order] - offsets[:-1], counts) + np.arange(offsets[-1])
    return Jets(
        offsets,
        {name: column[rows] for name, column in jets.particles.items()},
        {name: column[order] for name, column in jets.jets.items()},
        jets.label[order],
    )


def joined(chunks):
    """One chunk of several with the same columns."""
    counts = np.concatenate([np.diff(chunk.offsets) for chunk in chunks])
    return Jets(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        {name: np.concatenate([chunk.particles[name] for chunk in chunks]) for name in chunks[0].particles},
        {name: np.concatenate([chunk.jets[name] for chunk in chunks]) for name in chunks[0].jets},
        np.concatenate([chunk.label for chunk in chunks]),
    )


def as_stored(chunk):
    """Floats in the precision of the file, where large ones become infinite."""
    with np.errstate(over="ignore"):
        particles = {
            name: column.astype(np.float32) if PARTICLE_TYPES[name] is np.float32 else column
            for name, column in chunk.particles.items()
        }
    return Jets(chunk.offsets, particles, chunk.jets, chunk.label)


def faults(chunk):
    """What may be wrong: column, fault, and which jets have it."""

    def any_of(mask):
        return np.logical_or.reduceat(mask, chunk.offsets[:-1]) if len(chunk) else np.zeros(0, bool)

    for name, column in chunk.particles.items():
        yield name, "is not finite", any_of(~np.isfinite(column))
    for name, column in chunk.jets.items():
        yield name, "is not finite", ~np.isfinite(column)
    px, py = chunk.particles["part_px"], chunk.particles["part_py"]
    yield "part_px", "is 0 like part_py, so a particle has no transverse momentum", any_of((px == 0) & (py == 0))
    yield "part_energy", "is not above 0", any_of(chunk.particles["part_energy"] <= 0)
    for name in ("jet_pt", "jet_energy"):
        yield name, "is not above 0", chunk.jets[name] <= 0


def jet_of_particle(offsets):
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def sort_by_pt(chunk):
    """Particles of each jet in falling pT; equal ones keep their order."""
    pt = np.hypot(chunk.particles["part_px"], chunk.particles["part_py"])
    order = np.lexsort((-pt, jet_of_particle(chunk.offsets)))
    particles = {name: column[order] for name, column in chunk.particles.items()}
    return Jets(chunk.offsets, particles, chunk.jets, chunk.label)


def with_jet_columns(chunk):
    """Adds jet_nparticles and, from the summed particles, the jet axis where the file has none."""
    jets = {"jet_nparticles": np.diff(chunk.offsets).astype(np.int32)}
    summed = [
        np.add.reduceat(chunk.particles[name].astype(np.float64), chunk.offsets[:-1])
        if len(chunk)
        else np.zeros(0)
        for name in MOMENTUM
    ]
    pt = np.hypot(summed[0], summed[1])
    derived = {
        "jet_pt": pt,
        "jet_eta": np.arcsinh(summed[2] / np.maximum(pt, 1e-30)),
        "jet_phi": np.arctan2(summed[1], summed[0]),
        "jet_energy": summed[3],
    }
    with np.errstate(over="ignore"):
        for name, column in {**derived, **chunk.jets}.items():
            jets[name] = column.astype(np.float32)
    return Jets(chunk.offsets, chunk.particles, jets, chunk.label)
