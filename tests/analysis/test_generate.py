"""The generator: detector, matching and distances by hand, and with Pythia and FastJet whole files of jets."""

import itertools
import json
import subprocess

import h5py
import numpy as np
import pytest
from conftest import ROOT
from eebench_analysis.__main__ import main
from eebench_analysis.generate.detector import ECAL, HCAL, detect, particle_flow, propagate, table_at, tower
from eebench_analysis.generate.distances import ks_distance, ks_p_value
from eebench_analysis.generate.processes import TOP, matched


class Central:
    """A random generator that always draws the middle."""

    def standard_normal(self, size):
        return np.zeros(size)

    def random(self, size):
        return np.full(size, 0.5)


def particles(**columns):
    count = max(np.size(column) for column in columns.values())
    known = dict.fromkeys(("event", "id", "charge", "px", "py", "pz", "m", "x", "y", "z"), 0.0) | columns
    p = {name: np.broadcast_to(np.asarray(column), count).copy() for name, column in known.items()}
    return p | {"e": np.sqrt(p["px"] ** 2 + p["py"] ** 2 + p["pz"] ** 2 + p["m"] ** 2)}


def followed(p, index, step=2e-4):
    """Small steps along the field's force: where the particle leaves the cylinder, and its closest point to the beam line
    on the way back and forth (transverse, mm, and z)."""

    def steps(direction):
        x, y, z = (1e-3 * p[axis][index] for axis in "xyz")
        px, py, pz = (p[axis][index] for axis in ("px", "py", "pz"))
        pt = np.hypot(px, py)
        turn = 0.299792458 * 3.8 * p["charge"][index] / pt * step * direction
        while np.hypot(x, y) < 1.29 and abs(z) < 3:
            yield x, y, z, px, py
            # Half a turn before and after, so that the errors of a step cancel.
            half = turn / 2
            px, py = px * np.cos(half) + py * np.sin(half), py * np.cos(half) - px * np.sin(half)
            x, y, z = x + direction * step * px / pt, y + direction * step * py / pt, z + direction * step * pz / pt
            px, py = px * np.cos(half) + py * np.sin(half), py * np.cos(half) - px * np.sin(half)

    forward = list(steps(1))
    near = [*forward[:4000], *itertools.islice(steps(-1), 4000)]
    x, y, z, px, py = min(near, key=lambda at: np.hypot(at[0], at[1]))
    return forward[-1], (1e3 * (x * py - y * px) / np.hypot(px, py), 1e3 * z)


def test_particles_reach_the_calorimeter_along_the_field():
    random = np.random.default_rng(5)
    n = 12
    p = particles(
        px=random.normal(0, 2, n), py=random.normal(0, 2, n), pz=random.normal(0, 2, n), m=0.14,
        charge=np.tile([1, -1, 0], 4), x=random.normal(0, 5, n), y=random.normal(0, 5, n), z=random.normal(0, 20, n),
    )  # fmt: skip
    found = propagate(p)
    for index in range(n):
        (x, y, z, _, _), (d0, dz) = followed(p, index)
        assert found["cal_eta"][index] == pytest.approx(np.arcsinh(z / np.hypot(x, y)), abs=2e-3)
        assert np.cos(found["cal_phi"][index] - np.arctan2(y, x)) > 1 - 1e-6
        if p["charge"][index]:
            assert found["d0"][index] == pytest.approx(d0, abs=2e-3)
            assert found["dz"][index] == pytest.approx(dz, abs=0.5)  # of steps of 0.2 mm
        else:
            assert found["d0"][index] == 0 and found["dz"][index] == 0


def test_a_soft_particle_circles_to_the_end_cap():
    # r = pT / (0.3 B) = 0.263 m: it cannot reach 1.29 m, and meets z = 3 m.
    found = propagate(particles(px=0.3, pz=[0.1, -0.1], charge=1))
    assert (np.abs(np.sinh(found["cal_eta"])) > 3 / (2 * 0.264)).all() and found["cal_eta"][1] < 0


def at(eta, energy, **more):
    """Massless particles of this energy that meet the calorimeters at `eta`, phi 0.01."""
    p = particles(e=energy, cal_eta=eta, cal_phi=0.01, **more)
    return p | {"e": np.broadcast_to(np.asarray(energy, float), len(p["event"])).copy()}


def test_a_track_without_excess_takes_the_tower_s_energy():
    pion = at(0.01, [100.0])
    scale, neutral = particle_flow(HCAL, pion, pion, Central())
    drawn = 100 * np.exp(-np.log(1 + (25 + 225) / 100**2) / 2)  # the median of the log-normal
    assert scale == pytest.approx([drawn / 100]) and len(neutral["e"]) == 0


def test_a_significant_excess_is_a_neutral_candidate():
    scale, neutral = particle_flow(HCAL, at(0.01, [100.0, 100.0]), at(0.01, [100.0]), Central())
    drawn = 200 * np.exp(-np.log(1 + (100 + 450) / 200**2) / 2)
    assert scale == [1] and neutral["e"] == pytest.approx([drawn - 100])
    # In the middle of its tower: eta 0.0435, phi 2.5 degrees.
    assert np.arctan2(neutral["py"], neutral["px"]) == pytest.approx(np.radians(2.5))
    assert np.arcsinh(neutral["pz"] / np.hypot(neutral["px"], neutral["py"])) == pytest.approx(0.0435)


def test_towers_of_other_events_and_places_are_others():
    pions = at([0.01, 0.01, -0.01, 0.2], 50.0, event=[0, 1, 0, 0])
    _, neutral = particle_flow(HCAL, pions, at(3.31, 50.0), Central())  # the track meets no tower
    assert len(neutral["e"]) == 4 and sorted(neutral["event"]) == [0, 0, 0, 1]
    assert tower(ECAL, np.array([-0.01, 0.02]), np.array([-0.001, 0.02]))[:2][1].tolist() == [359, 1]


def test_what_is_below_threshold_vanishes():
    soft = particles(id=[211, 22, 13], charge=[1, 0, -1], px=[0.9, 0.4, 5.0], m=[0.14, 0, 0.106])
    found = detect(soft, Central())
    assert found["part_isMuon"].tolist() == [True] and found["part_px"] == pytest.approx([5.0])
    assert found["part_charge"].tolist() == [-1]


def test_candidates_are_of_the_kinds_of_particles():
    p = particles(
        id=[211, -11, 22, 130, 12, 211], charge=[1, 1, 0, 0, 0, 1], px=[40.0, 0, -60, 0, 30, 0], py=[0, 50.0, 0, -70, 0, 0.09],
        m=[0.14, 0.0005, 0, 0.498, 0, 0.14],
    )  # fmt: skip
    found = detect(p, Central())
    flags = ("ChargedHadron", "Electron", "Photon", "NeutralHadron", "Muon")
    assert [int(found[f"part_is{name}"].sum()) for name in flags] == [1, 1, 1, 1, 0]
    energy = {name: found["part_energy"][found[f"part_is{name}"] > 0][0] for name in flags[:4]}
    for name, true in zip(flags, (40, 50, 60, 70)):
        assert 0.9 * true < energy[name] < 1.01 * true
    charged = found["part_charge"] != 0
    assert (found["part_d0err"][charged] > 0).all() and (found["part_d0err"][~charged] == 0).all()


def test_the_table_of_errors():
    assert table_at((0.1, 0.05, 1, 1, 1, 1, 1, 2), np.array([0.552, 0.995, 300])) == pytest.approx([0.1, 0.05, 2])
    assert table_at((0.1, 0.05, 1, 1, 1, 1, 1, 2), np.array([0.552**2 / 0.995])) == pytest.approx([0.2])


def test_jets_hold_the_whole_decay():
    # 1 t -> copy 2 -> W 3 and b 4; W -> copy 5 -> u 6 and dbar 7. The neutrino 8 belongs to nothing.
    event = {
        "id": np.array([90, 6, 6, 24, 5, 24, 2, -1, 12]),
        "daughter1": np.array([0, 2, 3, 5, 0, 6, 0, 0, 0]),
        "daughter2": np.array([0, 2, 4, 5, 0, 7, 0, 0, 0]),
        "eta": np.array([0, 0, 0, 0, 0.5, 0, -0.2, 0.1, 0]),
        "phi": np.array([0, 0, 0, 0, 3.1, 0, -3.1, 3.0, 0]),
    }
    eta, phi = np.array([0.1, -0.4, 0.1]), np.array([3.14, 3.14, 0.0])
    assert matched(event, TOP, eta, phi).tolist() == [True, False, False]
    assert matched(event, 24, eta, phi).tolist() == [True, True, False]
    assert matched(event, 25, eta, phi).tolist() == [False] * 3
    assert matched(event, None, eta, phi).all()
    event["id"][[6, 7]] = 12, -11  # a leptonic decay: b and lepton count
    assert matched(event, TOP, np.array([0.3]), np.array([3.14])).all()


def test_kolmogorov_and_smirnov():
    assert ks_distance(np.array([1, 2, 3, 4]), np.array([3, 4, 5, 6])) == 0.5
    assert ks_distance(np.array([1, 1, 2]), np.array([1, 1, 2])) == 0
    root = np.sqrt(1e6 / 2)
    assert ks_p_value(1.3581 / (root + 0.12), 10**6, 10**6) == pytest.approx(0.05, abs=1e-4)  # the known 5 % point
    assert ks_p_value(0.0, 10, 10) == 1


@pytest.fixture(scope="module")
def generator():
    for package in ("pythia8mc", "fastjet"):
        pytest.importorskip(package, reason=f"generate needs {package}: pip install -e 'analysis[generate]'")


def make(path, *more):
    return main(["generate", "--classes", "Tbqq,Hqql", "--jets", "40", "-o", str(path), *map(str, more)])


@pytest.fixture(scope="module")
def made(generator, tmp_path_factory):
    path = tmp_path_factory.mktemp("generated") / "jets.h5"
    assert make(path, "--seed", 3, "--processes", 2) == 0
    return path


def test_a_file_of_jets(made, program):
    with h5py.File(made) as file:
        jets = {name: dataset[:] for name, dataset in file.items()}
        attributes = dict(file.attrs)
    assert [name.decode() for name in attributes["classes"]] == ["Tbqq", "Hqql"] and attributes["seed"] == 3
    assert set(json.loads(attributes["versions"])) == {"pythia", "fastjet", "numpy"}
    assert "Top:gg2ttbar = on" in json.loads(attributes["settings"])["Tbqq"][0]
    label, offsets = jets["label"].astype(int), jets["offsets"]
    assert np.bincount(label).tolist() == [40, 40] and (np.diff(label) < 0).any()  # shuffled
    # jet_pt is the sum of what the file holds, in float32.
    assert jets["jet_pt"].min() > 499.9 and jets["jet_pt"].max() < 1000.1 and np.abs(jets["jet_eta"]).max() < 2.001
    mass = np.sqrt(jets["jet_energy"] ** 2 - (jets["jet_pt"] * np.cosh(jets["jet_eta"])) ** 2)
    assert 150 < np.median(mass[label == 0]) < 190 and 70 < np.median(mass[label == 1]) < 115
    assert (jets["jet_tau2"] <= jets["jet_tau1"] * 1.001).all() and jets["jet_tau1"].min() > 0
    assert 140 < np.median(jets["jet_sdmass"][label == 0]) < 185 and (jets["jet_sdmass"] < mass + 1).all()
    assert 40 < np.diff(offsets)[label == 0].mean() < 62 and 20 < np.diff(offsets)[label == 1].mean() < 38
    leptons = np.add.reduceat(jets["part_isElectron"].astype(int) + jets["part_isMuon"], offsets[:-1])
    assert (leptons[label == 1] > 0).mean() > 0.5
    done = subprocess.run(["eebench", "data", "info", made], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Hqql" in done.stdout


def test_the_seed_alone_decides(made, tmp_path, capsys):
    assert make(tmp_path / "again.h5", "--seed", 3, "--processes", 1) == 0
    table = capsys.readouterr().out
    assert "| Hqql" in table and "| Tbqq" in table and "KS distance" in table
    assert make(tmp_path / "other.h5", "--seed", 4) == 0
    with h5py.File(made) as one, h5py.File(tmp_path / "again.h5") as two, h5py.File(tmp_path / "other.h5") as three:
        assert set(one) == set(two)
        assert all(np.array_equal(one[name], two[name]) for name in one)
        assert not np.array_equal(one["part_px"][:100], three["part_px"][:100])


def test_wrong_requests(generator, tmp_path, capsys):
    for more, words in (
        (("--classes", "Hbbb"), "Hbbb is unknown or named twice; there are QCD, Hbb"),
        (("--classes", "Hbb,Hbb"), "named twice"),
        (("--jets", "0"), "--jets"),
        (("--compare", str(tmp_path / "nope.h5")), "no such file to compare with"),
        (("-o", str(tmp_path)), "is a folder"),
    ):
        assert main(["generate", "--jets", "5", "--seed", "1", "-o", str(tmp_path / "out.h5"), *more]) == 2
        assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_substructure_is_that_of_the_sample(generator):
    """Soft-drop mass and N-subjettiness of other jets, whose file has both from another program."""
    from eebench_analysis.generate.substructure import groomed_mass, subjettiness

    with h5py.File(ROOT / "tests" / "data" / "jets_test_250.h5") as file:
        jets = {name: dataset[:] for name, dataset in file.items()}
    lengths = np.diff(jets["offsets"])
    found = {"jet_sdmass": groomed_mass(jets, lengths)} | subjettiness(jets, lengths)
    assert list(found) == ["jet_sdmass", "jet_tau1", "jet_tau2", "jet_tau3", "jet_tau4"]
    for name, values in found.items():
        ratio = values / jets[name]
        assert np.median(ratio) == pytest.approx(1, abs=1e-3)
        assert (np.abs(ratio - 1) < 0.01).mean() > 0.97


def test_tau_by_hand(generator):
    from eebench_analysis.generate.substructure import lowest_tau

    # Two pairs, 0.1 apart each; the axis of a pair of equal pT lies anywhere between: half of it is 0.05 off on average.
    rapidity, phi = np.array([0.0, 0.1, 0.0, 0.1]), np.array([0.3, 0.3, -0.3, -0.3])
    axes = np.array([[0.04, 0.3], [0.05, -0.3]])
    assert lowest_tau(np.full(4, 10.0), rapidity, phi, axes) == pytest.approx(0.05 / 0.8, rel=1e-3)
    # The heavier of two keeps the axis: 0.1 of a quarter of pT.
    assert lowest_tau(np.array([3.0, 1.0]), np.array([0.0, 0.1]), np.zeros(2), np.array([[0.025, 0.0]])) == pytest.approx(
        0.25 * 0.1 / 0.8, rel=1e-2
    )
