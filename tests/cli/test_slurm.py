"""The batch script with stand-ins for mpirun and scontrol: signal, save, requeue, resume."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SLURM = Path(os.environ["EEBENCH_SOURCE_DIR"]) / "slurm"
SCRIPT = SLURM / "eebench.sbatch"

# A launcher whose program saves one point, or in a folder `stuck` none, when it is warned.
LAUNCHER = """#!/bin/bash
echo "$0 $*" >arguments
env >environment
touch started
sleep 1  # as the real one, it does not hear signals at once
save() { [ -e stuck ] || echo '{"state":"ok"}' >>"out/tasks/$(printf %04d "${SLURM_ARRAY_TASK_ID:-0}")/journal.jsonl"; }
trap 'save; exit 75' USR1
for _ in $(seq 300); do sleep 0.05; [ ! -e leave ] || exit "$(cat leave)"; done
"""


@pytest.fixture
def job(tmp_path):
    for task in ("0000", "0002"):
        (tmp_path / "out/tasks" / task).mkdir(parents=True)
    scontrol = '#!/bin/bash\necho "$@" >requeued\n'
    for name, text in {"mpirun": LAUNCHER, "srun": LAUNCHER, "scontrol": scontrol}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def start(*command, **variables):
        command = command or ("bench", "-o", "out")
        environment = os.environ | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "EEBENCH_PROGRAM": "eebench",
            "SLURM_JOB_ID": "7",
            "SLURM_NTASKS": "8",
        }
        process = subprocess.Popen(
            ["bash", SCRIPT, *command], stderr=subprocess.PIPE, text=True,
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
    assert arguments[:3] == [str(tmp_path / "mpirun"), "-n", "8"]  # one rank a task, whatever Slurm starts
    assert arguments[-4:] == ["eebench", "bench", "-o", "out"]


@pytest.mark.parametrize(
    "variables, task", [({}, "7"), ({"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2"}, "5_2")]
)
def test_the_warning_reaches_the_ranks_and_the_job_is_requeued(job, tmp_path, variables, task):
    process = job(**variables)
    process.send_signal(signal.SIGUSR1)
    process.wait(30)
    assert (tmp_path / "requeued").read_text().split() == ["requeue", task]


@pytest.mark.parametrize("restart", [0, 1])
def test_a_job_that_finishes_nothing_is_not_started_again(job, tmp_path, restart):
    (tmp_path / "stuck").touch()
    (tmp_path / "out/tasks/0000/journal.jsonl").write_text('{"state":"ok"}\n{"state":"failed"}\n')
    process = job(SLURM_RESTART_COUNT=str(restart))
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 75 and not (tmp_path / "requeued").exists()
    assert "nothing was finished in 'out'" in err and "--time" in err


def test_a_pass_through_all_exits_is_progress(job, tmp_path):
    (tmp_path / "stuck").touch()
    process = job()
    (tmp_path / "out/scores").mkdir()
    (tmp_path / "out/scores/part.h5").touch()
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=30)
    assert (tmp_path / "requeued").exists()


def test_a_new_checkpoint_is_progress(job, tmp_path):
    (tmp_path / "stuck").touch()
    checkpoints = tmp_path / "run/checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "step-00000010.h5").touch()
    process = job("train", "--config", "part-small", "--output=run")
    (checkpoints / "step-00000020.h5").touch()
    (checkpoints / "step-00000010.h5").unlink()
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=30)
    assert (tmp_path / "requeued").read_text().split() == ["requeue", "7"]


def test_a_restarted_job_resumes_and_restarts_have_an_end(job, tmp_path):
    process = job(SLURM_RESTART_COUNT="5")
    process.send_signal(signal.SIGUSR1)
    assert "after 5 restarts" in process.communicate(timeout=30)[1]
    assert process.returncode == 75 and not (tmp_path / "requeued").exists()
    assert (tmp_path / "arguments").read_text().split()[-1] == "--resume"


def test_only_what_can_resume_is_told_to(job, tmp_path):
    process = job("merge", "out", SLURM_RESTART_COUNT="1")
    (tmp_path / "leave").write_text("0")
    assert process.wait(10) == 0
    assert (tmp_path / "arguments").read_text().split()[-2:] == ["merge", "out"]


def test_srun_starts_the_ranks_where_the_site_says_so(job, tmp_path):
    (tmp_path / "site.sh").write_text("export EEBENCH_LAUNCHER=srun\n")
    process = job(EEBENCH_SITE=str(tmp_path / "site.sh"), SLURM_CPUS_PER_TASK="2")
    (tmp_path / "leave").write_text("0")
    assert process.wait(10) == 0
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:3] == [str(tmp_path / "srun"), "--ntasks=8", "--cpus-per-task=2"]
    assert "SLURM_MPI_TYPE=pmix\n" in (tmp_path / "environment").read_text()


def test_an_unknown_launcher_is_refused(job):
    process = job(EEBENCH_LAUNCHER="aprun")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2 and "EEBENCH_LAUNCHER is 'aprun'; set it to mpirun or srun" in err


SBATCH = """#!/bin/bash
echo "$*" >>submitted
echo $((100 + $(wc -l <submitted)));
"""
PLAN = """#!/bin/bash
echo "$*" >planned
[[ "$*" == *--dry-run* ]] || echo "Submit it:   sbatch --array=0-3 --ntasks=2 /share/slurm/eebench.sbatch bench -o out --resume"
[[ "$*" != *several* ]] || echo "or:   sbatch --array=4 --ntasks=4 /share/slurm/eebench.sbatch bench -o out --resume"
"""


@pytest.fixture
def submit(tmp_path):
    for name, text in {"sbatch": SBATCH, "eebench": PLAN}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def run(*arguments):
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        environment.pop("EEBENCH_PROGRAM")
        return subprocess.run(
            [SLURM / "submit.sh", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return run


def test_submit_plans_submits_and_merges_at_the_end(submit, tmp_path):
    done = submit("quickstart", "out", "--shards", "4", "--ranks", "2")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "planned").read_text() == "plan --suite quickstart -o out --shards 4 --ranks 2\n"
    array, merge = (tmp_path / "submitted").read_text().splitlines()
    assert array == "--parsable --array=0-3 --ntasks=2 /share/slurm/eebench.sbatch bench -o out --resume"
    assert merge == f"--parsable --dependency=afterany:101 --ntasks=1 --job-name=eebench-merge {SCRIPT} merge out"
    assert "job 101" in done.stdout and "eebench-merge-102.out" in done.stdout


def test_merging_waits_for_every_array(submit, tmp_path):
    assert submit("several", "out").returncode == 0
    *arrays, merge = (tmp_path / "submitted").read_text().splitlines()
    assert [line.split()[1:3] for line in arrays] == [["--array=0-3", "--ntasks=2"], ["--array=4", "--ntasks=4"]]
    assert "--dependency=afterany:101:102 " in merge


def test_submit_submits_nothing_where_nothing_was_planned(submit, tmp_path):
    assert submit("quickstart", "out", "--dry-run").returncode == 0
    (tmp_path / "eebench").write_text("#!/bin/bash\nexit 2\n")
    assert submit("quickstart", "out").returncode == 2
    done = submit("quickstart")
    assert done.returncode == 2 and "wants SUITE DIR" in done.stderr
    assert not (tmp_path / "submitted").exists()
