"""eebench bench: whatever is killed or stopped and whenever, resuming gives the undisturbed file."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest
from jobs import JETS, SECONDS, Job

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

    def __init__(self, suite, cwd):
        self.suite = suite
        self.cwd = cwd
        self.out = cwd / "out"
        self.task = self.out / "tasks/0000"

    def start(self, *more):
        return Job(self.cwd, "bench", "--suite", self.suite, "-o", "out", *more)

    def journal(self):
        """Points and their states, in the order in which they became safe; without the times they took."""
        lines = (self.task / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) | {"seconds": None} for line in lines]


@pytest.fixture(scope="module")
def suite(tiny):
    other_jets = SOURCE / "suites/assets/jetclass_500.h5"
    (tiny / "suite.toml").write_text(SUITE.format(jets=JETS, other_jets=other_jets, folder=tiny))
    return tiny / "suite.toml"


@pytest.fixture(scope="module")
def undisturbed(suite, tmp_path_factory):
    """The campaign and the seconds it took."""
    campaign = Campaign(suite, tmp_path_factory.mktemp("whole"))
    begin = time.monotonic()
    code, _, err = campaign.start().finish()
    assert code == 0, err
    return campaign, time.monotonic() - begin


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


@pytest.mark.parametrize("seed", range(4))
def test_kills_at_random_moments_cost_nothing_but_time(tmp_path, suite, undisturbed, seed):
    whole, seconds = undisturbed
    campaign = Campaign(suite, tmp_path)
    chance = random.Random(seed)
    safe = {}

    def disturb(which, moment):
        job = campaign.start("--resume")
        struck = strike(job, which, chance.randrange(2), moment * seconds)
        code, _, err = job.finish()
        assert struck or code == 0, err
        safe.update(journaled_times(campaign))
        return struck and code != 0

    # In the seed's quarter of the span; sooner where the machine has become quicker meanwhile.
    moment = (seed + chance.uniform(0.1, 0.9)) / 4
    while not disturb(signal.SIGKILL, moment):
        shutil.rmtree(campaign.out)
        safe.clear()
        moment /= 2
    # Points are safe after a stop: the next kill meets a campaign that is gone on with.
    disturb(signal.SIGTERM, chance.uniform(0.5, 0.9))
    disturb(signal.SIGKILL, chance.uniform(0.1, 0.9))
    code, _, err = campaign.start("--resume").finish()
    assert code == 0, err
    assert_same(campaign, whole)
    now = journaled_times(campaign)
    for place, times in safe.items():  # kept, not measured again
        np.testing.assert_array_equal(now[place], times, err_msg=str(place))


def test_the_command_that_a_stop_prints_goes_on(tmp_path, suite, undisturbed):
    (tmp_path / "my suite.toml").write_text(suite.read_text())
    campaign = Campaign("my suite.toml", tmp_path)
    jets = tomllib.loads(suite.read_text())["choose"]["data"]
    job = campaign.start("-a", f'choose={{data="{jets}", jets=100, loss=[0.02]}}')
    end = time.monotonic() + SECONDS
    while not (campaign.out / "training.md").exists() and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(job.ranks()[0], signal.SIGTERM)
    code, out, err = job.finish()
    assert code == 75, err
    (command,) = re.findall("Go on with: (.*)", out)
    assert command.startswith("mpirun -n 2 eebench bench --suite 'my suite.toml' -o out -a 'choose={data=")
    path = f"{Path(os.environ['EEBENCH_PROGRAM']).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path,
        env=os.environ | {"PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_same(campaign, undisturbed[0])
