"""The notebook is committed without outputs and runs from top to bottom."""

import json
import os
import subprocess
import sys

import pytest
from campaign import write_campaign
from conftest import ROOT

NOTEBOOK = ROOT / "analysis" / "01_overview.ipynb"


def test_outputs_are_cleared():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(not cell["outputs"] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize("source", ["made up", "example"])
def test_runs(tmp_path, source):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "analysis")}
    environment.pop("EEBENCH_RESULTS", None)
    if source == "made up":
        environment["EEBENCH_RESULTS"] = str(write_campaign(tmp_path / "campaign"))
    elif not (ROOT / "results" / "example").is_dir():
        pytest.skip("results/example is not there")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", str(NOTEBOOK)]
    command += ["--output-dir", str(tmp_path), "--output", "out.ipynb"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    assert "points: " in "".join("".join(output.get("text", "")) for output in first["outputs"])
