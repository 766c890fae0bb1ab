"""Metrics of answers against numbers computed by hand, and those of PELICAN against its definitions."""

import csv
import json
import re
import subprocess

import h5py
import numpy as np
import pytest
from conftest import ROOT
from eebench_analysis.__main__ import main
from eebench_analysis.metrics import (
    auc, calibration_error, class_auc, confusion, cross_entropy, macro_auc, rejection, rejection_near, roc_curve, softmax,
)  # fmt: skip

HEADER = (
    "prefix,timestamp,loss,accuracy,AUC,BgRejectionAt0.3,atSignEfficiency03,BgRejectionAt0.5,atSignEfficiency05,"
    "FP_rate,FN_rate"
)


def write_answers(path, logits, label, classes=("top", "QCD"), exit_index=None, **attributes):
    """A file as eebench predict writes it; without `exit_index` every exit answers."""
    with h5py.File(path, "w") as file:
        file["logits"], file["label"] = np.asarray(logits, np.float32), np.asarray(label, np.int32)
        last = np.full(len(label), np.shape(logits)[1] - 1) if exit_index is None else exit_index
        file["exit_index"] = np.asarray(last, np.int32)
        file["class"] = [name.encode() for name in classes]
        known = {"format": "eebench predictions", "rule": "none", "data": "jets.h5", "weights_sha256": "ab"}
        file.attrs.update(known | attributes)
    return path


def logits_of(p):
    """Two logits whose softmax gives the second class the chance `p`."""
    p = np.asarray(p)
    return np.stack([np.zeros_like(p), np.log(p / (1 - p))], axis=-1)


def test_auc_counts_ties_half():
    # 0.9 beats both, 0.4 ties with one and beats none of the others: 2 + 0.5 of 4 pairs.
    assert auc(np.array([0.9, 0.4]), np.array([0.4, 0.5])) == 2.5 / 4
    assert np.isnan(auc(np.array([]), np.array([0.4])))


def test_auc_of_classes():
    probability = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7]])
    label = np.array([0, 1, 1, 2])
    # Class 1 has 0.5 and 0.4, the others 0.3 and 0.2; class 0 has 0.6 alone, class 2 has 0.7 alone.
    assert class_auc(probability, label) == [1, 1, 1]
    probability[2] = 0.7, 0.2, 0.1
    # Class 0: 0.6 against 0.2, 0.7, 0.1; class 1: 0.5, 0.2 against 0.3, 0.2.
    assert class_auc(probability, label) == [pytest.approx(2 / 3), (2 + 0.5) / 4, 1]
    # 0|1: 0.6 against 0.2, 0.7; 1|0: 0.5, 0.2 against 0.3; 1|2: 0.5, 0.2 against 0.2; the other three are 1.
    assert macro_auc(probability, label) == pytest.approx((1 / 2 + 1 / 2 + 1.5 / 2 + 3) / 6)
    assert macro_auc(probability[:3], label[:3]) == pytest.approx((1 / 2 + 1 / 2) / 2)  # class 2 has no jets


def test_calibration_error_by_hand():
    # Bins 14 (two jets, one right, mean confidence 0.97) and 9 (one jet, wrong, 0.62).
    confidence, right = np.array([0.96, 0.98, 0.62]), np.array([True, False, False])
    assert calibration_error(confidence, right) == pytest.approx((2 * 0.47 + 0.62) / 3)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0
    assert np.isnan(calibration_error(np.array([]), np.array([])))


def test_confusion_and_cross_entropy():
    assert confusion(np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1]), 3).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    logits = np.log(np.array([[0.2, 0.8], [0.5, 0.5]])) + 700  # a common summand changes nothing
    assert cross_entropy(logits, np.array([1, 0])) == pytest.approx(-(np.log(0.8) + np.log(0.5)) / 2)
    assert softmax(logits)[0] == pytest.approx([0.2, 0.8])


def test_rejection_by_hand():
    signal, background = np.array([4.0, 3.0, 2.0, 1.0]), np.array([3.0, 2.5, 0.5, 0.4, 0.3])
    # Half of the signal lies at 3 and above, with one of five of the background; all of it at 1, with two.
    half = rejection(signal, background, 0.5)
    assert (half["value"], half["lower_limit"]) == (5, False)
    assert (half["low"], half["high"]) == (pytest.approx(1 / 0.624465), pytest.approx(1 / 0.036223, rel=1e-4))
    assert rejection(signal, background, 0.99)["value"] == 2.5
    # None of five passes: Wilson's upper limit of the rate is z²/(5 + z²).
    none = rejection(signal, background - 5, 0.5)
    assert none["lower_limit"] and none["value"] == none["low"] == pytest.approx(1 + 5 / 1.959964**2)
    assert np.isnan(none["high"]) and np.isnan(rejection(signal, background[:0], 0.5)["value"])


def test_top_tagging_has_two_working_points(tmp_path, capsys):
    # Of the top jets 30 % lie at 8 and above, with one of four QCD jets, and 50 % at 6 and above, with two.
    score = np.array([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 8.5, 6.5, 0.5, 0.4])
    logits = np.stack([score, np.zeros_like(score)], axis=1)[:, None]
    answers = write_answers(tmp_path / "answers.h5", logits, [0] * 10 + [1] * 4)
    assert main(["metrics", str(answers), "-o", str(tmp_path / "found.json")]) == 0
    (found,) = json.loads((tmp_path / "found.json").read_text())["exits"]
    at_50, at_30 = found["rejection"]["top"], found["rejection_at_30"]["top"]
    assert (at_50["efficiency"], at_50["value"], at_30["efficiency"], at_30["value"]) == (0.5, 2, 0.3, 4)
    printed = capsys.readouterr().out
    assert re.search(r"top, at 50 % +\| +2 ", printed) and re.search(r"top, at 30 % +\| +4 ", printed)
    answers = write_answers(tmp_path / "other.h5", logits, [0] * 10 + [1] * 4, classes=("Tbqq", "QCD"))
    assert main(["metrics", str(answers), "-o", str(tmp_path / "found.json")]) == 0
    (found,) = json.loads((tmp_path / "found.json").read_text())["exits"]
    assert list(found["rejection"]) == ["Tbqq"] and found["rejection_at_30"] == {}


def printed_table(text):
    """The rows of predict's table by their first cell."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize(
    "leave, columns",
    [([], lambda found: found["exits"]),
     (["--rule", "confidence", "--threshold", "0.8"], lambda found: found["exits"] + [found["all"]])],
)  # fmt: skip
def test_what_predict_prints(program, tmp_path, leave, columns):
    """The program computes its table apart from Python's; all numbers are the same to the digits printed."""
    weights, jets = ROOT / "suites/assets/particlenet.h5", ROOT / "tests/data/jets_test_250.h5"
    answers = tmp_path / "answers.h5"
    told = subprocess.run(
        ["eebench", "predict", "--weights", weights, "--data", jets, *leave, "-o", answers],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert main(["metrics", str(answers), "-o", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    rows = printed_table(told.stdout)
    limits = 0
    for k, column in enumerate(columns(found)):
        printed = {name: [float(x) for x in re.findall(r"\d[\d.e+]*", cells[k])] for name, cells in rows.items()}
        assert printed["jets"] == [column["jets"]]
        assert printed["accuracy"][0] == pytest.approx(column["accuracy"], abs=6e-5)
        assert printed["macro one-vs-one AUC"][0] == pytest.approx(column["auc"], abs=6e-6)
        assert printed["expected calibration error"] == [pytest.approx(column["ece"], abs=6e-5)]
        assert len(column["rejection"]) == 9
        for name, r in column["rejection"].items():
            row = f"QCD rejection at {100 * r['efficiency']:g} % {name}"
            numbers = [r["value"]] if r["lower_limit"] else [r["value"], r["low"], r["high"]]
            if r["value"] is None:  # none of this class left there
                numbers = []
            assert printed[row] == pytest.approx(numbers, rel=1e-3), row
            assert rows[row][k].startswith("> ") == r["lower_limit"]
            limits += r["lower_limit"]
    assert limits > 0


def test_each_exit_and_those_that_left_there(tmp_path, capsys):
    first, last = logits_of([0.9, 0.6, 0.3, 0.2]), logits_of([0.9, 0.4, 0.3, 0.7])
    label = [1, 1, 0, 1]
    every = write_answers(tmp_path / "answers.h5", np.stack([first, last], axis=1), label)
    assert main(["metrics", str(every), "-o", str(tmp_path / "all.json")]) == 0
    found = json.loads((tmp_path / "all.json").read_text())
    assert found["classes"] == ["top", "QCD"] and found["data"] == "jets.h5"
    assert [e["accuracy"] for e in found["exits"]] == [0.75, 0.75]
    assert found["exits"][0]["auc"] == pytest.approx(2 / 3) and found["exits"][1]["auc"] == pytest.approx(1)
    assert found["exits"][0]["confusion"] == [[1, 0], [1, 2]]
    # Confidences 0.9, 0.6, 0.7, 0.8 in four bins; right, right, right, wrong.
    assert found["exits"][0]["ece"] == pytest.approx((0.1 + 0.4 + 0.3 + 0.8) / 4, abs=1e-6)

    taken = np.where(np.array([True, False, True, False])[:, None], first, last)
    left = write_answers(
        tmp_path / "left.h5", taken, label, exit_index=[0, 1, 0, 1], rule="confidence", thresholds=np.array([0.7])
    )
    capsys.readouterr()
    assert main(["metrics", str(left), "-o", str(tmp_path / "left.json")]) == 0
    assert "left there by confidence at [0.7]" in capsys.readouterr().out
    found = json.loads((tmp_path / "left.json").read_text())
    assert found["rule"] == "confidence" and found["thresholds"] == [0.7] and found["all"]["accuracy"] == 0.75
    assert [(e["share"], e["jets"], e["accuracy"]) for e in found["exits"]] == [(0.5, 2, 1.0), (0.5, 2, 0.5)]
    assert found["exits"][0]["ece"] == pytest.approx((0.1 + 0.3) / 2, abs=1e-6)
    assert found["exits"][1]["ece"] == pytest.approx((0.6 + 0.3) / 2, abs=1e-6)
    assert found["exits"][1]["auc"] is None  # all of one class


def pelican_sample():
    """The scores for which PELICAN's figures are known: s = sin(0.37 i²) + 0.9 y, rounded, y = i mod 2."""
    i = np.arange(2000)
    label = i % 2
    return np.round(np.sin(0.37 * i**2) + 0.9 * label, 3), label


def test_roc_and_rejections_are_those_of_pelican():
    score, label = pelican_sample()
    false, true, cuts = roc_curve(score, label)
    assert len(false) == len(cuts) == 730
    for k in (1, 300, 729):
        assert true[k] == (score[label == 1] >= cuts[k]).mean() and false[k] == (score[label == 0] >= cuts[k]).mean()
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert auc(score[label == 1], score[label == 0]) == pytest.approx(0.8021485, abs=1e-9)
    assert rejection_near(false, true, 0.3) == (pytest.approx(100), pytest.approx(0.482))
    assert rejection_near(false, true, 0.5) == (pytest.approx(8.62068966), pytest.approx(0.499))
    # Where no background passes at the nearest point, the first point with some.
    assert rejection_near(np.array([0, 0, 0.5, 1]), np.array([0, 0.4, 0.4, 1]), 0.3) == (2, 0.4)


def test_a_row_of_pelican_s_csv(tmp_path):
    score, label = pelican_sample()
    logits = np.stack([score, np.zeros_like(score)], axis=1)[:, None]  # top is the first class here
    answers = write_answers(tmp_path / "nano.h5", logits, 1 - label)
    output = tmp_path / "log" / "run.Best.metrics.csv"
    output.parent.mkdir()
    for form in ("pelican-nano", "pelican"):
        assert main(["metrics", str(answers), "--format", form, "-o", str(output)]) == 0
    assert output.read_text().splitlines()[0] == HEADER
    roc = tmp_path / "nano_ROC.csv"
    assert main(["metrics", str(answers), "--format", "pelican-roc", "-o", str(roc)]) == 0
    false, true, cuts = np.loadtxt(roc, delimiter=",")
    assert len(false) == 730 and false[-1] == true[-1] == 1 and np.isinf(cuts[0]) and (np.diff(cuts) < 0).all()
    with open(output, newline="") as file:
        nano, whole = csv.DictReader(file)
    right = np.where(label == 1, score > 0, score <= 0)
    for row in (nano, whole):
        assert row["prefix"] == "nano" and float(row["accuracy"]) == pytest.approx(right.mean())
        assert float(row["AUC"]) == pytest.approx(0.8021485, abs=1e-9)
        assert float(row["BgRejectionAt0.3"]) == pytest.approx(100)
        assert float(row["atSignEfficiency05"]) == pytest.approx(0.499)
        expected = np.log1p(np.exp(np.where(label == 1, -score, score))).mean()
        assert float(row["loss"]) == pytest.approx(expected, abs=1e-6)
    passing, missed = ((score > 0) & (label == 0)).sum(), ((score <= 0) & (label == 1)).sum()
    assert (float(nano["FP_rate"]), float(nano["FN_rate"])) == (passing / 2000, missed / 2000)
    assert (float(whole["FP_rate"]), float(whole["FN_rate"])) == (passing / 1000, missed / 1000)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"classes": ("a", "b", "c"), "logits": np.zeros((2, 1, 3))}, "answers of 3 classes"),
        ({"label": [1, 1]}, "all jets are QCD"),
        ({"format": "other"}, "not written by eebench predict; give the file that its -o names"),
        ({"logits": np.full((2, 1, 2), np.nan)}, "the logits of jet 0 are not all finite"),
    ],
)
def test_wrong_answers(tmp_path, capsys, change, words):
    wanted = {"logits": np.zeros((2, 1, 2)), "label": [0, 1]} | change
    answers = write_answers(tmp_path / "answers.h5", wanted.pop("logits"), wanted.pop("label"), **wanted)
    output = tmp_path / "out.csv"
    assert main(["metrics", str(answers), "--format", "pelican", "-o", str(output)]) == 2
    assert words in capsys.readouterr().err and not output.exists()


def test_another_csv_is_left_alone(tmp_path, capsys):
    answers = write_answers(tmp_path / "answers.h5", np.zeros((2, 1, 2)), [0, 1])
    assert main(["metrics", str(answers), "--format", "pelican"]) == 2
    assert "name it by -o" in capsys.readouterr().err
    (tmp_path / "out.csv").write_text("a,b\n")
    assert main(["metrics", str(answers), "--format", "pelican", "-o", str(tmp_path / "out.csv")]) == 2
    assert "its first line is not prefix" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_text() == "a,b\n"
