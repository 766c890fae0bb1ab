"""A parametrised detector like that of JetClass: propagation, tracks, two calorimeters, particle flow.

The steps and constants are those of the CMS-like Delphes card that JetClass was made with, its artefacts included:
tracks keep their true momentum until a calorimeter tower without a significant excess gives them its own energy.
Lengths in m but for vertices and impact parameters (mm), GeV, radians. All particles of many events at once.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np

FIELD, RADIUS, HALF_LENGTH = 3.8, 1.29, 3.0  # T, m, m
CURVATURE = 0.299792458  # GeV / (T m)
ELECTRON, MUON, PHOTON = 11, 13, 22
CHARGED_HADRONS = (211, 321, 2212)
TRACK_ETA, TRACK_PT = 2.5, 0.1
# Efficiency below pT 1 GeV, above, and above 100 GeV; |eta| below 1.5, and above.
EFFICIENCY = {
    ELECTRON: ((0.73, 0.95, 0.99), (0.50, 0.83, 0.90)),
    MUON: ((0.75, 0.99, 0.99), (0.70, 0.98, 0.98)),
    None: ((0.70, 0.95, 0.95), (0.60, 0.85, 0.85)),
}
# Relative resolution of pT, sqrt(constant² + (slope pT)²), in |eta| below 0.5, 1.5 and 2.5.
PT_RESOLUTION = {
    ELECTRON: ((0.03, 1.3e-3), (0.05, 1.7e-3), (0.15, 3.1e-3)),
    MUON: ((0.01, 1.0e-4), (0.015, 1.5e-4), (0.025, 3.5e-4)),
    None: ((0.06, 1.3e-3), (0.10, 1.7e-3), (0.25, 3.1e-3)),
}
# Resolution of impact parameters (mm) at these pT, in |eta| below 0.9, 1.4 and 2.5; none below LOWEST_PT.
LOWEST_PT = 0.18
TABLE_PT = (0.552, 0.995, 2.22, 6.05, 11.03, 24.6, 54.7, 150.0)
D0_TABLE = (
    (0.1434, 0.0753, 0.0452, 0.0258, 0.0191, 0.0130, 0.0110, 0.0110),
    (0.1595, 0.0926, 0.0488, 0.0277, 0.0214, 0.0128, 0.0101, 0.0095),
    (0.2788, 0.1557, 0.0767, 0.0385, 0.0256, 0.0176, 0.0144, 0.0137),
)
DZ_TABLE = (
    (0.1936, 0.1113, 0.0684, 0.0450, 0.0382, 0.0316, 0.0316, 0.0318),
    (0.3199, 0.1982, 0.1031, 0.0603, 0.0511, 0.0409, 0.0342, 0.0310),
    (1.200, 0.670, 0.332, 0.164, 0.112, 0.088, 0.082, 0.085),
)
HCAL_EDGES = np.array(
    [*(0.087 * np.arange(20)), 1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.868, 2.95, 3.125, 3.3]
)


def ecal_sigma(eta, energy):
    a = np.abs(eta)
    inner = np.sqrt((0.008 * energy) ** 2 + 0.11**2 * energy + 0.40**2)
    outer = np.sqrt((0.107 * energy) ** 2 + 2.08**2 * energy)
    factor = np.where(a < 1.5, 1 + 0.64 * a**2, 2.16 + 5.6 * (a - 2) ** 2)
    return np.where(a < 2.5, factor * inner, outer)


def hcal_sigma(eta, energy):
    inner = np.sqrt((0.05 * energy) ** 2 + 1.5**2 * energy)
    return np.where(np.abs(eta) < 3, inner, np.sqrt((0.13 * energy) ** 2 + 2.7**2 * energy))


@dataclass(frozen=True)
class Calorimeter:
    edges: np.ndarray  # of towers in |eta|, from 0
    phi_bins: Callable  # number of towers in a ring, by |eta|
    sigma: Callable  # of the energy, by eta and energy
    threshold: float
    significance: float


ECAL = Calorimeter(0.0174 * np.arange(173), lambda a: np.full(np.shape(a), 360), ecal_sigma, 0.5, 2.0)
HCAL = Calorimeter(HCAL_EDGES, lambda a: np.where(a < 1.653, 72, 36), hcal_sigma, 1.0, 1.0)


def detect(p, random):
    """Particle-flow candidates of the stable particles `p`, sorted by event.

    `p` has the arrays event, id, charge, px, py, pz, e, m and x, y, z (mm) of the production vertex. The candidates have
    event, part_px ... part_energy, part_charge, the flags and impact parameters of the layout of jets.
    """
    p = select(p, ~np.isin(np.abs(p["id"]), (12, 14, 16)) & (np.hypot(p["px"], p["py"]) > 3e-5))
    p = select(p, (np.hypot(p["x"], p["y"]) < 1e3 * RADIUS) & (np.abs(p["z"]) < 1e3 * HALF_LENGTH))
    p |= propagate(p)
    kind = np.abs(p["id"])
    electromagnetic = np.isin(kind, (ELECTRON, PHOTON))

    tracks = select(p, seen(p, random))
    tracks |= impact_parameters(tracks, random)
    track_kind = np.abs(tracks["id"])

    em = select(p, electromagnetic)
    hadrons = select(p, ~electromagnetic & (kind != MUON))
    electrons, charged = track_kind == ELECTRON, ~np.isin(track_kind, (ELECTRON, MUON))
    scale = np.ones(len(track_kind))
    scale[electrons], photons = particle_flow(ECAL, em, select(tracks, electrons), random)
    scale[charged], neutrals = particle_flow(HCAL, hadrons, select(tracks, charged), random)
    return candidates(tracks, scale, photons, neutrals)


def select(columns, keep):
    return {name: column[keep] for name, column in columns.items()}


def propagate(p):
    """Where particles meet the calorimeter (eta, phi), and impact parameters (mm) of charged ones."""
    x, y, z = (1e-3 * p[axis] for axis in "xyz")
    pt, phi0 = np.hypot(p["px"], p["py"]), np.arctan2(p["py"], p["px"])
    slope = p["pz"] / pt
    with np.errstate(divide="ignore", invalid="ignore"):
        end = np.where(slope != 0, (np.copysign(HALF_LENGTH, slope) - z) / slope, np.inf)  # transverse path to an end cap
        # Straight lines: x + s cos phi, y + s sin phi.
        along, across = x * np.cos(phi0) + y * np.sin(phi0), x * np.sin(phi0) - y * np.cos(phi0)
        straight = np.minimum(np.sqrt(RADIUS**2 - across**2) - along, end)
        # Circles of signed radius r around (xc, yc); positive charges turn clockwise.
        charged = p["charge"] != 0
        r = np.where(charged, pt / (CURVATURE * FIELD * np.where(charged, p["charge"], 1)), np.inf)
        size = np.abs(r)
        xc, yc = x + r * np.sin(phi0), y - r * np.cos(phi0)
        rc, start = np.hypot(xc, yc), np.arctan2(y - yc, x - xc)
        opening = np.arccos((RADIUS**2 - rc**2 - r**2) / (2 * rc * size))  # NaN where it does not reach the barrel
        centre = np.arctan2(yc, xc)
        turns = [np.mod(np.sign(r) * (start - centre - side * opening), 2 * np.pi) for side in (1, -1)]
        barrel = size * np.fmin(turns[0], turns[1])
        curved = np.fmin(barrel, end)
        angle = start - np.sign(r) * curved / size
        s = np.where(charged, curved, straight)
        x_end = np.where(charged, xc + size * np.cos(angle), x + s * np.cos(phi0))
        y_end = np.where(charged, yc + size * np.sin(angle), y + s * np.sin(phi0))
        # Closest approach to the beam line: where the line from it through the centre meets the circle.
        back = np.mod(np.sign(r) * (start - np.arctan2(-yc, -xc)) + np.pi, 2 * np.pi) - np.pi
        d0 = np.sign(r) * (rc - size)
        dz = z + size * back * slope
        eta = np.arcsinh((z + s * slope) / np.hypot(x_end, y_end))  # NaN for a circle that ends nowhere
    return {
        "cal_eta": eta,
        "cal_phi": np.arctan2(y_end, x_end),
        "d0": np.where(charged, 1e3 * d0, 0.0),
        "dz": np.where(charged, 1e3 * dz, 0.0),
    }


def by_kind(table, p):
    """Rows of a table by particle, the hadrons' where it has none for it."""
    kind = np.abs(p["id"])
    index = np.where(kind == ELECTRON, 0, np.where(kind == MUON, 1, 2))
    return np.array([table[ELECTRON], table[MUON], table[None]])[index]


def seen(p, random):
    """Whether a particle leaves a track."""
    pt, eta = np.hypot(p["px"], p["py"]), np.abs(p["cal_eta"])
    row = by_kind(EFFICIENCY, p)[np.arange(len(pt)), (eta > 1.5).astype(int)]
    chance = row[np.arange(len(pt)), np.searchsorted((1.0, 100.0), pt)]
    return (p["charge"] != 0) & (pt > TRACK_PT) & (eta < TRACK_ETA) & (random.random(len(pt)) < chance)


def impact_parameters(tracks, random):
    """Measured d0 and dz and their errors (mm), of a table read at the smeared pT."""
    pt, eta = np.hypot(tracks["px"], tracks["py"]), np.abs(tracks["cal_eta"])
    constant, slope = by_kind(PT_RESOLUTION, tracks)[np.arange(len(pt)), np.searchsorted((0.5, 1.5), eta)].T
    seen_pt = np.abs(pt * (1 + np.hypot(constant, slope * pt) * random.standard_normal(len(pt))))
    region = np.searchsorted((0.9, 1.4), eta)
    found = {}
    for name, table in (("d0", D0_TABLE), ("dz", DZ_TABLE)):
        error = np.choose(region, [table_at(row, seen_pt) for row in table])
        error = np.where(seen_pt < LOWEST_PT, 0.0, error)
        found |= {f"part_{name}val": tracks[name] + error * random.standard_normal(len(pt)), f"part_{name}err": error}
    return found


def table_at(row, pt):
    """Linear in the logarithms; below the table with the slope of its first two entries."""
    x, y, at = np.log(TABLE_PT), np.log(row), np.log(np.maximum(pt, 1e-3))
    below = y[0] + (at - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    return np.exp(np.where(at < x[0], below, np.interp(at, x, y)))


def particle_flow(cal, particles, tracks, random):
    """What one calorimeter makes of them: by how much each track is scaled, and the neutral candidates."""
    deposits = select(particles, np.abs(particles["cal_eta"]) < cal.edges[-1])
    here = np.abs(tracks["cal_eta"]) < cal.edges[-1]
    both = {name: np.concatenate([deposits[name], tracks[name][here]]) for name in ("event", "cal_eta", "cal_phi")}
    ring, column, bins = tower(cal, both["cal_eta"], both["cal_phi"])
    code = (both["event"] * 2 * len(cal.edges) + ring + len(cal.edges)) * 360 + column
    _, first, index = np.unique(code, return_index=True, return_inverse=True)
    count, n = len(first), len(deposits["e"])
    deposited = np.bincount(index[:n], deposits["e"], count)
    tracked = np.bincount(index[n:], tracks["e"][here], count)

    ring, column, bins, event = ring[first], column[first], bins[first], both["event"][first]
    inner, outer = cal.edges[np.abs(ring) - 1], cal.edges[np.abs(ring)]
    side = np.sign(ring)
    energy = log_normal(deposited, cal.sigma(side * (inner + outer) / 2, deposited), random)
    sigma = cal.sigma(side * (inner + outer) / 2, energy)
    energy = np.where((energy < cal.threshold) | (energy < cal.significance * sigma), 0.0, energy)
    excess = np.maximum(energy - tracked, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        neutral = (excess > cal.threshold) & (excess > cal.significance * sigma)
        scale = np.where(neutral, 1.0, energy / tracked)
    eta = side * (inner + random.random(count) * (outer - inner))
    phi = (column + random.random(count)) * 2 * np.pi / bins
    scales = np.ones(len(tracks["e"]))
    scales[here] = scale[index[n:]]
    pt = excess / np.cosh(eta)
    found = {"event": event, "px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": excess}
    return scales, select(found, neutral)


def tower(cal, eta, phi):
    """Ring (from 1, negative at negative eta), column, and columns of the ring."""
    ring = np.searchsorted(cal.edges, np.abs(eta), side="right")
    bins = cal.phi_bins(np.abs(eta))
    column = np.minimum((np.mod(phi, 2 * np.pi) / (2 * np.pi) * bins).astype(int), bins - 1)
    return np.where(eta < 0, -ring, ring), column, bins


def log_normal(mean, sigma, random):
    with np.errstate(divide="ignore", invalid="ignore"):
        b = np.sqrt(np.log1p((sigma / mean) ** 2))
        drawn = np.exp(np.log(mean) - b**2 / 2 + b * random.standard_normal(len(mean)))
    return np.where(mean > 0, drawn, 0.0)


def candidates(tracks, scale, photons, neutrals):
    """One table of all, without tracks that lost all momentum, sorted by event."""
    kept = select(tracks | {"scale": scale}, scale > 0)
    px, py, pz = (kept[axis] * kept["scale"] for axis in ("px", "py", "pz"))
    kind = np.abs(kept["id"])
    table = {
        "event": kept["event"],
        "part_px": px, "part_py": py, "part_pz": pz,
        "part_energy": np.sqrt(px**2 + py**2 + pz**2 + np.maximum(kept["m"], 0) ** 2),
        "part_charge": kept["charge"],
        **{f"part_{name}": kept[f"part_{name}"] for name in ("d0val", "d0err", "dzval", "dzerr")},
        "part_isChargedHadron": np.isin(kind, CHARGED_HADRONS),
        "part_isElectron": kind == ELECTRON,
        "part_isMuon": kind == MUON,
    }  # fmt: skip
    parts = [table]
    for neutral, flag in ((photons, "part_isPhoton"), (neutrals, "part_isNeutralHadron")):
        momentum = {"event": neutral["event"], "part_energy": neutral["e"]}
        momentum |= {f"part_{axis}": neutral[axis] for axis in ("px", "py", "pz")}
        parts.append(momentum | {flag: np.ones(len(neutral["e"]), bool)})
    names = dict.fromkeys(name for part in parts for name in part)
    joined = {
        name: np.concatenate([part.get(name, np.zeros(len(part["event"]))) for part in parts]) for name in names
    }
    return select(joined, np.argsort(joined["event"], kind="stable"))
