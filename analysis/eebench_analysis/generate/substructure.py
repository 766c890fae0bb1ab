"""Soft-drop mass and N-subjettiness of jets, clustered anew with FastJet."""

import warnings

import awkward as ak
import fastjet
import numpy as np

from ..convert.jets import MOMENTUM
from .processes import RADIUS

SOFT_DROP = {"beta": 0.0, "symmetry_cut": 0.1}
LARGEST_N = 4
ROUNDS = 100
SOFTENING = 1e-6  # of a distance that a weight is divided by


def momenta(particles, lengths):
    """Four-vectors for FastJet, in groups of these lengths."""
    columns = dict(zip(("px", "py", "pz", "E"), (np.asarray(particles[name], float) for name in MOMENTUM)))
    return ak.unflatten(ak.zip(columns, with_name="Momentum4D"), lengths)


def groomed_mass(particles, lengths):
    """Mass after soft drop, of the constituents clustered anew by Cambridge/Aachen; 0 for a single one."""
    if len(lengths) == 0:
        return np.zeros(0)
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, 10.0)
    groomed = fastjet.ClusterSequence(momenta(particles, lengths), definition).exclusive_jets_softdrop_grooming(
        njets=1, R0=RADIUS, **SOFT_DROP
    )
    return np.nan_to_num(ak.to_numpy(ak.flatten(groomed.msoftdrop, axis=None)))


def subjettiness(particles, lengths):
    """jet_tau1 to jet_tau4: mean distance to the nearest of N axes, weighted by pT, over the radius; 0 for N particles."""
    px, py, pz, energy = (np.asarray(particles[name], float) for name in MOMENTUM)
    pt, phi = np.hypot(px, py), np.arctan2(py, px)
    rapidity = np.arctanh(np.clip(pz / energy, -1 + 1e-12, 1 - 1e-12))
    ends = np.cumsum(lengths)
    found = {}
    for n in range(1, LARGEST_N + 1):
        tau = np.zeros(len(lengths))
        large = np.flatnonzero(lengths > n)
        axes = kt_axes(select_jets(particles, lengths, lengths > n), lengths[large], n)
        for index, jet in enumerate(large):
            rows = slice(ends[jet] - lengths[jet], ends[jet])
            tau[jet] = lowest_tau(pt[rows], rapidity[rows], phi[rows], axes[index])
        found[f"jet_tau{n}"] = tau
    return found


def select_jets(particles, lengths, keep):
    rows = np.repeat(keep, lengths)
    return {name: np.asarray(particles[name])[rows] for name in MOMENTUM}


def kt_axes(particles, lengths, n):
    """Rapidity and phi of the exclusive kT subjets, [jets, n, 2]."""
    if len(lengths) == 0:
        return np.zeros((0, n, 2))
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, RADIUS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of exclusive jets, whatever the algorithm
        subjets = fastjet.ClusterSequence(momenta(particles, lengths), definition).exclusive_jets(n_jets=n)
    px, py, pz, energy = (ak.to_numpy(subjets[axis]) for axis in ("px", "py", "pz", "E"))
    return np.stack([np.arctanh(pz / energy), np.arctan2(py, px)], axis=2)


def lowest_tau(pt, rapidity, phi, axes):
    """Tau of one jet; from these axes on, each moves to where its particles' mean distance falls, until none does."""
    best = np.inf
    for _ in range(ROUNDS):
        turn = np.mod(phi[:, None] - axes[:, 1] + np.pi, 2 * np.pi) - np.pi
        distance = np.hypot(rapidity[:, None] - axes[:, 0], turn)
        tau = (pt * distance.min(axis=1)).sum() / (pt.sum() * RADIUS)
        if tau >= best * (1 - 1e-4):
            return min(tau, best)
        best, nearest = tau, distance.argmin(axis=1)
        weight = pt / (distance.min(axis=1) + SOFTENING)
        total = np.bincount(nearest, weight, len(axes))
        total[total == 0] = np.inf  # an axis without particles stays
        moved = turn[np.arange(len(pt)), nearest]
        shift = np.stack([
            np.bincount(nearest, weight * (rapidity - axes[nearest, 0]), len(axes)),
            np.bincount(nearest, weight * moved, len(axes)),
        ])  # fmt: skip
        axes = axes + (shift / total).T
    return best
