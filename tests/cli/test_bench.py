"""eebench bench: whatever is killed or stopped and whenever, resuming gives the undisturbed file."""

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
from disturbed import Campaign, assert_same, journaled_times, strike
from jobs import SECONDS, Job


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


def test_the_quickstart_suite_on_eight_ranks(tmp_path):
    """As `mpirun -n 8 eebench` runs it, each point as short as can be."""
    arguments = ("bench", "--suite", "quickstart", "--effort", "smoke", "-o", "out")
    code, out, err = Job(tmp_path, *arguments, ranks=8).finish(4 * SECONDS)
    assert code == 0, err
    assert "Everything is in out" in out and max(len(line) for line in out.splitlines() if line[:1] == "|") < 160
    with h5py.File(tmp_path / "out/tasks/0000/task.h5") as task:
        assert len(task["point"]) == 2 * 2 * (3 + 2 * 3) and set(task["state"]) == {1}
        assert set(task["ranks"]) == {8} and min(task["jets"]) >= 2000 and min(task["jets_run"]) >= 500
    assert "all-reduce" in (tmp_path / "out/training.md").read_text()
