"""Starts programs of the build, alone or under mpirun."""

import os
import subprocess
import time
from dataclasses import dataclass

import pytest
from disturbed import SOURCE, SUITE, Campaign
from jobs import CONFIG, JETS, Job


@dataclass
class End:
    code: int
    out: str
    err: str
    seconds: float

    def error_lines(self):
        """What the program itself wrote to stderr, without mpirun's own remarks."""
        return [line for line in self.err.splitlines() if "eebench" in line and "mpirun" not in line]


def start(program, arguments, ranks, cwd, variables):
    command = [os.environ[program], *arguments]
    if ranks:
        command = ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none", *command]
    begin = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=cwd, env=os.environ | variables
    )
    return End(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


@pytest.fixture
def eebench(tmp_path):
    def run(*arguments, ranks=0, **variables):
        return start("EEBENCH_PROGRAM", arguments, ranks, tmp_path, variables)

    return run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder with tiny.toml and what training it for four steps left in trained/."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.toml").write_text(CONFIG)
    arguments = ["--config", "tiny.toml", "--data-train", JETS, "--steps", "4", "-o", "trained"]
    code, _, err = Job(folder, "train", *arguments).finish()
    assert code == 0, err
    return folder


@pytest.fixture(scope="session")
def suite(tiny):
    other_jets = SOURCE / "suites/assets/jetclass_500.h5"
    (tiny / "suite.toml").write_text(SUITE.format(jets=JETS, other_jets=other_jets, folder=tiny))
    return tiny / "suite.toml"


@pytest.fixture(scope="session")
def undisturbed(suite, tmp_path_factory):
    """The campaign and the seconds it took."""
    campaign = Campaign(suite, tmp_path_factory.mktemp("whole"))
    begin = time.monotonic()
    code, _, err = campaign.start().finish()
    assert code == 0, err
    return campaign, time.monotonic() - begin


@pytest.fixture
def faults(tmp_path):
    def run(kind, ranks=3):
        return start("EEBENCH_FAULTS", [kind], ranks, tmp_path, {})

    return run
