"""The batch script with stand-ins for mpirun and scontrol: signal, save, requeue, resume."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(os.environ["EEBENCH_SOURCE_DIR"]) / "slurm" / "eebench.sbatch"

MPIRUN = """#!/bin/bash
echo "$*" >arguments
touch started
sleep 1  # as the real one, it does not hear signals at once
trap 'exit 75' USR1
for _ in $(seq 300); do sleep 0.05; [ ! -e leave ] || exit "$(cat leave)"; done
"""


@pytest.fixture
def job(tmp_path):
    for name, text in {"mpirun": MPIRUN, "scontrol": '#!/bin/bash\necho "$@" >requeued\n'}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def start(**variables):
        environment = os.environ | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "EEBENCH_PROGRAM": "eebench",
            "SLURM_JOB_ID": "7",
            "SLURM_NTASKS": "8",
        }
        process = subprocess.Popen(
            ["bash", SCRIPT, "bench", "--suite", "quickstart"],
            cwd=tmp_path, env=environment | variables,
        )
        deadline = time.monotonic() + 10
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return process

    return start


def test_the_program_s_code_is_the_job_s(job, tmp_path):
    process = job()
    (tmp_path / "code").write_text("3")
    (tmp_path / "code").rename(tmp_path / "leave")
    assert process.wait(10) == 3
    assert not (tmp_path / "requeued").exists()
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:2] == ["-n", "8"]  # one rank a task, whatever Slurm starts
    assert arguments[-4:] == ["eebench", "bench", "--suite", "quickstart"]


@pytest.mark.parametrize(
    "variables, task", [({}, "7"), ({"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2"}, "5_2")]
)
def test_the_warning_reaches_the_ranks_and_the_job_is_requeued(job, tmp_path, variables, task):
    process = job(**variables)
    process.send_signal(signal.SIGUSR1)
    process.wait(30)
    assert (tmp_path / "requeued").read_text().split() == ["requeue", task]


def test_a_restarted_job_resumes_and_restarts_have_an_end(job, tmp_path):
    process = job(SLURM_RESTART_COUNT="5")
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 75
    assert not (tmp_path / "requeued").exists()
    assert (tmp_path / "arguments").read_text().split()[-1] == "--resume"
