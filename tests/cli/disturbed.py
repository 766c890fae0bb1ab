"""A small campaign that tests disturb, and its comparison with one that nobody disturbed."""

import json
import os
import re
import time
from pathlib import Path

import h5py
import numpy as np
from jobs import Job

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
SUITE = """
name = "kills"
data = "{jets}"
jets = 0
run_jets = 64
effort = "smoke"
[models.tiny]
weights = "{folder}/trained/weights.h5"
[axes]
rule = ["confidence", "margin"]
threshold = [0.13, 0.15]
batch = [1, 16]
scenario = ["offline", "single_stream"]
[train]
config = "{folder}/tiny.toml"
data = "{jets}"
steps = 12
global_batch = 50
[choose]
data = "{other_jets}"
jets = 100
loss = [0.02]
"""
# Of the run, not of what it measured.
OWN_ATTRIBUTES = {"command_line", "start_utc", "load_average", "environment", "REFERENCE_LIST", "DIMENSION_LIST"}
# As it was slow or fast, beside the variables in seconds or per second.
BY_TIME = {"sample_rank", "sample_leaving", "warmup_batches"}


class Campaign:
    """A campaign of a training, a choice of thresholds and a small grid, begun or gone on with."""

    def __init__(self, suite, cwd, ranks=2):
        self.suite = suite
        self.cwd = cwd
        self.ranks = ranks
        self.out = cwd / "out"
        self.task = self.out / "tasks/0000"

    def start(self, *more, **variables):
        arguments = ["bench", "--suite", self.suite, "-o", "out", *more]
        return Job(self.cwd, *arguments, ranks=self.ranks, **variables)

    def journal(self):
        """Points and their states, in the order in which they became safe; without the times they took."""
        lines = (self.task / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) | {"seconds": None} for line in lines]


def journaled_times(campaign):
    """Times of the points that the journal calls safe, by point and variable."""
    if not (campaign.task / "journal.jsonl").exists():
        return {}
    points = [line["point"] for line in campaign.journal()]
    finished = campaign.task / "task.h5"
    path = finished if finished.exists() else campaign.task / "task.h5.part"
    with h5py.File(path) as file:
        names = ["batch_time", "throughput", "sample_time"]
        return {(point, name): file[name][point] for point in points for name in names}


def attributes(item):
    return {name: str(value) for name, value in item.attrs.items() if name not in OWN_ATTRIBUTES}


def assert_same_contents(file, other):
    """Times apart, which are the variables in seconds or per second."""
    items, others = {}, {}
    file.visititems(items.__setitem__)
    other.visititems(others.__setitem__)
    assert list(items) == list(others)
    assert attributes(file) == attributes(other)
    for name, item in items.items():
        assert attributes(item) == attributes(others[name]), name
        timed = item.attrs.get("units", b"") in (b"s", b"s-1") or name in BY_TIME
        if isinstance(item, h5py.Dataset) and not timed:
            np.testing.assert_array_equal(item[()], others[name][()], err_msg=name)


def names_of_files(folder):
    """Without what kills may leave beside the files: damaged or half written ones, put aside, and logs for
    TensorBoard, one a start."""
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if not re.search(r"\.(tmp|bad)[.-]\d+$|/events\.out\.tfevents\.", name)}


def assert_same(campaign, whole):
    assert names_of_files(campaign.out) == names_of_files(whole.out)
    for name in names_of_files(whole.out):
        if name.endswith(".h5"):
            with h5py.File(campaign.out / name) as file, h5py.File(whole.out / name) as other:
                assert_same_contents(other, file)
    assert (campaign.out / "manifest.json").read_bytes() == (whole.out / "manifest.json").read_bytes()
    with h5py.File(campaign.task / "task.h5") as file:
        ids = [name.decode() for name in file["point_id"]]
        assert set(file["state"]) == {1}
    journal = campaign.journal()
    assert journal == whole.journal()
    assert sorted((line["point"], line["id"]) for line in journal) == list(enumerate(ids))
    assert {line["state"] for line in journal} == {"ok"}


def strike(job, which, rank, moment):
    """Sends a signal to a rank; whether there was one."""
    time.sleep(moment)
    ranks = job.ranks() if job.process.poll() is None else []
    if len(ranks) < 2:
        return False
    os.kill(ranks[rank], which)
    return True
