"""The notebooks are committed without outputs and run from top to bottom."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, TINY

FIGURES = {"01_overview": 10, "02_noise": 4, "03_comparison": 1, "04_scaling": 3}
OF_CAMPAIGNS = [name for name in FIGURES if name != "04_scaling"]
SUITE = f"""
name = "tiny"
data = "{ROOT}/tests/data/jets_test_250.h5"
jets = 200
run_jets = 64
effort = "smoke"
[models.part-small]
weights = "{ROOT}/suites/assets/part-small.h5"
[axes]
rule = ["confidence"]
threshold = [0.5, 0.8]
batch = [1, 16]
scenario = "offline"
"""


def test_every_notebook_is_run():
    assert {path.stem for path in (ROOT / "analysis").glob("*.ipynb")} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_outputs_are_cleared(name):
    cells = json.loads((ROOT / "analysis" / f"{name}.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(not cell["outputs"] and cell["execution_count"] is None for cell in code)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, program):
    """A campaign of 10 points measured now, on two ranks."""
    folder = tmp_path_factory.mktemp("fresh")
    (folder / "suite.toml").write_text(SUITE)
    eebench(folder, 2, "bench", "--suite", "suite.toml", "-o", "campaign")
    return folder / "campaign"


def eebench(folder, ranks, *arguments):
    command = ["mpirun", "-n", str(ranks), "eebench", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run(name, folder, environment):
    """Executes a notebook; what it printed first, and the number of its pictures."""
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"]
    command += [str(ROOT / "analysis" / f"{name}.ipynb"), "--output-dir", str(folder), "--output", "out.ipynb"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "analysis"), **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    code = [cell for cell in json.loads((folder / "out.ipynb").read_text())["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    words = "".join("".join(output.get("text", "")) for output in code[0]["outputs"])
    return words, sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("name", OF_CAMPAIGNS)
def test_runs_on_a_campaign_just_measured(name, tmp_path, fresh):
    words, pictures = run(name, tmp_path, {"EEBENCH_RESULTS": str(fresh)})
    assert "2 ranks × 1 thread" in words and "points: 10 measured, 0 failed, 0 missing" in words
    assert pictures == FIGURES[name]


@pytest.mark.parametrize("name", OF_CAMPAIGNS)
def test_runs_on_the_example(name, tmp_path, request):
    if name == "03_comparison":
        request.getfixturevalue("program")
    if not (ROOT / "results" / "example").is_dir():
        pytest.skip("results/example is not there")
    words, pictures = run(name, tmp_path, {"EEBENCH_RESULTS": str(ROOT / "results")})
    assert "points: " in words and pictures == FIGURES[name]


def test_scaling_runs_on_ranks_just_measured(tmp_path, program):
    (tmp_path / "tiny.toml").write_text(TINY)
    jets = str(ROOT / "tests/data/jets_test_250.h5")
    few = ["--rounds", "2", "--steps", "2"]
    steps = ["--model", "tiny.toml", "--data", jets, "--jets", "48", "--ranks", "1", "2", "3", "--emulate"]
    eebench(tmp_path, 3, "scale", *steps, *few, "-o", "scaling.h5")
    eebench(tmp_path, 3, "scale", "--stage", "allreduce", "--sizes", "8", "4096", *few, "-o", "sums.h5")
    files = {f"EEBENCH_{name.upper()}": str(tmp_path / f"{name}.h5") for name in ("scaling", "sums")}
    files["EEBENCH_MACHINE"] = str(ROOT / "configs/machines/perlmutter_gpu.toml")
    words, pictures = run("04_scaling", tmp_path, files)
    assert "emulated" in words and "up to 3 ranks" in words and pictures == FIGURES["04_scaling"]
