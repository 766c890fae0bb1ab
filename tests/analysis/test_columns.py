"""Answers in the columns of weaver-core, read back; wrong input is one line."""

import hashlib

import h5py
import numpy as np
import pyarrow.parquet
import pytest
import uproot
from conftest import ROOT
from eebench_analysis.__main__ import main
from eebench_analysis.metrics import softmax
from test_metrics import write_answers

JETS = ROOT / "tests" / "data" / "jets_test_250.h5"
CLASSES = ("Tbl", "QCD", "Hbb")  # in another order than that of the jets


@pytest.fixture
def answered(tmp_path):
    """Jets of three classes, answers of two exits for the first five of them, and their logits."""
    with h5py.File(JETS) as file:
        names = [name.decode() for name in file.attrs["classes"]]
        label, pt = file["label"][:], file["jet_pt"][:]
    keep = np.flatnonzero(np.isin(np.array(names)[label], CLASSES))[:6]
    with h5py.File(tmp_path / "jets.h5", "w") as file:
        file["label"], file["jet_pt"] = label[keep], pt[keep]
        file.attrs["classes"] = [name.encode() for name in names]
    logits = np.random.default_rng(1).normal(size=(5, 2, 3)).astype(np.float32)
    own = np.array([CLASSES.index(names[index]) for index in label[keep][:5]])
    digest = hashlib.sha256((tmp_path / "jets.h5").read_bytes()).hexdigest()
    write_answers(tmp_path / "answers.h5", logits, own, CLASSES, data_sha256=digest)
    return tmp_path, logits, own, pt[keep][:5]


def columns(folder, output, *more):
    return main(["columns", str(folder / "answers.h5"), "-o", str(folder / output), *map(str, more)])


def test_root_as_weaver_writes_it(answered):
    folder, logits, label, pt = answered
    assert columns(folder, "pred.root", "--data", folder / "jets.h5") == 0
    with uproot.open(folder / "pred.root") as file:
        tree = file["Events"]
        assert tree.keys() == [
            "label_Tbl", "score_label_Tbl", "label_QCD", "score_label_QCD", "label_Hbb", "score_label_Hbb", "_label_", "jet_pt",
        ]  # fmt: skip
        assert isinstance(file.file.compression, uproot.LZ4)
        found = tree.arrays(library="np")
    scores = softmax(logits[:, -1].astype(float))
    for index, name in enumerate(CLASSES):
        assert found[f"label_{name}"].dtype == bool and found[f"score_label_{name}"].dtype == np.float32
        np.testing.assert_array_equal(found[f"label_{name}"], label == index)
        np.testing.assert_allclose(found[f"score_label_{name}"], scores[:, index], rtol=1e-6)
    np.testing.assert_array_equal(found["_label_"], label)
    np.testing.assert_array_equal(found["jet_pt"], pt)


def test_observers_are_those_of_the_jets_that_a_selection_left(answered):
    folder = answered[0]
    with h5py.File(folder / "answers.h5", "r+") as file:
        file["place"] = np.array([0, 1, 3, 4, 5])
    with h5py.File(folder / "jets.h5") as file:
        pt = file["jet_pt"][:]
    assert columns(folder, "pred.root", "--data", folder / "jets.h5") == 0
    with uproot.open(folder / "pred.root") as file:
        np.testing.assert_array_equal(file["Events"]["jet_pt"].array(library="np"), pt[[0, 1, 3, 4, 5]])


def test_parquet_of_an_early_exit(answered):
    folder, logits, label, pt = answered
    assert columns(folder, "pred.parquet", "--data", folder / "jets.h5", "--exit", 0) == 0
    table = pyarrow.parquet.read_table(folder / "pred.parquet")
    assert table.column_names == ["scores", "_label_", "jet_pt"]
    np.testing.assert_allclose(np.array(table["scores"].to_pylist()), softmax(logits[:, 0].astype(float)), rtol=1e-6)
    np.testing.assert_array_equal(table["_label_"].to_numpy(), label)
    np.testing.assert_array_equal(table["jet_pt"].to_numpy(), pt)


def test_answers_of_a_rule_say_where_jets_left(answered, capsys):
    folder, logits, label, _ = answered
    rule = {"exit_index": [0, 1, 1, 0, 0], "rule": "confidence", "thresholds": np.array([0.7])}
    (folder / "answers.h5").unlink()
    write_answers(folder / "answers.h5", logits[:, 0], label, CLASSES, **rule)
    assert columns(folder, "pred.root") == 0
    with uproot.open(folder / "pred.root") as file:
        assert file["Events"]["exit_index"].array(library="np").tolist() == [0, 1, 1, 0, 0]
    assert columns(folder, "other.root", "--exit", 0) == 2
    assert "leave out --exit" in capsys.readouterr().err and not (folder / "other.root").exists()


def test_wrong_input(answered, capsys):
    folder = answered[0]
    for output, more, words in (
        ("pred.csv", (), "ends in neither .root nor .parquet"),
        ("pred.root", ("--exit", 2), "has no exit 2; the last is 1"),
        ("pred.root", ("--data", JETS), "is not the file that"),
        ("pred.root", ("--data", folder / "nope.h5"), "cannot be read as jets"),
    ):
        assert columns(folder, output, *more) == 2
        assert words in capsys.readouterr().err
        assert not (folder / output).exists()
