"""A program of the build under mpirun, for tests that disturb it while it runs."""

import os
import subprocess
from pathlib import Path

SECONDS = 60


class Job:
    """`eebench` with these arguments on two ranks."""

    def __init__(self, cwd, *arguments):
        command = ["mpirun", "-n", "2", "--oversubscribe", "--bind-to", "none"]
        self.process = subprocess.Popen(
            [*command, os.environ["EEBENCH_PROGRAM"], *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
        )  # fmt: skip

    def ranks(self):
        """Processes; fewer than two where the job begins or ends."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def finish(self):
        """Exit code, stdout, stderr; fails where the job hangs."""
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err
