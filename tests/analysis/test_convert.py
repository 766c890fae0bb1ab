"""Every format into eebench's layout, and every wrong file into one line and exit code 2."""

import re
import shutil
from pathlib import Path

import awkward
import h5py
import numpy as np
import pytest
import uproot
from conftest import ROOT
from eebench_analysis.__main__ import main
from jet_files import JETCLASS, make_jets, write_jetclass_root, write_pmu, write_tree


def convert(*arguments):
    return main(["convert", *(str(a) for a in arguments)])


def read(path):
    with h5py.File(path) as file:
        columns = {name: dataset[:] for name, dataset in file.items()}
        classes = [name.decode() for name in file.attrs["classes"]]
    return columns, classes


def refusal(capsys, *arguments):
    assert convert(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    message = lines[-1]
    assert message.startswith("eebench_analysis: ")
    return message


def expected_order(jets):
    """Index of every particle, jet by jet in falling pT."""
    pt = np.hypot(jets["particles"]["part_px"], jets["particles"]["part_py"])
    ends = np.cumsum(jets["counts"])
    return np.concatenate(
        [
            end - count + np.argsort(-pt[end - count : end], kind="stable")
            for end, count in zip(ends, jets["counts"])
        ]
    )


def test_jetclass_root(tmp_path):
    jets = make_jets()
    write_jetclass_root(tmp_path / "in.root", jets)
    assert convert(tmp_path / "in.root", "-o", tmp_path / "out.h5") == 0
    columns, classes = read(tmp_path / "out.h5")
    assert tuple(classes) == JETCLASS
    np.testing.assert_array_equal(columns["label"], jets["label"])
    np.testing.assert_array_equal(np.diff(columns["offsets"]), jets["counts"])
    np.testing.assert_array_equal(columns["jet_nparticles"], jets["counts"])
    order = expected_order(jets)
    for name, values in jets["particles"].items():
        np.testing.assert_array_equal(columns[name], values[order])
    assert columns["part_charge"].dtype == np.int8
    assert columns["part_isMuon"].dtype == np.uint8
    assert columns["label"].dtype == np.uint8
    assert columns["offsets"].dtype == np.int64
    assert np.all(columns["jet_pt"] == 512.5)  # kept as given, not derived
    px = np.add.reduceat(jets["particles"]["part_px"], columns["offsets"][:-1])
    py = np.add.reduceat(jets["particles"]["part_py"], columns["offsets"][:-1])
    np.testing.assert_allclose(columns["jet_phi"], np.arctan2(py, px), rtol=1e-4)


def types_in(file):
    return {name: dataset.dtype.str[1:] for name, dataset in file.items()}


def types_of_the_readme():
    section = (ROOT / "analysis" / "README.md").read_text().split("## The layout of jets")[1]
    types = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            names, _, kinds = line.strip("| ").split(" | ")[:3]
            for group, kind in zip(names.split(";"), kinds.split(";"), strict=True):
                types |= {name: kind.strip() for name in re.findall(r"`(\w+)`", group)}
    return types


def test_layout_is_that_of_the_generated_sets(tmp_path):
    with h5py.File(ROOT / "suites" / "assets" / "jets_test.h5") as file:
        assert types_in(file) == types_of_the_readme()
    write_jetclass_root(tmp_path / "in.root", make_jets())
    convert(tmp_path / "in.root", "-o", tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        assert types_in(file).items() <= types_of_the_readme().items()
        for name, dataset in file.items():
            assert dataset.compression == "gzip" and dataset.shuffle and dataset.chunks, name
        assert file.attrs["classes"].dtype.kind == "S"
        assert file.attrs["format"] == "eebench-jets"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_several_files_follow_one_another(tmp_path):
    for seed in (1, 2):
        write_jetclass_root(tmp_path / f"{seed}.root", make_jets(seed=seed))
    convert(tmp_path / "1.root", tmp_path / "2.root", "-o", tmp_path / "both.h5")
    convert(tmp_path / "2.root", "-o", tmp_path / "second.h5")
    both, second = read(tmp_path / "both.h5")[0], read(tmp_path / "second.h5")[0]
    np.testing.assert_array_equal(both["label"][-7:], second["label"])
    np.testing.assert_array_equal(np.diff(both["offsets"])[-7:], np.diff(second["offsets"]))
    np.testing.assert_array_equal(both["part_px"][-second["offsets"][-1] :], second["part_px"])


def test_chunks_join_seamlessly(tmp_path, monkeypatch):
    write_pmu(tmp_path / "in.h5", make_jets(50))
    convert(tmp_path / "in.h5", "-o", tmp_path / "whole.h5")
    monkeypatch.setattr("eebench_analysis.convert.hdf5.CHUNK", 7)
    convert(tmp_path / "in.h5", "-o", tmp_path / "pieces.h5")
    whole, pieces = read(tmp_path / "whole.h5")[0], read(tmp_path / "pieces.h5")[0]
    for name in whole:
        np.testing.assert_array_equal(whole[name], pieces[name])


def test_top_tagging_pmu(tmp_path):
    jets = make_jets()
    write_pmu(tmp_path / "in.h5", jets)
    assert convert(tmp_path / "in.h5", "-o", tmp_path / "out.h5") == 0
    columns, classes = read(tmp_path / "out.h5")
    assert classes == ["QCD", "top"]
    np.testing.assert_array_equal(columns["label"], jets["label"] % 2)
    order = expected_order(jets)
    np.testing.assert_array_equal(columns["part_pz"], jets["particles"]["part_pz"][order])
    assert "part_charge" not in columns and "part_d0val" not in columns
    energy = np.add.reduceat(columns["part_energy"], columns["offsets"][:-1])
    np.testing.assert_allclose(columns["jet_energy"], energy, rtol=1e-6)


def test_top_tagging_table(tmp_path):
    """The older layout; the file was written by pandas (12 random jets of at most 20 particles)."""
    source = Path(__file__).parent / "data" / "top_tagging_table.h5"
    assert convert(source, "-o", tmp_path / "out.h5") == 0
    columns, classes = read(tmp_path / "out.h5")
    assert classes == ["QCD", "top"]
    assert list(np.diff(columns["offsets"])) == [14, 17, 1, 17, 10, 11, 13, 6, 20, 2, 6, 8]
    assert list(columns["label"]) == [0, 0, 1] * 4
    momentum = np.sqrt(sum(columns[f"part_p{axis}"].astype(float) ** 2 for axis in "xyz"))
    np.testing.assert_allclose(columns["part_energy"], momentum, rtol=1e-6)  # massless by make
    third_jet = columns["part_pz"][columns["offsets"][3] : columns["offsets"][4]]
    assert np.float32(24.926874) in third_jet


def test_jets_without_constituents_are_left_out_and_counted(tmp_path, capsys):
    write_pmu(tmp_path / "in.h5", make_jets())
    with h5py.File(tmp_path / "in.h5", "a") as file:
        file["Pmu"][2] = 0
    assert convert(tmp_path / "in.h5", "-o", tmp_path / "out.h5") == 0
    assert "left out 1 jets" in capsys.readouterr().err
    assert len(read(tmp_path / "out.h5")[0]["label"]) == 6


def test_own_output_converts_to_itself(tmp_path):
    write_pmu(tmp_path / "in.h5", make_jets())
    convert(tmp_path / "in.h5", "-o", tmp_path / "once.h5")
    convert(tmp_path / "once.h5", "-o", tmp_path / "twice.h5")
    once, twice = read(tmp_path / "once.h5"), read(tmp_path / "twice.h5")
    assert once[1] == twice[1]
    for name in once[0]:
        np.testing.assert_array_equal(once[0][name], twice[0][name])


def test_parquet_agrees_with_root(tmp_path):
    jets = make_jets()
    write_jetclass_root(tmp_path / "in.root", jets)
    awkward.to_parquet(uproot.open(tmp_path / "in.root")["tree"].arrays(), tmp_path / "in.parquet")
    for name in ("root", "parquet"):
        assert convert(tmp_path / f"in.{name}", "-o", tmp_path / f"{name}.h5") == 0
    from_root, from_parquet = read(tmp_path / "root.h5")[0], read(tmp_path / "parquet.h5")[0]
    assert set(from_root) == set(from_parquet)
    for name in from_root:
        np.testing.assert_array_equal(from_root[name], from_parquet[name])


# ---- the samples -------------------------------------------------------------------------------


def deta_dphi(columns):
    jet = np.repeat(np.arange(len(columns["label"])), np.diff(columns["offsets"]))
    px, py, pz = (columns[f"part_p{axis}"].astype(float) for axis in "xyz")
    sign = np.where(columns["jet_eta"] < 0, -1.0, 1.0)[jet]
    deta = sign * (np.arcsinh(pz / np.hypot(px, py)) - columns["jet_eta"][jet])
    dphi = np.arctan2(py, px) - columns["jet_phi"][jet]
    return deta, (dphi + np.pi) % (2 * np.pi) - np.pi


@pytest.mark.parametrize(
    "folder",
    ["jetclass/mixed10_500", "jetclass/hbb_2000", "toptag/landscape_test_2000", "quarkgluon/qg_2000"],
)
def test_array_sets(samples, tmp_path, folder):
    assert convert(samples / folder, "-o", tmp_path / "out.h5") == 0
    columns, _ = read(tmp_path / "out.h5")
    real = np.load(samples / folder / "pf_mask.npy")[:, 0] > 0
    np.testing.assert_array_equal(np.diff(columns["offsets"]), real.sum(1))
    labels = np.load(samples / folder / "labels.npy")
    np.testing.assert_array_equal(columns["label"], labels.argmax(1) if labels.ndim == 2 else labels)
    vectors = np.load(samples / folder / "pf_vectors.npy")
    np.testing.assert_allclose(np.sort(columns["part_energy"]), np.sort(vectors[:, 3][real]), rtol=0, atol=0)
    points = np.load(samples / folder / "pf_points.npy")
    deta, dphi = deta_dphi(columns)
    assert np.median(np.abs(np.sort(deta) - np.sort(points[:, 0][real]))) < 1e-6
    assert np.abs(np.sort(deta) - np.sort(points[:, 0][real])).max() < 2e-3
    assert np.abs(np.sort(dphi) - np.sort(points[:, 1][real])).max() < 2e-3


def test_class_counts_of_the_mixed_set(samples, tmp_path):
    convert(samples / "jetclass/mixed10_500", "-o", tmp_path / "out.h5")
    columns, classes = read(tmp_path / "out.h5")
    assert tuple(classes) == JETCLASS
    assert list(np.bincount(columns["label"])) == [48, 48, 55, 50, 33, 52, 54, 49, 65, 46]


@pytest.mark.parametrize("folder", ["jetclass/tbqq_100_full", "jetclass/tbl_100_full"])
def test_standardised_features_are_undone(samples, tmp_path, folder):
    """Standardising the converted jets again gives the features in the file."""
    assert convert(samples / folder, "-o", tmp_path / "out.h5") == 0
    columns, _ = read(tmp_path / "out.h5")
    real = np.load(samples / folder / "pf_mask.npy")[:, 0] > 0
    features = np.moveaxis(np.load(samples / folder / "pf_features.npy"), 1, 0)[:, real]
    jet = np.repeat(np.arange(100), np.diff(columns["offsets"]))
    pt = np.hypot(columns["part_px"], columns["part_py"])
    deta, dphi = deta_dphi(columns)
    again = {
        0: (np.log(pt) - 1.7) * 0.7,
        1: (np.log(columns["part_energy"]) - 2.0) * 0.7,
        2: (np.log(pt / columns["jet_pt"][jet]) + 4.7) * 0.7,
        3: (np.log(columns["part_energy"] / columns["jet_energy"][jet]) + 4.7) * 0.7,
        4: (np.hypot(deta, dphi) - 0.2) * 4,
        5: columns["part_charge"],
        6: columns["part_isChargedHadron"],
        7: columns["part_isNeutralHadron"],
        8: columns["part_isPhoton"],
        9: columns["part_isElectron"],
        10: columns["part_isMuon"],
        11: np.tanh(columns["part_d0val"]),
        12: columns["part_d0err"],
        13: np.tanh(columns["part_dzval"]),
        14: columns["part_dzerr"],
        15: deta,
        16: dphi,
    }
    same_order = np.array_equal(columns["part_px"], np.load(samples / folder / "pf_vectors.npy")[:, 0][real])
    assert same_order
    for index, values in again.items():
        np.testing.assert_allclose(values, features[index], atol=2e-5, err_msg=str(index))


def test_jetclass2_in_its_three_forms(samples, tmp_path):
    found = []
    for name in ("parquet", "root", "h5"):
        source = samples / f"jetclass2/JetClassII_example.{name}"
        assert convert(source, "-o", tmp_path / f"{name}.h5") == 0
        found.append(read(tmp_path / f"{name}.h5"))
    columns, classes = found[0]
    assert len(classes) == 188 and len(columns["part_px"]) == 4529
    for other, _ in found[1:]:
        assert set(other) == set(columns)
        for name in columns:
            np.testing.assert_array_equal(other[name], columns[name])


def test_generated_set_survives(samples, tmp_path):
    source = samples / "generated/jets_test.h5"
    assert convert(source, "-o", tmp_path / "out.h5") == 0
    columns, classes = read(tmp_path / "out.h5")
    with h5py.File(source) as file:
        assert tuple(classes) == tuple(name.decode() for name in file.attrs["classes"])
        assert set(columns) == set(file)
        for name in columns:
            assert columns[name].dtype == file[name].dtype, name
            np.testing.assert_array_equal(columns[name], file[name][:], err_msg=name)


# ---- wrong inputs ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["events_delphes_example", "events_delphes_higgs2p_example"])
def test_refuses_delphes_events(samples, tmp_path, capsys, name):
    message = refusal(capsys, samples / f"jetclass2/{name}.root", "-o", tmp_path / "out.h5")
    assert "Delphes event file" in message and name in message
    assert not any(tmp_path.iterdir())


def test_refuses_a_text_file(tmp_path, capsys):
    (tmp_path / "in.txt").write_text("jets\n")
    message = refusal(capsys, tmp_path / "in.txt", "-o", tmp_path / "out.h5")
    assert "neither ROOT nor parquet nor HDF5" in message


def test_refuses_a_missing_file(tmp_path, capsys):
    assert "no such file" in refusal(capsys, tmp_path / "nope.root", "-o", tmp_path / "out.h5")


def test_refuses_a_missing_output_folder(tmp_path, capsys):
    write_pmu(tmp_path / "in.h5", make_jets())
    message = refusal(capsys, tmp_path / "in.h5", "-o", tmp_path / "absent" / "out.h5")
    assert "create it first" in message


def test_refuses_to_overwrite_its_input(tmp_path, capsys):
    write_pmu(tmp_path / "in.h5", make_jets())
    assert "is an input too" in refusal(capsys, tmp_path / "in.h5", "-o", tmp_path / "in.h5")


def test_refuses_a_truncated_root_file(tmp_path, capsys):
    write_jetclass_root(tmp_path / "in.root", make_jets(4000))
    whole = (tmp_path / "in.root").read_bytes()
    (tmp_path / "cut.root").write_bytes(whole[: len(whole) // 3])
    message = refusal(capsys, tmp_path / "cut.root", "-o", tmp_path / "out.h5")
    assert "damaged or incomplete" in message
    assert not (tmp_path / "out.h5").exists()


def test_refuses_a_value_that_is_no_number(tmp_path, capsys):
    jets = make_jets()
    jets["particles"]["part_pz"][jets["counts"][:4].sum()] = np.nan
    write_jetclass_root(tmp_path / "in.root", jets)
    message = refusal(capsys, tmp_path / "in.root", "-o", tmp_path / "out.h5")
    assert "part_pz of jet 4 is not finite" in message
    assert not any(path.name.startswith("out.h5") for path in tmp_path.iterdir())


def spoil(jets, name, jet, value):
    column = jets["particles"][name].astype(np.float64)
    column[jets["counts"][:jet].sum()] = value
    jets["particles"][name] = column


@pytest.mark.parametrize(
    "name, value, fault",
    [
        ("part_pz", np.nan, "part_pz of jet 4 is not finite"),
        ("part_energy", 1e300, "part_energy of jet 4 is not finite"),
        ("part_energy", 0, "part_energy of jet 4 is not above 0"),
        ("part_px", 0, "part_px of jet 4 is 0 like part_py"),
    ],
)
def test_bad_jets_are_refused_or_left_out(tmp_path, capsys, name, value, fault):
    jets = make_jets()
    write_jetclass_root(tmp_path / "sound.root", jets)
    if name == "part_px":
        spoil(jets, "part_py", 4, 0)
    spoil(jets, name, 4, value)
    write_jetclass_root(tmp_path / "in.root", jets)
    message = refusal(capsys, tmp_path / "in.root", "-o", tmp_path / "out.h5")
    assert fault in message and "--drop-bad" in message
    assert not any(path.name.startswith("out.h5") for path in tmp_path.iterdir())

    assert convert(tmp_path / "in.root", "-o", tmp_path / "out.h5", "--drop-bad") == 0
    assert "left out 1 bad jets" in capsys.readouterr().err
    assert convert(tmp_path / "sound.root", "-o", tmp_path / "sound.h5", "--drop-bad") == 0
    assert "left out" not in capsys.readouterr().err
    left, sound = read(tmp_path / "out.h5")[0], read(tmp_path / "sound.h5")[0]
    particles = np.repeat(np.arange(7) != 4, np.diff(sound["offsets"]))
    np.testing.assert_array_equal(left["part_pz"], sound["part_pz"][particles])
    np.testing.assert_array_equal(left["label"], np.delete(sound["label"], 4))
    np.testing.assert_array_equal(left["jet_nparticles"], np.delete(sound["jet_nparticles"], 4))


def shift_offsets(file):
    file["offsets"][0] = 3


def disorder_offsets(file):
    file["offsets"][4] = 1


def lengthen_offsets(file):
    longer = np.append(file["offsets"], file["offsets"][-1])
    del file["offsets"]
    file["offsets"] = longer


def shorten_a_column(file):
    short = file["part_pz"][:-5]
    del file["part_pz"]
    file["part_pz"] = short


def shorten_a_jet_column(file):
    short = file["jet_pt"][:-1]
    del file["jet_pt"]
    file["jet_pt"] = short


@pytest.mark.parametrize(
    "spoil, words",
    [
        (shift_offsets, "offsets begins at 3, expected 0"),
        (disorder_offsets, "in.h5: offsets[4] = 1 is below the entry before, "),
        (lengthen_offsets, "offsets has 9 entries, expected 8 by label"),
        (shorten_a_column, "part_pz has the shape"),
        (shorten_a_jet_column, "jet_pt has the shape (6,), expected (7,)"),
    ],
)
def test_refuses_columns_that_do_not_fit(tmp_path, capsys, spoil, words):
    write_pmu(tmp_path / "pmu.h5", make_jets())
    convert(tmp_path / "pmu.h5", "-o", tmp_path / "in.h5")
    with h5py.File(tmp_path / "in.h5", "a") as file:
        spoil(file)
    message = refusal(capsys, tmp_path / "in.h5", "-o", tmp_path / "out.h5")
    assert words in message and "in.h5" in message


def test_refuses_a_folder_as_output(tmp_path, capsys):
    write_pmu(tmp_path / "in.h5", make_jets())
    (tmp_path / "out").mkdir()
    assert "is a folder" in refusal(capsys, tmp_path / "in.h5", "-o", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.h5", "out"]


def test_refuses_two_labels_on_a_jet(tmp_path, capsys):
    jets = make_jets()
    write_jetclass_root(tmp_path / "in.root", jets)
    arrays = uproot.open(tmp_path / "in.root")["tree"].arrays(library="ak")
    branches = {name: arrays[name] for name in arrays.fields if not name.startswith("npart")}
    branches["label_Hbb"] = np.ones(7, np.int32)
    branches["label_QCD"] = np.ones(7, np.int32)
    write_tree(tmp_path / "two.root", branches)
    message = refusal(capsys, tmp_path / "two.root", "-o", tmp_path / "out.h5")
    assert "jet 0 has" in message and "expected exactly one" in message


def test_refuses_a_label_outside_the_classes(tmp_path, capsys):
    write_pmu(tmp_path / "in.h5", make_jets())
    with h5py.File(tmp_path / "in.h5", "a") as file:
        file["is_signal"][3] = 2
    message = refusal(capsys, tmp_path / "in.h5", "-o", tmp_path / "out.h5")
    assert "jet 3 has the label 2" in message


def test_refuses_pmu_of_another_length(tmp_path, capsys):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["Pmu"] = np.zeros((5, 20, 4))
        file["is_signal"] = np.zeros(4, np.int16)
    message = refusal(capsys, tmp_path / "in.h5", "-o", tmp_path / "out.h5")
    assert "shape (5, 20, 4) for 4 labels" in message


def test_refuses_inputs_with_other_classes(tmp_path, capsys):
    write_pmu(tmp_path / "a.h5", make_jets())
    write_jetclass_root(tmp_path / "b.root", make_jets())
    message = refusal(capsys, tmp_path / "a.h5", tmp_path / "b.root", "-o", tmp_path / "out.h5")
    assert "b.root" in message and "convert them apart" in message


def test_refuses_a_single_array(tmp_path, capsys):
    np.save(tmp_path / "labels.npy", np.zeros(3))
    message = refusal(capsys, tmp_path / "labels.npy", "-o", tmp_path / "out.h5")
    assert "one array of a set" in message


def test_refuses_an_incomplete_set(tmp_path, capsys):
    np.save(tmp_path / "SMALLlabels.npy", np.zeros(3))
    message = refusal(capsys, tmp_path, "-o", tmp_path / "out.h5")
    assert "no array pf_vectors.npy" in message


def test_refuses_arrays_that_do_not_fit_by_the_names_of_their_files(tmp_path, capsys):
    shapes = {"labels": (2,), "pf_vectors": (2, 4, 3), "pf_mask": (2, 3)}
    for name, shape in shapes.items():
        np.save(tmp_path / f"{name}.npy", np.ones(shape))
    message = refusal(capsys, tmp_path, "-o", tmp_path / "out.h5")
    assert "pf_mask.npy has the shape (2, 3), expected (2, 1, 3)" in message
    np.save(tmp_path / "SMALLpfMask.npy", np.ones((2, 1, 3)))
    message = refusal(capsys, tmp_path, "-o", tmp_path / "out.h5")
    assert "SMALLpfMask.npy and pf_mask.npy; keep one set" in message
    message = refusal(capsys, tmp_path / "nosuch", "-o", tmp_path / "out.h5")
    assert "nosuch: no such file or folder; check the path" in message


def test_other_naming_of_array_sets(tmp_path, samples):
    source = samples / "jetclass/mixed10_500"
    for old, new in (("labels", "SMALLlabels"), ("pf_mask", "SMALLpfMask"), ("pf_vectors", "SMALLpfVectors")):
        shutil.copy(source / f"{old}.npy", tmp_path / f"{new}.npy")
    assert convert(tmp_path, "-o", tmp_path / "out.h5") == 0
    assert len(read(tmp_path / "out.h5")[0]["label"]) == 500


def test_a_folder_of_pelican(tmp_path):
    jets = {name: make_jets(seed=seed) for seed, name in enumerate(("train_0", "train_1", "valid", "test"))}
    (tmp_path / "in").mkdir()
    for name, of_file in jets.items():
        write_pmu(tmp_path / "in" / f"{name}.h5", of_file)
    assert convert(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test.h5", "train.h5", "valid.h5"]
    for name, parts in {"train": ("train_0", "train_1"), "valid": ("valid",), "test": ("test",)}.items():
        columns, classes = read(tmp_path / "out" / f"{name}.h5")
        assert classes == ["QCD", "top"]
        np.testing.assert_array_equal(columns["label"], np.concatenate([jets[part]["label"] % 2 for part in parts]))
        counts = np.concatenate([jets[part]["counts"] for part in parts])
        np.testing.assert_array_equal(np.diff(columns["offsets"]), counts)
        energies = [jets[part]["particles"]["part_energy"][expected_order(jets[part])] for part in parts]
        np.testing.assert_allclose(columns["part_energy"], np.concatenate(energies), rtol=1e-6)


def test_files_of_a_folder_that_fit_no_split_are_named(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("test.h5", "latest_run.h5"):
        write_pmu(tmp_path / "in" / name, make_jets())
    assert "latest_run.h5: none of train, valid, test" in refusal(capsys, tmp_path / "in", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_pelican_needs_a_folder(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    write_pmu(tmp_path / "in" / "test.h5", make_jets())
    (tmp_path / "out.h5").touch()
    for output in ("out.h5", "in"):
        assert "name another folder" in refusal(capsys, tmp_path / "in", "-o", tmp_path / output)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["test.h5"]
    (tmp_path / "in" / "test.h5").rename(tmp_path / "in" / "other.h5")
    assert "no array labels.npy" in refusal(capsys, tmp_path / "in", "-o", tmp_path / "out")
