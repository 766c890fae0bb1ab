"""Jets of one class from Pythia, the detector and FastJet."""

import awkward as ak
import fastjet
import numpy as np
import pythia8mc

from ..convert.jets import MOMENTUM, PARTICLE_TYPES, Jets, in_order, joined
from .detector import detect, select
from .processes import COMMON, PROCESSES, RADIUS, matched
from .substructure import groomed_mass, momenta, subjettiness

LOWEST_PT, HIGHEST_PT, LARGEST_ETA = 500.0, 1000.0, 2.0  # of jets
LARGEST_PZ, LARGEST_PARTICLE_ETA = 1e4, 5.0  # of constituents
EVENTS = 100  # at a time
LARGEST_SEED = 900_000_000  # of Pythia


def make_jets(name, label, count, seed):
    """`count` jets of a class; `seed` is a sequence of whole numbers."""
    seeds = np.random.SeedSequence(seed)
    random = np.random.default_rng(seeds)
    settings, resonance = PROCESSES[name]
    generators = [start(words, int(s) % LARGEST_SEED + 1) for words, s in zip(settings, seeds.generate_state(len(settings)))]
    chunks = []
    while sum(map(len, chunks)) < count:
        events = generators[len(chunks) % len(generators)].nextBatch(EVENTS)
        chunks.append(jets_of(events, resonance, label, random))
    return in_order(joined(chunks), np.arange(count))


def start(settings, seed):
    pythia = pythia8mc.Pythia("", False)
    for words in (*COMMON, f"Random:seed = {seed}", *settings):
        if not pythia.readString(words):
            raise RuntimeError(f"Pythia does not know '{words}'")
    if not pythia.init():
        raise RuntimeError(f"Pythia cannot start with {', '.join(settings)}")
    return pythia


def versions():
    """Of the programs that jets come from."""
    number = pythia8mc.Pythia("", False).settings.parm("Pythia:versionNumber")
    return {"pythia": f"{number:.3f}", "fastjet": fastjet.__version__, "numpy": np.__version__}


def jets_of(events, resonance, label, random):
    records, counts = flat(events), ak.num(events.prt.id).to_numpy()
    stable = select(records, records["status"] > 0)
    found = detect(stable, random)
    energy = np.sqrt(sum(found[name] ** 2 for name in MOMENTUM[:3]))
    eta = np.arctanh(np.clip(found["part_pz"] / energy, -1 + 1e-12, 1 - 1e-12))
    found = select(found, (np.abs(found["part_pz"]) < LARGEST_PZ) & (np.abs(eta) < LARGEST_PARTICLE_ETA))
    members, axes, event = cluster(found, len(events))

    keep = (axes["pt"] > LOWEST_PT) & (axes["pt"] < HIGHEST_PT) & (np.abs(axes["eta"]) <= LARGEST_ETA)
    ends = np.cumsum(counts)
    for index in np.unique(event[keep]):
        record = {key: column[ends[index] - counts[index] : ends[index]] for key, column in records.items()}
        mine = np.flatnonzero(keep & (event == index))
        keep[mine] = matched(record, resonance, axes["eta"][mine], axes["phi"][mine])
    members = members[keep]
    lengths = ak.num(members).to_numpy()
    rows = ak.flatten(members).to_numpy()
    particles = {name: found[name][rows] for name in PARTICLE_TYPES}
    return Jets(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        particles,
        {"jet_sdmass": groomed_mass(particles, lengths), **subjettiness(particles, lengths)},
        np.full(len(lengths), label),
    )


def flat(events):
    """The event records one after another, with the charge of each particle and 0 for a vertex at the origin."""
    p = events.prt
    columns = {name: ak.flatten(p[name]).to_numpy() for name in ("id", "status", "daughter1", "daughter2", "m")}
    columns |= {name: ak.flatten(p.p[name]).to_numpy() for name in ("px", "py", "pz", "e")}
    vertex = {axis: ak.flatten(ak.fill_none(p.vProd[f"p{axis}"], 0.0)).to_numpy() for axis in "xyz"}
    pt = np.hypot(columns["px"], columns["py"])
    with np.errstate(divide="ignore", invalid="ignore"):
        columns |= {"eta": np.arcsinh(columns["pz"] / pt), "phi": np.arctan2(columns["py"], columns["px"])}
    kinds, index = np.unique(columns["id"], return_inverse=True)
    charges = np.array([PARTICLES.charge(int(kind)) for kind in kinds])
    event = np.repeat(np.arange(len(events)), ak.num(p.id).to_numpy())
    return columns | vertex | {"charge": charges[index], "event": event}


PARTICLES = pythia8mc.Pythia("", False).particleData


def cluster(found, n_events):
    """Jets above the lowest pT: rows of `found` that each is made of, its axis, and its event."""
    lengths = np.bincount(found["event"].astype(int), minlength=n_events)
    sequence = fastjet.ClusterSequence(momenta(found, lengths), fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS))
    jets = sequence.inclusive_jets(min_pt=LOWEST_PT)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    members = ak.flatten(sequence.constituent_index(min_pt=LOWEST_PT) + starts[:, None, None])
    px, py, pz = (ak.flatten(jets[axis]).to_numpy() for axis in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    axes = {"pt": pt, "eta": np.arcsinh(pz / pt), "phi": np.arctan2(py, px)}
    return members, axes, np.repeat(np.arange(n_events), ak.num(jets.px).to_numpy())
