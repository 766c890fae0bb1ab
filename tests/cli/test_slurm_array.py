"""A campaign as an array of a real Slurm: warned, cancelled, submitted again, and merged to what one undisturbed run gives."""

import os
import re
import shlex
from pathlib import Path

import h5py
import pytest
from jobs import JETS, Job
from slurm_node import SlurmNode, why_not
from test_campaigns import assert_same_numbers

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
SLURM = Path(os.environ["EEBENCH_SOURCE_DIR"]) / "slurm"
SECONDS = 300  # for what usually takes one
SUITE = """
name = "array"
data = "{jets}"
jets = 0
run_jets = 64
effort = "quick"
[models.tiny]
weights = "{folder}/trained/weights.h5"
[axes]
rule = ["confidence", "margin"]
threshold = "0.1:0.7:0.1"
batch = [1, 16]
scenario = "offline"
"""


@pytest.fixture
def slurm(tmp_path):
    node = SlurmNode(tmp_path / "slurm")
    yield node
    node.stop()


def test_a_disturbed_array_merges_to_an_undisturbed_run(slurm, tiny, tmp_path):
    (tmp_path / "array.toml").write_text(SUITE.format(jets=JETS, folder=tiny))
    out = tmp_path / "out"

    def eebench(*arguments, ranks=1):
        code, printed, err = Job(tmp_path, *arguments, ranks=ranks).finish(SECONDS)
        assert code == 0, err
        return printed

    def journaled(task):
        journal = out / f"tasks/{task:04}/journal.jsonl"
        return journal.exists() and journal.read_text() != ""

    printed = slurm.run(SLURM / "submit.sh", "array.toml", "out", "--shards", 4, "--ranks", 2, cwd=tmp_path)
    job, merging = map(int, re.findall(r"Submitted: job (\d+)", printed))
    slurm.until(lambda: journaled(1) and journaled(2), "points of two tasks", SECONDS)
    slurm.run("scancel", "--signal=USR1", "--batch", f"{job}_1")
    slurm.run("scancel", f"{job}_2")
    slurm.until(lambda: not slurm.states(job) or not slurm.states(merging), "the array's end", SECONDS)
    assert not slurm.states(job)  # merging waits for a task that was started again, too
    slurm.until(lambda: not slurm.states(merging), "the merging's end", SECONDS)
    logs = {path.name: path.read_text() for path in tmp_path.glob("eebench-*.out")}
    merged = logs.pop(f"eebench-merge-{merging}.out")
    assert len(logs) == 4
    assert sum("resume" in log for log in logs.values()) >= 1, logs
    assert [(out / f"tasks/{task:04}/task.h5").exists() for task in range(4)] == [True, True, False, True], logs
    assert "1 of 4 tasks are not finished: tasks/0002/task.h5" in merged and "--array=2" in merged

    (again,) = re.findall(r"sbatch (--array=.*)", eebench("status", out, "--lost-after", "0.001"))
    assert again.startswith("--array=2 --nodes=1 --ntasks=2 ")
    job = slurm.submit(*shlex.split(again), cwd=tmp_path)
    after = ("--ntasks=1", f"--dependency=afterany:{job}")
    merging = slurm.submit(*after, SLURM / "eebench.sbatch", "merge", "out", cwd=tmp_path)
    slurm.until(lambda: not slurm.states(merging), "the merging after the task submitted again", SECONDS)
    eebench("bench", "--suite", "array.toml", "-o", "whole", ranks=2)
    with h5py.File(out / "merged.h5") as merged, h5py.File(tmp_path / "whole/tasks/0000/task.h5") as whole:
        assert_same_numbers(merged, whole, besides={"n_samples"})  # as many as there was time for


def test_srun_hands_the_warning_on_to_the_ranks(slurm, tiny, tmp_path):
    (tmp_path / "array.toml").write_text(SUITE.format(jets=JETS, folder=tiny))
    (tmp_path / "site.sh").write_text("export EEBENCH_LAUNCHER=srun\n")
    job = slurm.submit(
        "--ntasks=2", SLURM / "eebench.sbatch", "bench", "--suite", "array.toml", "-a", "rule=margin", "-o", "out",
        cwd=tmp_path, EEBENCH_SITE=str(tmp_path / "site.sh"),
    )  # fmt: skip
    journal = tmp_path / "out/tasks/0000/journal.jsonl"
    slurm.until(lambda: journal.exists() and journal.read_text() != "", "a point", SECONDS)
    slurm.run("scancel", "--signal=USR1", "--batch", job)
    slurm.until(lambda: not slurm.states(job), "the job's end", SECONDS)
    log = (tmp_path / f"eebench-{job}.out").read_text()
    assert "resume" in log
    with h5py.File(tmp_path / "out/tasks/0000/task.h5") as task:
        assert len(task["rank"]) == 2, log
