"""The program under mpirun, and a network to train, for tests that disturb it while it runs."""

import os
import subprocess
from pathlib import Path

SECONDS = 60
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
        return [int(pid) for pid in children.read_text().split()]

    def finish(self, seconds=SECONDS):
        """Exit code, stdout, stderr; fails where the job hangs."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err
