"""A campaign as an array of a real Slurm: warned, cancelled, submitted again, and merged to what one undisturbed run gives."""

import re
import shlex

import h5py
import pytest
from jobs import JETS, Job
from slurm_node import SlurmNode, why_not
from test_campaigns import assert_same_numbers

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
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
rule = ["confidence", "margin", "entropy"]
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

    planned = eebench("plan", "--suite", "array.toml", "--shards", 4, "--ranks", 2, "-o", out)
    (command,) = re.findall(r"sbatch (--array=.*)$", planned, re.MULTILINE)
    array, *words = shlex.split(command)
    assert array == "--array=0-3"

    def submit(array):
        return slurm.submit(array, "--chdir", tmp_path, *words)

    def journaled(task):
        journal = out / f"tasks/{task:04}/journal.jsonl"
        return journal.exists() and journal.read_text() != ""

    job = submit(array)
    slurm.until(lambda: journaled(1) and journaled(2), "points of two tasks", SECONDS)
    slurm.run("scancel", "--signal=USR1", "--batch", f"{job}_1")
    slurm.run("scancel", f"{job}_2")
    slurm.until(lambda: not slurm.states(job), "the array's end", SECONDS)
    logs = {path.name: path.read_text() for path in tmp_path.glob("eebench-*.out")}
    assert len(logs) == 4
    assert sum("resume" in log for log in logs.values()) >= 1, logs
    assert [(out / f"tasks/{task:04}/task.h5").exists() for task in range(4)] == [True, True, False, True], logs

    (again,) = re.findall(r"--array=\S+", eebench("status", out, "--lost-after", "0.001"))
    assert again == "--array=2"
    job = submit(again)
    slurm.until(lambda: not slurm.states(job), "the end of the task submitted again", SECONDS)
    eebench("merge", out)
    eebench("bench", "--suite", "array.toml", "-o", "whole", ranks=2)
    with h5py.File(out / "merged.h5") as merged, h5py.File(tmp_path / "whole/tasks/0000/task.h5") as whole:
        assert_same_numbers(merged, whole, besides={"n_samples"})  # as many as there was time for
