"""Campaigns are found, read, joined, and refused with a reason when they cannot be."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from campaign import DIMENSIONS, write_campaign
from conftest import ROOT
from eebench_analysis.__main__ import main
from eebench_analysis.errors import InputError
from eebench_analysis.load import load, newest_campaign, ok_points, provenance
from eebench_analysis.points import by_threshold, once, panels, rules, select, spread, threshold_text, unique
from eebench_analysis.report import warnings


@pytest.fixture
def data(tmp_path):
    return load(write_campaign(tmp_path))


def test_enumerations_become_names(data):
    assert set(data["rule"].values) == {"full", "fixed", "confidence", "entropy"}
    assert unique(data, "model") == ["particlenet", "part-small"]
    assert list(data["state"].values[-2:]) == ["failed", "pending"]


def test_only_measured_points_count(data):
    assert ok_points(data).sizes["point"] == data.sizes["point"] - 2
    text = "\n".join(provenance(data))
    assert "52 measured, 1 failed, 1 missing" in text
    assert "OVERSUBSCRIBED" in text and "effort quick (not official)" in text


def test_official_runs_on_free_cores_carry_no_warning(tmp_path):
    text = "\n".join(provenance(load(write_campaign(tmp_path, oversubscribed=0, effort="official"))))
    assert "OVERSUBSCRIBED" not in text and "not official" not in text


def test_tasks_follow_one_another(tmp_path):
    write_campaign(tmp_path, task=0, seed=1)
    first = load(tmp_path)
    write_campaign(tmp_path, task=1, seed=2)
    both = load(tmp_path)
    n = first.sizes["point"]
    assert both.sizes["point"] == 2 * n and both.sizes["exit"] == first.sizes["exit"]
    np.testing.assert_array_equal(both["accuracy"].values[:n], first["accuracy"].values)


def test_tasks_of_other_programs_or_machines_are_told(tmp_path):
    """What a job's size and a run bring with them may differ; no more."""
    write_campaign(tmp_path, task=0, git_sha="abc", mpi_size=1, start_utc="yesterday")
    write_campaign(tmp_path, task=1, git_sha="abc", mpi_size=2, start_utc="today")
    assert "DIFFER" not in "".join(provenance(load(tmp_path))) and "tasks_differ_in" not in load(tmp_path).attrs
    write_campaign(tmp_path, task=2, git_sha="def", cpu="Other CPU", flags="-O0")
    data = load(tmp_path)
    assert provenance(data)[0].startswith("TASKS DIFFER in cpu, flags, git_sha:")
    assert any("Tasks differ in cpu, flags, git_sha:" in text for text in warnings(data))


def test_the_tasks_of_the_example_are_alike():
    assert "tasks_differ_in" not in load(ROOT / "results/example").attrs


def test_run_order_is_that_of_the_journals(tmp_path):
    """Each made-up task was measured from its last point but one to its first."""
    for task in (0, 1):
        write_campaign(tmp_path, task=task)
    order = list(range(52, -1, -1)) + [-1]
    np.testing.assert_array_equal(load(tmp_path)["run_order"], order + [k + 54 if k >= 0 else k for k in order])
    (tmp_path / "tasks/0000/journal.jsonl").unlink()
    assert set(load(tmp_path / "tasks/0000/task.h5")["run_order"].values) == {-1}


@pytest.mark.parametrize(
    "manifest, missing",
    [
        ({"points": ["a"] * 60}, 1 + 6),
        ({"points": ["a"] * 54, "shards": [{"repeat": k, "points": list(range(54))} for k in (0, 1)]}, 1 + 54),
    ],
)
def test_points_of_tasks_not_begun_are_missing(tmp_path, manifest, missing):
    write_campaign(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert f"52 measured, 1 failed, {missing} missing" in provenance(load(tmp_path))[-1]


def test_the_last_entry_of_a_point_counts(tmp_path):
    journal = write_campaign(tmp_path) / "tasks/0000/journal.jsonl"
    assert set(load(tmp_path)["error"].values[:52]) == {""} and load(tmp_path)["error"].values[52] == "disk <full>"
    lines = journal.read_text()
    journal.write_text(lines + '{"id":"0000000000000034","state":"ok"}\n{"id":"00000000000')
    assert set(load(tmp_path)["error"].values) == {""}
    assert load(tmp_path)["run_order"].values[52] == 52


def test_newest_campaign(tmp_path):
    for age, name in enumerate(("new", "old")):
        write_campaign(tmp_path / name)
        os.utime(tmp_path / name / "tasks/0000/task.h5", (1e9 - age, 1e9 - age))
    assert newest_campaign(tmp_path).name == "new"
    assert newest_campaign(tmp_path / "old").name == "old"


def test_a_campaign_under_way_is_read_from_its_part_file(tmp_path):
    task = write_campaign(tmp_path) / "tasks/0000/task.h5"
    task.rename(task.with_suffix(".h5.part"))
    assert load(tmp_path).sizes["point"] == 54


def test_near_thresholds_have_different_texts():
    texts = [threshold_text(value) for value in (0.99966, 0.99968, 0.9997, 0.5, np.inf)]
    assert texts == ["0.99966", "0.99968", "0.9997", "0.5", "never"]


def test_selection(data):
    points = ok_points(data)
    assert rules(points) == ["confidence", "entropy"]
    assert panels(points)[0] == ("particlenet", "single_stream", 1) and len(panels(points)) == 4
    replayed = once(points)
    assert set(replayed["batch"].values[replayed["model"].values == "particlenet"]) == {1}
    ordered = by_threshold(select(replayed, model="particlenet"), "confidence")
    assert np.all(np.diff(ordered["threshold"].values) > 0)
    np.testing.assert_allclose(spread(ordered)["threshold"].values, [0.5, 0.68, 0.95])
    assert spread(ordered.isel(point=[0])).sizes["point"] == 1


def test_fixture_follows_the_format_page(data):
    """What these tests read is what results/README.md promises, name by name and shape by shape."""
    table = {}
    for line in (ROOT / "results" / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 6 and re.fullmatch(r"`\w+`", cells[1]):
            shape = tuple(name for name in cells[2].split(", ") if name)
            table[cells[1].strip("`")] = (shape, "ci" in cells[3])
    for name in data.data_vars:
        plain = re.sub(r"_ci_(low|high)$", "", name)
        shape, has_interval = table[plain]
        assert shape == DIMENSIONS.get(name, ()), name
        assert has_interval or plain == name, name


# ---- older versions of the format -----------------------------------------------------------------

# A few points of campaigns of those days, with the accuracy of the full part-small from the summary of each.
OLD = {"task_1.1.h5": 0.7838, "task_1.2.h5": 0.7838, "task_1.4.h5": 0.7900, "task_1.5.h5": 0.7900, "task_1.6.h5": 0.7900}


def version_of(file):
    return file.removeprefix("task_").removesuffix(".h5")


@pytest.mark.parametrize("file", OLD)
def test_files_of_older_versions_still_load_and_report(tmp_path, file):
    (tmp_path / "tasks/0000").mkdir(parents=True)
    shutil.copy(ROOT / "tests/analysis/data" / file, tmp_path / "tasks/0000/task.h5")
    data = load(tmp_path)
    assert data.attrs["schema_version"] == version_of(file)
    full = select(data, model="part-small", rule="full")["accuracy"].values
    np.testing.assert_allclose(full, OLD[file], atol=5e-5)
    assert set(data["state"].values) == {"ok"} and set(unique(data, "model")) == {"particlenet", "part-small"}
    assert main(["report", str(tmp_path)]) == 0
    page = (tmp_path / "report/report.html").read_text()
    assert "24 measured, 0 failed, 0 missing" in page and "Chosen thresholds" in page


def test_there_is_a_file_of_the_version_before():
    """Whoever raises the version puts a file of the one before beside the others, and a line into the changes."""
    text = (ROOT / "results/README.md").read_text()
    major, minor = map(int, re.match(r"# The task file, version (\d+)\.(\d+)", text).groups())
    assert re.search(r"## Changes\n\n- (.*?):", text)[1] == f"{major}.{minor}"
    newest = max(tuple(map(int, version_of(file).split("."))) for file in OLD)
    assert newest >= (major, minor - 1)


# ---- wrong inputs ------------------------------------------------------------------------------


def test_refuses_a_folder_without_campaign(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "no campaign" in capsys.readouterr().err


def test_refuses_a_file_that_is_no_task(tmp_path):
    (tmp_path / "task.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="task.h5: not a readable task file"):
        load(tmp_path / "task.h5")


def test_refuses_other_hdf5_in_one_line(tmp_path):
    """A process of its own: warnings, too, are words on stderr."""
    (tmp_path / "tasks/0000").mkdir(parents=True)
    shutil.copy(ROOT / "tests/data/jets_test_250.h5", tmp_path / "tasks/0000/task.h5")
    command = [sys.executable, "-m", "eebench_analysis", "report", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "analysis")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("eebench_analysis: ") and "task.h5: not a task file" in line


def test_refuses_a_later_format(tmp_path):
    with pytest.raises(InputError, match="schema_version 2.0, this program reads 1.x"):
        load(write_campaign(tmp_path, schema_version="2.0"))


def test_refuses_a_damaged_manifest(tmp_path):
    write_campaign(tmp_path)
    for text in ('{"points": [', '{"shards": [{}]}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(InputError, match="manifest.json: damaged"):
            load(tmp_path)


def test_refuses_a_campaign_without_a_measured_point(tmp_path, capsys):
    import xarray as xr

    file = write_campaign(tmp_path) / "tasks/0000/task.h5"
    with xr.open_dataset(file, engine="h5netcdf") as data:
        data = data.load()
    data["state"][:] = 2
    data.to_netcdf(file, engine="h5netcdf")
    assert main(["report", str(tmp_path)]) == 2
    assert "no point of it was measured" in capsys.readouterr().err


# ---- as a table for other programs ---------------------------------------------------------------


def test_parquet_has_the_columns_of_the_summary(tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    example = ROOT / "results/example"
    assert main(["export", str(example), "--format", "parquet", "-o", str(tmp_path / "points.parquet")]) == 0
    table = pandas.read_parquet(tmp_path / "points.parquet")
    summary = pandas.read_csv(example / "summary.csv")
    assert set(table.columns) == set(summary.columns)
    for name in summary.columns:
        if name == "point_id" or table[name].dtype.kind not in "fiu":
            assert table[name].astype(str).tolist() == summary[name].astype(str).tolist(), name
        else:
            np.testing.assert_array_equal(table[name].astype(float), summary[name].astype(float), err_msg=name)


def test_parquet_of_no_campaign_is_refused(tmp_path, capsys):
    assert main(["export", str(tmp_path), "--format", "parquet", "-o", str(tmp_path / "points.parquet")]) == 2
    assert "no tasks/*/task.h5 in it" in capsys.readouterr().err
    assert main(["export", str(ROOT / "results/example"), "--format", "parquet", "-o", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
