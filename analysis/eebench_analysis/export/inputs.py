"""Jets of a file as padded inputs of a network, by the formulas of configs/data."""

import h5py
import numpy as np

KEPT = 128  # constituents of a jet
KINEMATICS = ("pt_log", "e_log", "logptrel", "logerel", "deltaR")
IDENTITY = ("charge", "isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")
TRACK = ("d0", "d0err", "dz", "dzerr")
ANGLES = ("deta", "dphi")
FEATURES = {
    "kin": KINEMATICS + ANGLES,
    "kinpid": KINEMATICS + IDENTITY + ANGLES,
    "full": KINEMATICS + IDENTITY + TRACK + ANGLES,
}
FEATURES |= {"top_kin": FEATURES["kin"], "qg_kin": FEATURES["kin"]}


def read_inputs(path, limit, features):
    """The first `limit` jets as points [B, 2, N], features [B, F, N], vectors [B, 4, N], mask [B, 1, N].

    N is the largest multiplicity; only the first constituents of a jet are kept, as eebench keeps them.
    """
    with h5py.File(path) as file:
        offsets = file["offsets"][: limit + 1]
        counts = np.minimum(np.diff(offsets), KEPT)
        particles = {n[5:]: file[n][: offsets[-1]].astype(np.float32) for n in file if n.startswith("part_")}
        jets = {n: np.repeat(file[n][:limit], np.diff(offsets)) for n in file if n.startswith("jet_")}
    groups = particle_inputs(particles, jets, features)
    slots = np.arange(counts.max())
    mask = slots < counts[:, None]
    index = np.where(mask, offsets[:-1, None] + slots, 0)
    padded = {
        name: np.where(mask[:, None], np.stack(columns)[:, index].swapaxes(0, 1), 0).astype(np.float32)
        for name, columns in groups.items()
    }
    return padded | {"mask": mask[:, None].astype(np.float32)}


def particle_inputs(particles, jets, features):
    """Columns of points, features and vectors; `jets` holds each jet's numbers at its constituents."""
    columns = kinematics(particles, jets) | {name: particles[name] for name in IDENTITY if name in particles}
    if "d0val" in particles:
        columns |= {name: np.tanh(particles[f"{name}val"]) for name in ("d0", "dz")}
        columns |= {name: np.clip(particles[name], 0, 1) for name in ("d0err", "dzerr")}
    return {
        "points": [columns["deta"], columns["dphi"]],
        "features": [columns[name] for name in FEATURES[features]],
        "vectors": [particles[name] for name in ("px", "py", "pz", "energy")],
    }


def kinematics(p, jets):
    pt = np.hypot(p["px"], p["py"])
    if "deta" in p and "dphi" in p:
        deta, dphi = p["deta"], p["dphi"]
    else:
        eta = np.arcsinh(p["pz"].astype(np.float64) / np.hypot(p["px"], p["py"]))
        deta = (np.where(jets["jet_eta"] < 0, -1, 1) * (eta - jets["jet_eta"])).astype(np.float32)
        phi = np.arctan2(p["py"].astype(np.float64), p["px"]).astype(np.float32)
        angle = phi.astype(np.float64) - jets["jet_phi"]
        dphi = ((angle + np.pi) % (2 * np.pi) - np.pi).astype(np.float32)

    def scaled(values, shift, factor):
        return np.clip((values - np.float32(shift)) * np.float32(factor), -5, 5)

    return {
        "pt_log": scaled(np.log(pt), 1.7, 0.7),
        "e_log": scaled(np.log(p["energy"]), 2.0, 0.7),
        "logptrel": scaled(np.log(pt / jets["jet_pt"]), -4.7, 0.7),
        "logerel": scaled(np.log(p["energy"] / jets["jet_energy"]), -4.7, 0.7),
        "deltaR": scaled(np.hypot(deta, dphi), 0.2, 4.0),
        "deta": deta,
        "dphi": dphi,
    }
