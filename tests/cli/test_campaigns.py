"""Campaigns in shards: planned, measured one by one, looked at, merged, checked, compared."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from jobs import JETS, SECONDS, Job

SUITE = """
name = "shards"
data = "{jets}"
jets = 0
run_jets = 64
effort = "smoke"
[models.one]
weights = "{folder}/trained/weights.h5"
[models.two]
weights = "{folder}/trained/weights.h5"
[axes]
rule = ["margin", "p_max * (1 + 0 * exit)"]
threshold = [0.13, 0.15]
batch = [1, 16]
scenario = "offline"
"""
POINTS = 2 * 2 * (2 + 2 * 2)  # models, batches, baselines and rules
# Beside the variables in seconds or per second: depends on the machine, or says which shard it was.
NOT_COMPARED = {"sample_rank", "sample_leaving", "warmup_batches", "shard", "rank_host"}


@pytest.fixture(scope="module")
def suite(tiny):
    (tiny / "shards.toml").write_text(SUITE.format(jets=JETS, folder=tiny))
    return tiny / "shards.toml"


@pytest.fixture(scope="module")
def single(suite, tmp_path_factory):
    """The same points in one task."""
    folder = tmp_path_factory.mktemp("single")
    code, _, err = Job(folder, "bench", "--suite", suite, "-o", "out").finish()
    assert code == 0, err
    return folder / "out"


@pytest.fixture(scope="module")
def campaign(suite, tmp_path_factory):
    """Three shards, the first named, the second killed and gone on with as the task of an array, merged."""
    folder = tmp_path_factory.mktemp("sharded")
    out = folder / "out"
    code, plan, err = Job(folder, "plan", "--suite", suite, "--shards", 3, "--ranks", 2, "-o", "out", ranks=1).finish()
    assert code == 0, err
    (folder / "plan.txt").write_text(plan)
    code, _, err = Job(folder, "bench", "-o", "out", "--shard", "0/3").finish()
    assert code == 0, err

    job = Job(folder, "bench", "-o", "out", "--resume", SLURM_ARRAY_TASK_ID="1")
    end = time.monotonic() + SECONDS
    while not (out / "tasks/0001/task.h5.part").exists() and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(job.ranks()[0], signal.SIGKILL)
    assert job.finish()[0] != 0
    code, status, err = Job(folder, "status", "out", ranks=1).finish()
    assert code == 0, err
    (folder / "status.txt").write_text(status)
    (folder / "merge.txt").write_text(Job(folder, "merge", "out", ranks=1).finish()[2])
    code, _, err = Job(folder, "merge", "out", "--partial", ranks=1).finish()
    assert code == 0, err
    shutil.copytree(out, folder / "partial")

    for shard in ("1", "2"):
        code, _, err = Job(folder, "bench", "-o", "out", "--resume", SLURM_ARRAY_TASK_ID=shard).finish()
        assert code == 0, err
    code, _, err = Job(folder, "merge", "out", ranks=1).finish()
    assert code == 0, err
    return folder


def test_a_plan_shows_the_product_and_how_to_submit_it(campaign):
    plan = (campaign / "plan.txt").read_text()
    assert f"{POINTS - 8} points + 8 baselines" in plan
    assert re.search(r"\| rule +\| +2 \| margin, p_max\*\(1\+0\*exit\)", plan)
    submit = r"sbatch --array=0-2 --nodes=1 --ntasks=2 --ntasks-per-node=2 --cpus-per-task=1 \S*slurm/eebench.sbatch bench -o out --threads 1 --resume"
    assert re.search(submit, plan)
    manifest = json.loads((campaign / "out/manifest.json").read_text())
    points = [shard["points"] for shard in manifest["shards"]]
    assert len(points) == 3 and all(len(shard) == POINTS / 3 for shard in points)
    assert sorted(sum(points, [])) == list(range(POINTS))
    half = POINTS // 2  # a shard has points of one network where it can: it alone needs that one's pass
    assert max(points[0]) < half and min(points[2]) >= half


def test_a_dry_run_writes_nothing(eebench, suite, tmp_path):
    end = eebench("plan", "--suite", str(suite), "--shard-minutes", "5", "--effort", "official", "--dry-run", "-o", "out")
    assert end.code == 0, end.err
    # 24 points of at most 15 minutes and 5 s: no shard can be shorter than a point.
    assert re.search(rf"\| +{POINTS} \| +1 \|", end.out)
    assert not (tmp_path / "out").exists()


def test_times_of_an_earlier_campaign_divide_the_next(eebench, suite, campaign, tmp_path):
    end = eebench("plan", "--suite", str(suite), "--like", str(campaign / "out"), "--shards", "2", "-o", "next")
    assert end.code == 0, end.err
    assert "as in" in end.out and re.search(r"\| +2 \|", end.out)
    end = eebench("plan", "--suite", str(suite), "-a", "batch=8", "--like", str(campaign / "out"), "--dry-run")
    assert end.code == 2 and "no time of a finished point of model one, scenario offline, batch 8" in end.err


def test_status_tells_the_shards_apart(campaign, eebench):
    rows = [line.split("|")[1:5] for line in (campaign / "status.txt").read_text().splitlines() if line[:1] == "|"]
    states = {shard.strip(): state.strip() for shard, _, _, state in rows[2:]}
    assert states == {"0": "done", "1": "running", "2": "waiting"}
    assert "Not begun:\n    sbatch --array=2 " in (campaign / "status.txt").read_text()
    end = eebench("status", str(campaign / "partial"), "--lost-after", "0.0001")
    assert end.code == 0 and "Submit again (lost or failed):\n    sbatch --array=1 " in end.out
    end = eebench("status", str(campaign / "out"))
    assert f"{POINTS} of {POINTS} points measured, 0 failed" in end.out and "All done: eebench merge" in end.out


def test_files_that_are_gone_or_damaged_are_lost(campaign, eebench, tmp_path):
    shutil.copytree(campaign / "out", tmp_path / "out")
    os.truncate(tmp_path / "out/tasks/0000/task.h5", 20_000)
    (tmp_path / "out/tasks/0002/task.h5").unlink()
    end = eebench("status", "out")
    assert end.code == 0 and "Submit again (lost or failed):\n    sbatch --array=0,2 " in end.out and "All done" not in end.out


def test_merge_names_what_is_missing_and_counts_it(campaign):
    (line,) = [line for line in (campaign / "merge.txt").read_text().splitlines() if "eebench" in line]
    assert "2 of 3 tasks are not finished: tasks/0001/task.h5 (" in line
    assert "tasks/0002/task.h5 (0 of 8 points)" in line and "--array=1-2" in line
    with h5py.File(campaign / "partial/merged.h5") as file:
        assert file.attrs["n_missing"] == 16 and len(file["point"]) == 8
        assert set(file["state"]) == {1}  # what is missing is left out, not filled


def assert_same_numbers(merged, whole, besides=()):
    """Times apart, those of a task that measured all points."""
    assert merged.attrs["n_missing"] == 0
    assert set(merged) - set(whole) == {"task"}
    for name, item in whole.items():
        timed = item.attrs.get("units", b"") in (b"s", b"s-1") or name in NOT_COMPARED or name in besides
        assert merged[name].dtype == item.dtype and merged[name].attrs.get("units") == item.attrs.get("units")
        if not timed:
            np.testing.assert_array_equal(merged[name][()], item[()], err_msg=name)


def test_the_merged_file_is_that_of_an_undisturbed_run(campaign, single):
    with h5py.File(campaign / "out/merged.h5") as merged, h5py.File(single / "tasks/0000/task.h5") as whole:
        assert_same_numbers(merged, whole)
        assert merged["rank_host"].shape == (3, 2) and list(merged["task"]) == [0, 1, 2]
        assert sorted(merged["shard"]) == [0] * 8 + [1] * 8 + [2] * 8
    assert (campaign / "out/summary.csv").read_text().count("\n") == POINTS + 1


def test_the_folder_may_be_moved(campaign, tmp_path, monkeypatch):
    shutil.copytree(campaign / "out", tmp_path / "moved")
    monkeypatch.chdir("/")
    with xarray.open_dataset(tmp_path / "moved/merged.h5", engine="h5netcdf") as data:
        assert data.sizes["point"] == POINTS and bool(np.isfinite(data["batch_time"]).all())
    monkeypatch.syspath_prepend(Path(os.environ["EEBENCH_SOURCE_DIR"]) / "analysis")
    from eebench_analysis.load import load, ok_points

    merged = load(tmp_path / "moved/merged.h5")
    tasks = load(tmp_path / "moved")
    assert ok_points(merged).sizes["point"] == ok_points(tasks).sizes["point"] == POINTS
    assert set(merged["rule"].values) == set(tasks["rule"].values) == {"full", "fixed", "margin", "p_max*(1+0*exit)"}


def test_files_are_as_their_format_says_until_they_are_not(eebench, campaign, single, tmp_path):
    for file in (campaign / "out/merged.h5", campaign / "out/tasks/0001/task.h5", single / "tasks/0000/task.h5"):
        end = eebench("validate", str(file))
        assert end.code == 0 and end.out.endswith("nothing wrong\n"), end.out
    shutil.copytree(campaign / "out", tmp_path / "out")
    task = tmp_path / "out/tasks/0002/task.h5"
    with h5py.File(task, "r+") as file:
        file["accuracy"][1] = 0.01
        file["latency"][0, :2] = 2.0, 1.0
        file["state"][3] = 0
    end = eebench("validate", str(tmp_path / "out/merged.h5"))
    assert end.code == 2
    assert [line.split(": ", 1)[1].split(": not so at 1 of 24")[0] for line in end.out.splitlines()] == [
        "state: ok or failed (in a merged file else its task is gone)",
        "accuracy_ci_low <= accuracy <= accuracy_ci_high",
        "latency: not falling from one percentile to the next",
    ]
    end = eebench("merge", "out")
    assert end.code == 2 and "0002/task.h5: 1 points are not measured" in end.err
    with h5py.File(task, "r+") as file:
        file["throughput"].attrs["units"] = "Hz"
        file.attrs["config_sha256"] = "0" * 64
        del file["auc"]
    lines = eebench("validate", str(task)).out.splitlines()
    assert len(lines) == 3 and "config_sha256" in lines[0] and "'auc' is missing" in lines[1] and "Hz" in lines[2]
    task.unlink()
    end = eebench("validate", str(tmp_path / "out/merged.h5"))
    assert end.code == 2 and "not so at 8 of 24 points" in end.out


def test_tasks_of_other_machines_or_programs_are_not_merged(eebench, campaign, tmp_path):
    shutil.copytree(campaign / "out", tmp_path / "out")
    with h5py.File(tmp_path / "out/tasks/0001/task.h5", "r+") as file:
        file.attrs["cpu"] = "another"
    end = eebench("merge", "out")
    assert end.code == 2 and end.err.count("\n") == 1
    assert "tasks/0000/task.h5 and out/tasks/0001/task.h5 differ in the attribute cpu" in end.err


@pytest.mark.parametrize(
    "arguments, variables, message",
    [
        (["plan", "-o", "out"], {}, "out holds a campaign already"),
        (["plan", "--shards", "2", "--shard-minutes", "5"], {}, "--shard-minutes"),
        (["plan", "--effort", "smoke", "--shard-minutes", "5", "--dry-run"], {}, "sets no time to a point"),
        (["plan", "--repeats", "1000000000", "--ranks", "1,2", "--dry-run"], {}, "2e+09 jobs by --shards"),
        (["plan", "--ranks", "1", "--nodes", "2", "--dry-run"], {}, "--nodes 2: all need equally many ranks"),
        (["bench", "-o", "out"], {}, "planned in 3 shards; give --shard i/3"),
        (["bench", "-o", "out", "--shard", "3/3"], {}, "--shard: no such shard; shards are 0/N to N-1/N, here N = 3"),
        (["bench", "-o", "out", "--shard", "1"], {}, "--shard: no such shard"),
        (["bench", "-o", "out"], {"SLURM_ARRAY_TASK_ID": "7"}, "SLURM_ARRAY_TASK_ID: no such shard"),
        (["bench", "-o", "out", "--shard", "0/3", "--resume", "-a", "seed=9"], {}, "asked for now: seed = 9; there: seed = 1"),
        (["bench", "-o", "out", "--shard", "0/3", "--resume"], {}, "shard 0 is for 2 ranks, 1 thread each, 1 node; this job has 1 rank"),
        (["status", "."], {}, "manifest.json: no such file"),
        (["merge", "."], {}, "manifest.json: no such file"),
        (["validate", "out/manifest.json"], {}, "not an HDF5 file"),
        (["validate", str(JETS)], {}, "is no task.h5 or merged.h5 of a campaign"),
        (["plan", "--effort", "quick", "--like", "out", "--dry-run"], {}, "was measured with effort smoke, this suite asks for quick"),
        (["compare", "out", "out", "--fail-on", "slow:nan%"], {}, "--fail-on slow:nan%: write it as slow:5%"),
        (["compare", "out", "out", "--fail-on", "slow:x"], {}, "--fail-on slow:x: write it as slow:5%"),
        (["compare", "out", "out", "--fail-on", "slow:5%"], {}, "needs 9 repeats of every point on both sides, there are 1"),
        (["compare", "out", "bare"], {}, "bare is not merged; run eebench merge bare"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(eebench, campaign, tmp_path, arguments, variables, message):
    shutil.copytree(campaign / "out", tmp_path / "out")
    (tmp_path / "bare").mkdir()
    shutil.copy(campaign / "out/manifest.json", tmp_path / "bare")
    end = eebench(*arguments, **variables)
    assert end.code == 2, end
    (line,) = end.err.strip().splitlines()[-1:]
    assert message in line


def test_repeats_tell_a_slower_campaign_from_the_same(eebench, suite, tmp_path):
    axes = ["-a", "model=one", "-a", "rule=margin", "-a", "threshold=0.13", "-a", "batch=16"]
    end = eebench("plan", "--suite", str(suite), *axes, "--repeats", "9", "-o", "a")
    assert end.code == 0 and "each in processes of its own" in end.out, end.err
    for shard in range(9):
        end = eebench("bench", "-o", "a", "--shard", f"{shard}/9")
        assert end.code == 0, end.err
    assert eebench("merge", "a").code == 0
    with h5py.File(tmp_path / "a/merged.h5") as file:
        assert list(file["repeat"]) == sorted(list(range(9)) * 3)
    assert eebench("validate", "a/merged.h5").code == 0
    for name, factor in {"a": 1.0, "same": 1.0, "slower": 1.1}.items():
        if name != "a":
            shutil.copytree(tmp_path / "a", tmp_path / name)
        for repeat, task in enumerate(sorted((tmp_path / name).glob("tasks/*/task.h5"))):
            with h5py.File(task, "r+") as file:
                file["batch_time"][:] = factor * (1 + 0.01 * repeat)
    end = eebench("compare", "a", "same", "--fail-on", "slow:5%")
    assert end.code == 0 and "SAME 3, FAST 0, SLOW 0, AMBG 0" in end.out
    assert end.out.count("9, 9") == 3
    end = eebench("compare", "a", "slower", "--fail-on", "slow:5%")
    assert end.code == 1 and end.out.endswith("3 points are slower by more than that, 0 were not measured again\n")
    assert " SLOW 3," in end.out and "| 1.100 [" in re.sub(" +", " ", end.out)
    assert " FAST 3," in eebench("compare", "slower", "a").out
    with h5py.File(tmp_path / "slower/tasks/0000/task.h5", "r+") as file:
        file["point_id"][0] = b"0123456789abcdef"
        file["jets_run"][:] = 7
    end = eebench("compare", "a", "slower")
    assert "weights, network or jets of 1 points: other ones" in end.out and "jets_run of" in end.out


def test_a_campaign_measures_precisions_side_by_side(suite, tmp_path):
    code, table, err = Job(
        tmp_path, "bench", "--suite", suite, "-a", "model=one", "-a", "batch=16", "-a", "precision=[fp32,bf16]", "-o", "out",
        ranks=1,
    ).finish()  # fmt: skip
    assert code == 0, err
    assert "| one@bf16 " in table
    with xarray.open_dataset(tmp_path / "out/tasks/0000/task.h5", engine="h5netcdf") as file:
        file.load()
    names = file["model"].attrs["flag_meanings"].split()
    assert names == ["one", "one@bf16"] and file["precision"].attrs["flag_meanings"] == "fp32 bf16 int8"
    assert (file["precision"].values == file["model"].values).all()
    assert (file["jets_run"] == file["jets_run"][0]).all() and (file["throughput"] > 0).all()
    first, second = (h5py.File(tmp_path / f"out/scores/{name}.h5")["logits"][:] for name in names)
    assert 0 < np.abs(first - second).max() < 0.1
