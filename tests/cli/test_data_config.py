"""Files of other toolkits as they are: data configurations of weaver-core, jets of PELICAN."""

import csv

import h5py
import numpy as np
import pytest
from jobs import CONFIG, JETS, SOURCE

TOPS = SOURCE / "tests/data/toptag_200.h5"
WEAVER = """
treename: tree
selection: (jet_pt > 600) & ~label_QCD
test_time_selection: jet_pt > 700
new_variables:
   part_pt: np.hypot(part_px, part_py)
   part_mask: ak.ones_like(part_energy)
   part_pt_log: np.log(part_pt)
   part_deltaR: np.hypot(part_deta, part_dphi)
preprocess:
   method: auto
   data_fraction: 0.5
inputs:
   pf_points: {length: 128, pad_mode: wrap, vars: [[part_deta, null], [part_dphi, null]]}
   pf_features: {length: 128, pad_mode: wrap, vars: [part_pt_log, [part_deltaR, 0.2, 4.0], part_isElectron]}
   pf_vectors: {length: 128, vars: [[part_px, null], [part_py, null], [part_pz, null], [part_energy, null]]}
   pf_mask: {length: 128, pad_mode: constant, vars: [part_mask]}
labels:
   type: simple
   value: [label_QCD, label_Hbb, label_Hcc, label_Hgg, label_H4q, label_Hqql, label_Zqq, label_Wqq, label_Tbqq, label_Tbl]
observers: [jet_pt, jet_eta]
weights:
   use_precomputed_weights: false
   reweight_method: flat
   reweight_vars: {jet_pt: [500, 650, 800, 1000], jet_eta: [-2, 0, 2]}
   reweight_classes: [label_Hbb, label_Hcc, label_Tbqq, label_Tbl]
   class_weights: [1, 1, 1, 2]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tiny.toml").write_text(CONFIG)
    (tmp_path / "X.yaml").write_text(WEAVER)
    return tmp_path


def losses(out):
    with open(out / "train_log.csv") as log:
        return np.array([row["loss"] for row in csv.DictReader(log)], float)


def stored():
    """Multiplicity, pT and label of the jets, names of the classes."""
    with h5py.File(JETS) as jets:
        names = [name.decode() if isinstance(name, bytes) else name for name in jets.attrs["classes"]]
        return np.diff(jets["offsets"][:]), jets["jet_pt"][:], jets["label"][:], names


def numbers(folder):
    return list(folder.glob("X.*.auto.yaml"))


def train(eebench, out, *more, data=JETS, config="tiny.toml", ranks=0):
    return eebench(
        *["train", "--config", config, "--data-train", str(data), "--global-batch", "16", "--seed", "3", "-o", out, *more],
        ranks=ranks,
    )


def refused(end, *words):
    assert end.code == 2, (end.code, end.err)
    (line,) = [line for line in end.err.splitlines() if line.startswith("eebench: ")]
    for word in words:
        assert word in line, line


def test_a_configuration_of_weaver_trains_and_predicts_as_it_is(eebench, folder):
    options = ["--data-config", "X.yaml", "--data-val", str(JETS), "--steps", "9"]
    one = train(eebench, "one", *options)
    assert one.code == 0, one.err
    (file,) = numbers(folder)
    text = file.read_text()
    counts, pt, label, classes = stored()
    selected = (pt > 600) & (label != classes.index("QCD"))
    looked_at = counts[:125][selected[:125]].sum()
    assert f"numbers of {looked_at} constituents of the first 125 jets" in one.err and file.name in one.err
    kept = selected.sum()
    assert one.err.count(f"keeps {kept} of 250 jets") == 2  # to train on and to validate
    assert f"jets of {kept}, each up to" in one.err

    three = train(eebench, "three", *options, ranks=3)
    assert three.code == 0, three.err
    assert f"{file.name}, which is there" in three.err and "constituents of the first" not in three.err
    np.testing.assert_allclose(losses(folder / "three"), losses(folder / "one"), rtol=1e-4)
    file.unlink()
    again = train(eebench, "again", *options, ranks=3)
    assert again.code == 0, again.err
    assert numbers(folder) == [file] and file.read_text() == text

    # The weights know the numbers; --data-config finds them.
    predict = ["predict", "--weights", "one/weights.h5", "--data", str(JETS), "-o"]
    assert eebench(*predict, "answers.h5").code == 0
    end = eebench(*predict, "same.h5", "--data-config", "X.yaml", ranks=3)
    assert end.code == 0 and f"keeps {(pt > 700).sum()} of 250 jets" in end.err, end.err
    with h5py.File(folder / "answers.h5") as answers, h5py.File(folder / "same.h5") as same:
        np.testing.assert_array_equal(answers["place"][:], np.flatnonzero(pt > 700))
        np.testing.assert_array_equal(answers["label"][:], label[pt > 700])
        np.testing.assert_array_equal(answers["logits"][:], same["logits"][:])
        np.testing.assert_array_equal(answers["place"][:], same["place"][:])


def test_a_stopped_training_draws_on_as_if_it_had_not_been(eebench, folder):
    options = ["--data-config", "X.yaml", "--schedule", "none"]
    assert train(eebench, "whole", *options, "--steps", "12").code == 0
    assert train(eebench, "parts", *options, "--steps", "5").code == 0
    end = train(eebench, "parts", *options, "--steps", "12", "--resume")
    assert end.code == 0, end.err
    assert (losses(folder / "parts") == losses(folder / "whole")).all()


def test_numbers_lie_with_the_training_where_the_configuration_cannot_have_them(eebench, folder):
    options = ["--data-config", "X.yaml", "--steps", "2"]
    assert train(eebench, "first", *options).code == 0
    (file,) = numbers(folder)
    file.unlink()
    file.with_name(file.name + ".part").mkdir()  # in the way of any file of this name
    end = train(eebench, "out", *options)
    assert end.code == 0 and f"kept in out/{file.name}" in end.err, end.err
    assert not numbers(folder) and (folder / "out" / file.name).exists()
    predict = ["predict", "--weights", "out/weights.h5", "--data", str(JETS), "-o", "answers.h5"]
    assert eebench(*predict).code == 0
    refused(eebench(*predict, "--data-config", "X.yaml"), "X.yaml: preprocess", "train --data-config", file.name)
    resumed = train(eebench, "out", *options, "--resume")
    assert resumed.code == 0 and "which is there" in resumed.err


@pytest.mark.parametrize("ranks", [0, 3])
@pytest.mark.parametrize(
    "before, after, said",
    [
        ("(jet_pt > 600) & ~label_QCD", "jet_pt > 1e9", "preprocess: the selection keeps none"),
        ("(jet_pt > 600) & ~label_QCD", "jet_mass > 1", "called 'jet_mass'"),
        ("[part_deltaR, 0.2, 4.0]", "part_delta", "no dataset 'part_delta'"),
        ("label_Tbl]\n   class", "label_top]\n   class", "called 'label_top'"),
        ("method: flat", "method: even", "unknown reweight_method 'even'"),
        ("label_QCD, label_Hbb, label_Hcc", "label_QCD, label_Hbb, label_QCD", "leave it out by the selection"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(eebench, folder, before, after, said, ranks):
    assert before in WEAVER
    (folder / "X.yaml").write_text(WEAVER.replace(before, after))
    refused(train(eebench, "out", "--data-config", "X.yaml", "--steps", "2", ranks=ranks), said)


@pytest.fixture
def pelican(tmp_path):
    """The jets of TOPS in PELICAN's layout, in a folder."""
    with h5py.File(TOPS) as tops:
        counts, label = np.diff(tops["offsets"][:]), tops["label"][:]
        momenta = np.stack([tops[f"part_{name}"][:] for name in ("energy", "px", "py", "pz")], 1).astype(float)
    padded = np.zeros((len(counts), 200, 4))
    padded[np.arange(200) < counts[:, None]] = momenta
    folder = tmp_path / "pelican"
    folder.mkdir()
    for name, jets in (("train", slice(0, 150)), ("valid", slice(150, 200)), ("test", slice(0, 200))):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.create_dataset("Pmu", data=padded[jets], compression="gzip")
            file["is_signal"] = label[jets].astype(np.int16)
            file["Nobj"] = counts[jets].astype(np.int16)
    return folder


def test_folders_of_pelican_train_and_predict_as_they_are(eebench, pelican, tmp_path):
    options = ["--steps", "4"]
    one = train(eebench, "one", *options, data=pelican, config="pelican-nano")
    assert one.code == 0, one.err
    assert "train.h5 and validates on" in one.err and "validation accuracy" in one.err
    three = train(eebench, "three", *options, data=pelican / "train.h5", config="pelican-nano", ranks=3)
    assert three.code == 0 and "validation accuracy" not in three.err, three.err
    np.testing.assert_allclose(losses(tmp_path / "three"), losses(tmp_path / "one"), rtol=1e-4)

    def answers(data, name, ranks):
        end = eebench("predict", "--weights", "one/weights.h5", "--data", str(data), "-o", name, ranks=ranks)
        assert end.code == 0, end.err
        with h5py.File(tmp_path / name) as file:
            return file["logits"][:], file["label"][:]

    expected = answers(TOPS, "converted.h5", 0)
    for ranks in (0, 3):
        for read, wanted in zip(answers(pelican / "test.h5", "direct.h5", ranks), expected):
            np.testing.assert_array_equal(read, wanted)
    assert "QCD" in eebench("data", "info", str(pelican / "test.h5")).out


def test_what_is_wrong_with_pelicans_files_is_one_line(eebench, pelican):
    def start(ranks=0):
        return train(eebench, "out", "--steps", "1", data=pelican, config="pelican-nano", ranks=ranks)

    with h5py.File(pelican / "train.h5", "r+") as file:
        file["is_signal"][7] = 3
    refused(start(ranks=3), "train.h5: dataset 'is_signal', index 7: 3 is neither 1", "correct the label")
    with h5py.File(pelican / "train.h5", "r+") as file:
        file["is_signal"][7] = 1
        file["Pmu"][9, 2, 1] = np.nan
    refused(start(), "train.h5: dataset 'Pmu', index [9, 2]: nan is not a finite number", "remove or repair")
    (pelican / "train.h5").unlink()
    refused(start(), "pelican: is a folder without train.h5; name a file")
