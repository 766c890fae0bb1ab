"""Exit rules from the suite to the report: some by name, some as formulas, thresholds for each."""

import os
import subprocess
import sys
from html import escape
from pathlib import Path

import numpy as np
import pytest
import xarray

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
HYBRID = "p_max*(patience>=1)"
SUITE = f"""
name = "rules"
data = "{SOURCE}/tests/data/jets_test_250.h5"
jets = 150
run_jets = 64
effort = "smoke"
deterministic = true
[models.particlenet-lite]
weights = "{SOURCE}/suites/assets/particlenet-lite.h5"
[axes]
rule = ["patience", "p_max * (patience >= 1)"]
threshold = {{patience = [1, [inf, 1]], "p_max * (patience >= 1)" = "0.6:0.8:0.2"}}
batch = 32
scenario = "offline"
[choose]
data = "{SOURCE}/suites/assets/jetclass_500.h5"
jets = 100
loss = 0.05
"""


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """The campaign's folder, and what the program said."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "suite.toml").write_text(SUITE)
    arguments = ["bench", "--suite", "suite.toml", "-o", "out"]
    done = subprocess.run(
        [os.environ["EEBENCH_PROGRAM"], *arguments], capture_output=True, text=True, timeout=120, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stderr + done.stdout


def names(variable):
    meanings = variable.attrs["flag_meanings"].split()
    return np.array([meanings[value] for value in variable.values])


def answers(scores):
    return scores.logits.values.argmax(-1)


def test_jets_leave_by_patience_and_by_a_formula(campaign):
    folder, said = campaign
    assert "2 rules with 4 thresholds in all" in said
    with xarray.open_dataset(folder / "tasks/0000/task.h5", engine="h5netcdf", mask_and_scale=False) as file:
        task = file.load()
    with xarray.open_dataset(folder / "scores/particlenet-lite.h5", engine="h5netcdf") as file:
        scores = file.load()
    meanings = task["rule"].attrs["flag_meanings"].split()
    assert meanings[:6] == ["full", "fixed", "confidence", "entropy", "margin", "learned"]
    assert meanings[-2:] == ["jei", HYBRID]
    rules, given = names(task["rule"]), names(task["selection"]) == "given"
    assert sorted(rules[given]) == ["fixed"] * 2 + ["full"] + [HYBRID] * 2 + ["patience"] * 2
    assert (names(task["state"]) == "ok").all()
    assert (task["flip_share"] == 0).all()

    labels = answers(scores)
    again = labels[:, 1] == labels[:, 0]
    assert 0 < again.sum() < 150
    for point in np.flatnonzero(given & (rules == "patience")):
        left = task["exit_fraction"].values[point]
        assert left == pytest.approx([0, again.mean(), 1 - again.mean()])
    assert set(task["thresholds"].values[rules == "patience", 0][:2]) == {1, np.inf}
    for point in np.flatnonzero(given & (rules == HYBRID)):
        leaving = again & (scores["confidence"].values[:, 1] >= task["threshold"].values[point])
        assert task["exit_fraction"].values[point, :2] == pytest.approx([0, leaving.mean()])


def test_thresholds_are_chosen_for_formulas_too(campaign):
    folder, _ = campaign
    with xarray.open_dataset(folder / "tasks/0000/task.h5", engine="h5netcdf", mask_and_scale=False) as file:
        task = file.load()
    chosen = names(task["selection"]) != "given"
    assert sorted(names(task["rule"])[chosen]) == [HYBRID] * 2 + ["patience"] * 2
    assert not np.isnan(task["thresholds"].values[chosen, :2]).any()


def test_the_report_names_them(campaign):
    folder, _ = campaign
    assert HYBRID in (folder / "summary.md").read_text()
    assert "never 1" in (folder / "summary.md").read_text()
    done = subprocess.run(
        [sys.executable, "-m", "eebench_analysis", "report", str(folder)],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(SOURCE / "analysis")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (folder / "report/report.html").read_text()
    assert f">{escape(HYBRID)}</td>" in page and ">patience</td>" in page
