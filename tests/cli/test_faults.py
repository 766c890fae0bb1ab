"""However a job is disturbed, it ends soon, with the right code and one line that says why, and loses nothing.

EEBENCH_FAULT_COUNT kills are injected (default 5), and a part of that of the other kinds; scripts/faults.sh runs
the full counts and prints what came of them."""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from disturbed import SUITE, Campaign, assert_same, journaled_times
from jobs import CONFIG, JETS, SECONDS, Job, injected, some_faults, wait_for


@pytest.mark.parametrize(
    "kind, code, message",
    [
        ("all ranks", 2, "eebench: nobody likes this file"),
        ("agreed", 2, "eebench: one rank dislikes this file"),
        ("one rank", 74, "this rank's disk is full"),
        ("internal", 70, 'phase="test:internal" internal error: vector is empty'),
        ("thread", 70, "internal error outside the main path: thread is sad"),
        ("hang", 74, 'phase="test:hang" did not end within its limit'),
    ],
)
@pytest.mark.parametrize("ranks", [1, 3])
def test_failure(faults, kind, code, message, ranks):
    with injected("exception or overrun") as one:
        begin = time.monotonic()
        end = faults(kind, ranks)
        one.ended(begin)
        assert end.code == code
        lines = end.error_lines()
        assert len([line for line in lines if message in line]) == 1, end.err
        assert "stack trace" not in end.err


def test_a_rank_that_fails_alone_is_named_with_host_and_phase(faults):
    (line,) = faults("one rank").error_lines()
    assert line.startswith("[eebench] rank 2/3 host=")
    assert 'phase="test:one rank"' in line


def test_the_code_of_a_run_that_was_stopped_comes_back(faults):
    assert faults("preempted").code == 75
    assert faults("none").code == 0


class Disturbed:
    """A campaign that is hit, any number of times, and in the end compared with one that nobody hit."""

    def __init__(self, undisturbed, folder, faults, seed):
        self.whole = undisturbed
        folder.mkdir()
        self.campaign = Campaign(self.whole.suite, folder, self.whole.ranks)
        self.faults = faults
        self.chance = random.Random(seed)
        self.safe = {}

    def start(self, *more, **variables):
        return self.campaign.start("--resume", *more, **variables)

    def hit(self, which, number=1):
        """A signal to so many ranks at a random moment; whether it met the job."""
        began = self.campaign.task / "machine.json"  # written when signals are caught
        before = began.stat().st_mtime_ns if began.exists() else 0
        job = self.start()
        if which != signal.SIGKILL:
            wait_for(lambda: began.exists() and began.stat().st_mtime_ns != before, job)
        moment = time.monotonic() + self.chance.random() * self.whole.seconds
        wait_for(lambda: time.monotonic() >= moment, job)
        ranks = job.ranks() if job.process.poll() is None else []
        begin = time.monotonic()
        met = len(ranks) == self.campaign.ranks
        for pid in self.chance.sample(ranks, number) if met else []:
            with contextlib.suppress(ProcessLookupError):  # just at its end
                os.kill(pid, which)
        code, _, err = job.finish()
        met = met and code != 0  # it may just have been at its end
        if met:
            self.faults.ended(begin)
            assert code == 75 or which == signal.SIGKILL or self.is_whole(), err
            if which == signal.SIGKILL and number < len(ranks) and "is gone" in err:
                (*_, line) = [line for line in error_lines(err) if "is gone" in line]
                assert line.startswith("[eebench] rank ") and " host=" in line and 'phase="' in line
        else:
            self.whole.seconds *= 0.8  # the machine has become quicker meanwhile
        self.keep()
        return met

    def is_whole(self):
        return (self.campaign.task / "task.h5").exists()

    def keep(self):
        """What was safe is as it was; what is safe now must stay."""
        now = journaled_times(self.campaign)
        self.faults.lost += sum(
            place not in now or not np.array_equal(now[place], times, equal_nan=True)
            for place, times in self.safe.items()
        )
        assert self.faults.lost == 0
        self.safe = now

    def finish(self, **variables):
        """Goes on to the end: every safe point is what it was, none is missing, none is there twice."""
        code, _, err = self.start(**variables).finish()
        assert code == 0, err
        self.keep()
        assert_same(self.campaign, self.whole)
        return err


@pytest.fixture(scope="session")
def undisturbed_of(tiny, tmp_path_factory):
    """By number of ranks: a small grid that nobody disturbed; `seconds` is about what it takes."""
    suite = tiny / "grid.toml"
    suite.write_text(SUITE[: SUITE.index("[train]")].format(jets=JETS, folder=tiny))
    known = {}

    def get(ranks):
        if ranks not in known:
            campaign = Campaign(suite, tmp_path_factory.mktemp(f"grid-{ranks}"), ranks)
            begin = time.monotonic()
            code, _, err = campaign.start().finish()
            assert code == 0, err
            campaign.seconds = time.monotonic() - begin
            known[ranks] = campaign
        return known[ranks]

    return get


@pytest.fixture
def disturbed(undisturbed_of, tmp_path):
    def make(faults, seed=0, ranks=2):
        return Disturbed(undisturbed_of(ranks), tmp_path / str(seed), faults, seed)

    return make


@pytest.mark.parametrize(
    "kind, ranks, number, share",
    [
        ("one rank killed", 2, 1, 1.0),
        ("all ranks killed", 2, 2, 0.1),
        ("half of the ranks killed", 4, 2, 0.1),
    ],
)
def test_killed_ranks(disturbed, kind, ranks, number, share):
    wanted, seed = some_faults(share), 0
    while wanted > 0:
        with injected(kind) as faults:
            campaign = disturbed(faults, seed, ranks)
            for blow in range(min(8, wanted)):
                wanted -= campaign.hit(signal.SIGKILL, number)
                if campaign.is_whole():
                    break
                if blow % 3 == 0:  # a stop makes points safe, which the next blows meet
                    with injected("stopped by SIGTERM") as campaign.faults:
                        campaign.hit(signal.SIGTERM)
                    campaign.faults = faults
            campaign.finish()
        seed += 1


@pytest.mark.parametrize("which", [signal.SIGUSR1, signal.SIGINT])
def test_signals_stop_in_order(disturbed, which):
    with injected(f"stopped by {which.name}") as faults:
        campaign = disturbed(faults)
        moments = [campaign.hit(which) for _ in range(some_faults(0.05))]
        campaign.finish()
    assert len(moments) == some_faults(0.05)


def error_lines(err):
    return [line for line in err.splitlines() if line.startswith(("[eebench]", "eebench:"))]


def test_a_call_that_fails_in_any_phase_ends_the_job(disturbed):
    """The n-th collective call of one rank returns an error, at random from the first to the last phase."""
    shim = os.environ["EEBENCH_FAILING_MPI"]
    phases = set()
    for seed in range(some_faults()):
        with injected("exception in any phase") as faults:
            campaign = disturbed(faults, seed)
            number = campaign.chance.choice([campaign.chance.randrange(5, 60), campaign.chance.randrange(60, 2000)])
            begin = time.monotonic()
            job = campaign.start("--timeout-phase", "8", LD_PRELOAD=shim, FAIL_RANK="1", FAIL_CALL=str(number))
            code, _, err = job.finish()
            if code != 0:  # it may make fewer calls
                faults.ended(begin)
                assert code in (70, 74), err
                # A file that cannot be read for it passes for damaged, and then the other rank waits.
                lines = [line for line in error_lines(err) if "MPI_ERR_OTHER" in line or "within its limit" in line]
                assert lines and all(line.startswith("[eebench] rank ") and " host=" in line for line in lines), err
                phases.update(line.split('phase="')[1].split('"')[0] for line in lines)
            campaign.finish()
    assert phases


def test_a_rank_that_stops_responding_is_noticed(disturbed):
    for seed in range(some_faults(0.05)):
        with injected("a rank stops responding") as faults:
            campaign = disturbed(faults, seed)
            job = campaign.start("--timeout-phase", "3")
            wait_for((campaign.campaign.task / "journal.jsonl").exists, job)
            begin = time.monotonic()
            os.kill(job.ranks()[1], signal.SIGSTOP)
            code, _, err = job.finish()
            faults.ended(begin)
            assert code == 74, err
            # mpirun wakes the other, which then notices as well.
            lines = [line for line in error_lines(err) if "did not end within its limit" in line]
            assert sum(line.startswith("[eebench] rank 0/2 host=") for line in lines) == 1, err
            assert len(lines) <= 2 and all("--timeout-phase" in line for line in lines), err
            assert "its last collective calls:\n    #" in err
            campaign.finish()


def test_the_rank_of_another_program_is_named(tmp_path):
    program = os.environ["EEBENCH_PROGRAM"]
    other = tmp_path / "other"
    shutil.copy(program, other)
    with other.open("ab") as file:
        file.write(b"\0")
    ranks = ["-n", "1", program, "list", ":", "-n", "1", other, "list", ":", "-n", "1", program, "list"]
    with injected("ranks of different programs") as faults:
        begin = time.monotonic()
        command = ["mpirun", "--oversubscribe", "--bind-to", "none", *ranks]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        faults.ended(begin)
        (line,) = error_lines(done.stderr)
        assert done.returncode == 2 and line.startswith("eebench: program: rank 1 on ")
        assert line.endswith("than 2 of 3 ranks; start the same build of eebench on all nodes")


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4m", "none", folder]
    if subprocess.run(["mount", *options], capture_output=True).returncode != 0:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(disturbed, small_disk):
    with injected("disk full") as faults:
        campaign = disturbed(faults)
        campaign.campaign.out.symlink_to(small_disk)
        job = campaign.start()
        wait_for((campaign.campaign.task / "task.h5.part").exists, job)
        filler = small_disk / "filler"
        begin = time.monotonic()
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True)
        code, _, err = job.finish()
        faults.ended(begin)
        assert code == 74, err
        assert len(error_lines(err)) == 1 and str(campaign.campaign.out.name) in error_lines(err)[0], err
        filler.unlink()
        campaign.finish()


def test_a_quota(disturbed):
    """No file may be written beyond 20 kB any more: stands for the quota of a file system."""
    with injected("quota") as faults:
        campaign = disturbed(faults)
        job = campaign.start()
        wait_for((campaign.campaign.task / "task.h5.part").exists, job)
        begin = time.monotonic()
        for pid in job.ranks():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
        code, _, err = job.finish()
        faults.ended(begin)
        assert code == 74 and len(error_lines(err)) == 1, err
        campaign.finish()


def test_a_folder_that_may_only_be_read(disturbed, tmp_path):
    folder = tmp_path / "fixed"
    folder.mkdir()
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True).returncode != 0:
        pytest.skip("this user may not mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        with injected("folder read-only") as faults:
            campaign = disturbed(faults)
            campaign.campaign.out.symlink_to(folder)
            begin = time.monotonic()
            code, _, err = campaign.start().finish()
            faults.ended(begin)
            assert code == 2 and len(error_lines(err)) == 1 and "another folder" in err, err
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def damage(path, chance):
    """Cuts a file off anywhere, or overwrites a piece of it."""
    content = bytearray(path.read_bytes())
    begin = chance.randrange(len(content))
    if chance.random() < 0.5:
        del content[begin:]
    else:
        content[begin : begin + 64] = chance.randbytes(min(64, len(content) - begin))
    path.write_bytes(content)


def stopped_halfway(campaign):
    """A campaign with safe points that is not whole."""
    while not campaign.safe:
        campaign.hit(signal.SIGTERM)
        if campaign.is_whole():
            shutil.rmtree(campaign.campaign.out)
            campaign.safe = {}


def test_a_damaged_journal(disturbed):
    for seed in range(some_faults(0.1)):
        with injected("journal damaged") as faults:
            campaign = disturbed(faults, seed)
            stopped_halfway(campaign)
            faults.seconds.clear()
            begin = time.monotonic()
            damage(campaign.campaign.task / "journal.jsonl", campaign.chance)
            campaign.safe = {}  # what it does not vouch for any more is measured again
            campaign.finish()
            faults.ended(begin)


def test_a_part_file_cut_off(disturbed):
    for seed in range(some_faults(0.1)):
        with injected("part file cut off") as faults:
            campaign = disturbed(faults, seed)
            stopped_halfway(campaign)
            faults.seconds.clear()
            begin = time.monotonic()
            part = campaign.campaign.task / "task.h5.part"
            os.truncate(part, campaign.chance.randrange(part.stat().st_size))
            campaign.safe = {}  # measured again: put aside is better than half of it
            campaign.finish()
            faults.ended(begin)


def test_damaged_inputs(eebench, tiny, tmp_path):
    """Jets and weights that are cut off or overwritten are refused, or were not hurt."""
    for seed in range(some_faults(0.1)):
        chance = random.Random(seed)
        for kind, original in (("jets", JETS), ("weights", tiny / "trained/weights.h5")):
            with injected(f"{kind} damaged") as faults:
                copy = tmp_path / original.name
                shutil.copy(original, copy)
                damage(copy, chance)
                files = {"jets": JETS, "weights": tiny / "trained/weights.h5", kind: copy}
                begin = time.monotonic()
                end = eebench(
                    *["predict", "--weights", str(files["weights"]), "--data", str(files["jets"])],
                    *["--limit", "50", "-o", "answers.h5"],
                )
                faults.ended(begin)
                assert end.code in (0, 2), end.err
                lines = error_lines(end.err)
                assert end.code == 0 or (len(lines) == 1 and copy.name in lines[0]), end.err


def test_damaged_checkpoints(tmp_path):
    """The newest is damaged: training goes on from the one before, to the same curve."""
    (tmp_path / "tiny.toml").write_text(CONFIG)
    arguments = ["train", "--config", "tiny.toml", "--data-train", JETS, "--steps", "16", "--checkpoint-steps", "4"]

    def train(*more):
        code, _, err = Job(tmp_path, *arguments, *more).finish()
        assert code == 0, err
        return err

    def curve(folder):
        return [line.split(",")[:3] for line in (tmp_path / folder / "train_log.csv").read_text().splitlines()]

    train("-o", "whole")
    for seed in range(some_faults(0.1)):
        with injected("checkpoint damaged") as faults:
            shutil.rmtree(tmp_path / "out", ignore_errors=True)
            shutil.copytree(tmp_path / "whole", tmp_path / "out")
            newest = tmp_path / "out/checkpoints/step-00000016.h5"
            os.truncate(newest, random.Random(seed).randrange(newest.stat().st_size))
            begin = time.monotonic()
            assert "trying the checkpoint before it" in train("-o", "out", "--resume")
            faults.ended(begin)
            assert curve("out") == curve("whole")


def test_a_clock_that_jumps(disturbed):
    """Times of day are off by up to a day, each second in another way."""
    with injected("clock jumps") as faults:
        campaign = disturbed(faults)
        begin = time.monotonic()
        code, _, err = campaign.start(LD_PRELOAD=os.environ["EEBENCH_JUMPING_CLOCK"]).finish()
        faults.ended(begin)
        assert code == 0, err
        campaign.finish()
