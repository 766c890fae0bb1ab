"""The program under mpirun, and a network to train, for tests that disturb it while it runs."""

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path

SECONDS = 60
LIMIT = 30  # seconds from a fault to the end of its job
SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
JETS = SOURCE / "tests/data/jets_test_250.h5"
# A network that trains in no time.
CONFIG = (SOURCE / "tests/data/tiny.toml").read_text()


class Job:
    """`eebench` with these arguments under mpirun."""

    def __init__(self, cwd, *arguments, ranks=2, **variables):
        command = ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none"]
        self.process = subprocess.Popen(
            [*command, os.environ["EEBENCH_PROGRAM"], *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
            env=os.environ | variables,
        )  # fmt: skip

    def ranks(self):
        """Processes; fewer where the job begins or ends."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return [int(pid) for pid in children.read_text().split()]
        except OSError:  # mpirun is just gone
            return []

    def finish(self, seconds=SECONDS):
        """Exit code, stdout, stderr; fails where the job hangs."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err


class Faults:
    """Faults that were injected into one campaign or training: how long each job took to end, points lost."""

    def __init__(self):
        self.seconds = []
        self.lost = 0

    def ended(self, begin):
        """A job is at its end, which must come soon after the fault."""
        self.seconds.append(time.monotonic() - begin)
        assert self.seconds[-1] < LIMIT


@contextlib.contextmanager
def injected(kind):
    """Faults, until the proof that nothing is lost; counted for the table of scripts/faults.sh."""
    faults = Faults()
    survived = False
    try:
        yield faults
        survived = True
    finally:
        if (log := os.environ.get("EEBENCH_FAULT_LOG")) and (faults.seconds or not survived):
            row = {"kind": kind, "survived": survived, "lost": faults.lost, "seconds": faults.seconds}
            with open(log, "a") as file:
                print(json.dumps(row), file=file)


def some_faults(share=1.0):
    """How many of a kind: 5 or what is asked for, or a part of that."""
    return max(1, round(share * int(os.environ.get("EEBENCH_FAULT_COUNT", "5"))))


def wait_for(done, job):
    """Until it is so, as the job makes it, or the job is at its end."""
    end = time.monotonic() + SECONDS
    while not done() and job.process.poll() is None:
        assert time.monotonic() < end, job.finish()
        time.sleep(0.01)
