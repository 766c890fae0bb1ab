"""The ten classes: what Pythia is told, and which jets hold the decay."""

import numpy as np

COMMON = (
    "Print:quiet = on", "Beams:eCM = 13000", "PhaseSpace:pTHatMin = 450", "23:onMode = off", "Random:setSeed = on",
)  # fmt: skip
INVISIBLE_Z = ("WeakZ0:gmZmode = 2", "23:onIfAny = 12 14 16")
HIGGS = ("HiggsSM:ffbar2HZ = on", "25:m0 = 125", "23:onIfAny = 12 14 16", "25:onMode = off")
W_PAIR = (*HIGGS, "25:onIfMatch = 24 -24", "24:onMode = off")
QUARKS, LEPTONS = "1 2 3 4 5", "11 13"
W, Z, HIGGS_ID, TOP = 24, 23, 25, 6
RESONANCES = (W, Z, HIGGS_ID, TOP)
NEUTRINOS = (12, 14, 16)
RADIUS = 0.8  # of jets, and within which decay products must lie

# Class: sets of settings, which take turns, and the particle whose visible decay products a jet must hold.
PROCESSES = {
    "QCD": ([("WeakBosonAndParton:qqbar2gmZg = on", "WeakBosonAndParton:qg2gmZq = on", *INVISIBLE_Z)], None),
    "Hbb": ([(*HIGGS, "25:onIfMatch = 5 -5")], HIGGS_ID),
    "Hcc": ([(*HIGGS, "25:onIfMatch = 4 -4")], HIGGS_ID),
    "Hgg": ([(*HIGGS, "25:onIfMatch = 21 21")], HIGGS_ID),
    "H4q": ([(*W_PAIR, f"24:onIfAny = {QUARKS}")], HIGGS_ID),
    "Hqql": (
        [
            (*W_PAIR, f"24:onPosIfAny = {QUARKS}", f"24:onNegIfAny = {LEPTONS}"),
            (*W_PAIR, f"24:onNegIfAny = {QUARKS}", f"24:onPosIfAny = {LEPTONS}"),
        ],
        HIGGS_ID,
    ),
    "Zqq": ([("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2", f"23:onIfAny = {QUARKS} 12 14 16")], Z),
    "Wqq": ([("WeakDoubleBoson:ffbar2ZW = on", *INVISIBLE_Z, "24:onMode = off", f"24:onIfAny = {QUARKS}")], W),
    "Tbqq": ([("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off", f"24:onIfAny = {QUARKS}")], TOP),
    "Tbl": ([("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off", f"24:onIfAny = {LEPTONS}")], TOP),
}


def matched(event, resonance, eta, phi):
    """Of the jets at (eta, phi), those that hold all visible decay products of one of the event's resonances.

    `event` has the arrays id, daughter1, daughter2, eta, phi of the event record.
    """
    if resonance is None:
        return np.ones(len(eta), bool)
    found = np.zeros(len(eta), bool)
    for index in np.flatnonzero(np.abs(event["id"]) == resonance):
        if last_copy(event, index) != index:
            continue
        products = decay_products(event, index)
        turn = np.abs(phi[:, None] - event["phi"][products])
        distance = np.hypot(eta[:, None] - event["eta"][products], np.minimum(turn, 2 * np.pi - turn))
        found |= (distance < RADIUS).all(axis=1) & (len(products) > 0)
    return found


def daughters(event, index):
    first, last = event["daughter1"][index], event["daughter2"][index]
    return range(first, last + 1) if 0 < first <= last else [d for d in {first, last} if d > 0]


def last_copy(event, index):
    while True:
        copies = [d for d in daughters(event, index) if event["id"][d] == event["id"][index]]
        if not copies:
            return index
        index = copies[0]


def decay_products(event, index):
    """Visible quarks, gluons and leptons that the particle decays to, through bosons, before they radiate."""
    products = []
    for daughter in daughters(event, index):
        kind = abs(event["id"][daughter])
        if kind in RESONANCES:
            products += decay_products(event, last_copy(event, daughter))
        elif kind not in NEUTRINOS:
            products.append(daughter)
    return products
