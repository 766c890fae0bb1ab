"""Selection, weights and automatic preprocessing as weaver-core has them, and every wrong configuration in one line."""

import h5py
import numpy as np
import pytest
import yaml
from conftest import ROOT
from eebench_analysis.__main__ import main

SLICE = ROOT / "tests" / "data" / "jets_test_250.h5"
INPUTS = {"pf_features": {"length": 128, "vars": ["part_pt_log", ["part_deltaR", 0.2, 4.0], ["part_deta", None]]}}
NEW = {"part_pt_log": "np.log(np.hypot(part_px, part_py))", "part_deltaR": "np.hypot(part_deta, part_dphi)"}
BINS = {"jet_pt": [500, 650, 800, 900], "jet_eta": [-2, 0, 2]}
CLASSES = ["label_QCD", "label_Hbb", "label_Tbl"]


def prepare(tmp_path, config, *options, name="out.h5"):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"inputs": INPUTS, "new_variables": NEW, **config}))
    return main(["prepare", str(SLICE), "--data-config", str(path), "-o", str(tmp_path / name), *options])


def columns(path):
    with h5py.File(path) as file:
        return {name: dataset[:] for name, dataset in file.items()}, list(file.attrs["classes"])


def test_a_selection_keeps_whole_jets_in_their_order(tmp_path):
    assert prepare(tmp_path, {"selection": "(jet_pt > 600) & (np.abs(jet_eta) < 1)"}) == 0
    before, classes = columns(SLICE)
    after, same_classes = columns(tmp_path / "out.h5")
    kept = np.flatnonzero((before["jet_pt"] > 600) & (abs(before["jet_eta"]) < 1))
    assert 20 < len(kept) < 230
    assert classes == same_classes and set(before) == set(after)
    for name in ("label", "jet_pt", "jet_tau2"):
        np.testing.assert_array_equal(after[name], before[name][kept])
    for name in ("part_px", "part_charge"):
        wanted = [before[name][before["offsets"][j] : before["offsets"][j + 1]] for j in kept]
        np.testing.assert_array_equal(after[name], np.concatenate(wanted))


def test_testing_has_a_selection_of_its_own(tmp_path):
    config = {"selection": "jet_pt > 900", "test_time_selection": "jet_pt > 600", "weights": {"reweight_method": "none"}}
    assert prepare(tmp_path, config, "--test") == 0
    assert (columns(tmp_path / "out.h5")[0]["jet_pt"] > 600).all()
    assert len(columns(tmp_path / "out.h5")[0]["label"]) == (columns(SLICE)[0]["jet_pt"] > 600).sum()
    assert not (tmp_path / "out.yaml").exists()


# weaver-core 0.5.3, WeightMaker and _build_weights on the same jets: sum, sum of squares and largest weight.
@pytest.mark.parametrize(
    "settings, golden",
    [
        ({"reweight_method": "flat"}, (10.3949997, 3.39494995, 0.9)),
        ({"reweight_method": "ref", "reweight_threshold": 25}, (29.1508486, 15.6221095, 0.9)),
        ({"reweight_method": "flat", "reweight_discard_under_overflow": False}, (10.3949998, 3.23882374, 0.9)),
        ({"reweight_method": "flat", "reweight_basewgt": "base"}, (79.7451032, 225.5617897, 8.23529434)),
    ],
)
def test_weights_are_those_of_weaver(tmp_path, settings, golden):
    from eebench_analysis.prepare import Table, histogrammed

    weights = {"reweight_vars": BINS, "reweight_classes": CLASSES, "class_weights": [1, 0.5, 2], **settings}
    with h5py.File(SLICE) as file:
        table = Table(file, {"new_variables": {"base": "1 + (jet_nparticles % 3)"}}, "config.yaml", SLICE)
        weight = histogrammed(table, weights, "config.yaml", np.arange(table.n_jets))
    np.testing.assert_allclose([weight.sum(), np.square(weight).sum(), weight.max()], golden, rtol=2e-6)


def test_jets_are_drawn_by_their_weights(tmp_path):
    config = {"weights": {"use_precomputed_weights": True, "weight_branches": ["chance"]}}
    config["new_variables"] = {**NEW, "chance": "np.where(jet_pt > 700, 1.0, 0.7)"}
    assert prepare(tmp_path, config, "--seed", "3") == 0
    assert prepare(tmp_path, config, "--seed", "3", name="again.h5") == 0
    assert prepare(tmp_path, config, "--seed", "4", name="other.h5") == 0
    before, after = columns(SLICE)[0]["jet_pt"], columns(tmp_path / "out.h5")[0]["jet_pt"]
    assert (after > 700).sum() == (before > 700).sum()
    light = (before <= 700).sum()
    assert abs((after <= 700).sum() - 0.7 * light) < 4 * np.sqrt(0.21 * light)
    np.testing.assert_array_equal(after, columns(tmp_path / "again.h5")[0]["jet_pt"])
    other = columns(tmp_path / "other.h5")[0]["jet_pt"]
    assert len(other) != len(after) or (other != after).any()


def test_small_weights_draw_jets_more_than_once(tmp_path, capsys):
    config = {"weights": {"use_precomputed_weights": True, "weight_branches": ["0.2 + 0 * jet_pt"]}}
    assert prepare(tmp_path, config) == 0
    after = columns(tmp_path / "out.h5")[0]
    counts = np.unique(after["jet_pt"], return_counts=True)[1]
    assert counts.max() > 1 and np.diff(after["offsets"]).min() > 0
    assert "times" in capsys.readouterr().err


def test_automatic_preprocessing_leaves_a_configuration_with_its_numbers(tmp_path):
    assert prepare(tmp_path, {"preprocess": {"method": "auto", "data_fraction": 0.5}, "selection": "jet_pt > 600"}) == 0
    left = yaml.safe_load((tmp_path / "out.yaml").read_text())
    assert "preprocess" not in left and "selection" not in left
    before = columns(SLICE)[0]
    kept = np.repeat(before["jet_pt"] > 600, np.diff(before["offsets"]))[: before["offsets"][125]]
    pt = np.log(np.hypot(before["part_px"], before["part_py"]))[: before["offsets"][125]][kept]
    low, middle, high = np.percentile(pt, [16, 50, 84])
    (name, subtract, multiply), *others = left["inputs"]["pf_features"]["vars"]
    assert name == "part_pt_log"
    assert subtract == pytest.approx(middle, rel=1e-6) and multiply == pytest.approx(1 / max(high - middle, middle - low), rel=1e-6)
    assert others == [["part_deltaR", 0.2, 4.0], ["part_deta", None]]


@pytest.mark.parametrize(
    "config, said",
    [
        ({"selection": "jet_pt > 1e9"}, "leaves no jet"),
        ({"selection": "jet_pt >"}, "selection: 'jet_pt >' is not a Python expression"),
        ({"selection": "jet_mass > 1"}, "has no column 'jet_mass'; it has jet_energy"),
        ({"selection": "part_px > 1"}, "'part_px' is a number a particle"),
        ({"selection": "jet_pt.__class__"}, "begins with _"),
        ({"new_variables": {"a": "b + 1", "b": "a + 1"}, "selection": "a > 0"}, "a -> b -> a need each other"),
        ({"weights": {"reweight_vars": {"jet_pt": [1, 2]}, "reweight_classes": CLASSES}}, "two reweight_vars"),
        ({"weights": {"reweight_vars": BINS, "reweight_classes": ["label_top"]}}, "has no column 'label_top'"),
        ({"weights": {"reweight_vars": BINS, "reweight_classes": CLASSES, "reweight_method": "even"}}, "unknown reweight_method 'even'"),
        ({"weights": {"reweight_vars": {**BINS, "jet_pt": [5000, 6000]}, "reweight_classes": CLASSES}}, "no jet of label_QCD"),
        ({"weights": {"use_precomputed_weights": True}}, "needs weight_branches"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, capsys, config, said):
    assert prepare(tmp_path, config) == 2
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0 and "config.yaml" in error and said in error
    assert not list(tmp_path.glob("out*"))


def test_a_configuration_beside_the_output_is_not_replaced(tmp_path, capsys):
    assert prepare(tmp_path, {"selection": "jet_pt > 600"}, name="config.h5") == 2
    assert "is an input too" in capsys.readouterr().err
    assert "selection" in (tmp_path / "config.yaml").read_text()
    assert prepare(tmp_path, {"selection": "jet_pt > 600"}, "--test", name="config.h5") == 0


def test_files_that_are_something_else(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("inputs: {}\n")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["Pmu"] = np.zeros((2, 3, 4))
    for jets, config, said in [
        (ROOT / "README.md", tmp_path / "config.yaml", "cannot be opened as HDF5"),
        (tmp_path / "other.h5", tmp_path / "config.yaml", "python -m eebench_analysis convert"),
        (SLICE, tmp_path / "none.yaml", "No such file"),
        (SLICE, ROOT / "README.md", "README.md: "),
        (SLICE, SLICE, "not YAML"),
    ]:
        assert main(["prepare", str(jets), "--data-config", str(config), "-o", str(tmp_path / "out.h5")]) == 2
        error = capsys.readouterr().err.strip()
        assert error.count("\n") == 0 and said in error
