"""Searches with the real program on tiny trainings: results, kills, failures, wrong ranges."""

import csv
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, TINY
from eebench_analysis.__main__ import main

pytest.importorskip("optuna", reason="tune needs optuna: pip install -e 'analysis[tune]'")
tomlkit = pytest.importorskip("tomlkit", reason="tune needs tomlkit: pip install -e 'analysis[tune]'")

SECONDS = 120
JETS = ROOT / "tests" / "data" / "jets_test_250.h5"
NETWORK = TINY.replace("fc = 8\n", "fc = 8\ndropout = 0.1\n") + 'steps = 4\nlr = 1e-3\nloss = "joint"\n'
RANGES = """[tune]
"train.lr" = {low=1e-4, high=1e-2, log=true}
"network.dropout" = {low=0, high=0.3}
"train.loss" = {choices=["joint", "mixed"]}
"network.k" = {low=2, high=6, step=2}
"exits.after" = {choices=[[1]]}
"""


def arguments(folder, trials, *more, config=NETWORK + RANGES):
    (folder / "model.toml").write_text(config)
    data = ["--data-train", JETS, "--data-val", JETS]
    return [str(a) for a in ("tune", folder / "model.toml", "--trials", trials, "-o", folder / "out", *data, *more)]


def rows(folder):
    with open(folder / "out/trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def refusal(capsys):
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("eebench_analysis: ")
    return message


def settings(path):
    return tomlkit.parse(path.read_text()).unwrap()


@pytest.fixture(scope="module")
def study(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    assert main(arguments(folder, 3)) == 0
    return folder


def test_trials_are_trainings_within_the_ranges(study):
    trials = rows(study)
    assert [trial["trial"] for trial in trials] == ["0", "1", "2"]
    assert len({trial["train.lr"] for trial in trials}) == 3
    for number, trial in enumerate(trials):
        lr, dropout, k = float(trial["train.lr"]), float(trial["network.dropout"]), int(trial["network.k"])
        assert 1e-4 <= lr <= 1e-2 and 0 < dropout < 0.3 and k in (2, 4, 6)
        done = settings(study / f"out/trial-{number:04}/config.toml")
        assert done["train"]["lr"] == lr and done["train"]["loss"] == trial["train.loss"]
        assert done["network"]["dropout"] == dropout and done["network"]["k"] == k
        assert done["exits"]["after"] == [1] and done["train"]["steps"] == 4
        with open(study / f"out/trial-{number:04}/epochs.csv", newline="") as file:
            (epoch,) = csv.DictReader(file)
        expected = (0.5 * float(epoch["accuracy_exit0"]) + float(epoch["accuracy_exit1"])) / 1.5
        assert float(trial["score"]) == pytest.approx(expected, abs=1e-12) and expected > 0
        assert float(trial["seconds"]) > 0 and trial["error"] == ""


def test_the_best_configuration_is_left(study):
    best = max(rows(study), key=lambda trial: float(trial["score"]))
    text = (study / "out/best.toml").read_text()
    assert text == (study / f"out/trial-{int(best['trial']):04}.toml").read_text()
    assert text.startswith("# Tiny.\n") and "tune" not in text
    assert settings(study / "out/best.toml")["train"]["lr"] == float(best["train.lr"])


def test_a_second_call_goes_on(study, tmp_path, capsys):
    shutil.copytree(study, tmp_path, dirs_exist_ok=True)
    before = rows(tmp_path)
    assert main(arguments(tmp_path, 3)) == 0
    assert rows(tmp_path) == before
    assert main(arguments(tmp_path, 4)) == 0
    assert rows(tmp_path)[:3] == before and len(rows(tmp_path)) == 4
    capsys.readouterr()

    assert main(arguments(tmp_path, 5, config=NETWORK + RANGES.replace("0.3", "0.2"))) == 2
    assert "holds the study of another configuration" in refusal(capsys)
    assert len(rows(tmp_path)) == 4


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_trial_does_not_count(program, tmp_path, kind):
    long = (NETWORK + RANGES).replace("steps = 4", "steps = 400")
    command = [sys.executable, "-m", "eebench_analysis", *arguments(tmp_path, 3, "--ranks", 2, config=long)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "analysis")}
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, env=environment, stderr=log, start_new_session=True)
    end = time.monotonic() + SECONDS
    while not (tmp_path / "out/trial-0000/train_log.csv").exists():
        assert process.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()
        time.sleep(0.01)
    (mpirun,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    if kind == signal.SIGKILL:
        os.killpg(process.pid, kind)
        assert process.wait(SECONDS) == -kind
    else:
        process.send_signal(kind)
        assert process.wait(SECONDS) == 128 + kind
        assert not Path(f"/proc/{mpirun}").exists()  # the training ended first
    steps = (tmp_path / "out/trial-0000/train_log.csv").read_text().splitlines()[1:]
    assert len(steps) < 400  # and before its time

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eebench_analysis.tune.run", train_shortly)
        assert main(arguments(tmp_path, 2, config=long)) == 0
    trials = rows(tmp_path)
    assert [trial["error"] for trial in trials] == ["stopped before its end", "", ""]
    assert [bool(trial["score"]) for trial in trials] == [False, True, True]


def train_shortly(command, log):
    with open(log, "w") as file:
        return subprocess.run([*command, "--steps", "4"], stdout=file, stderr=file, check=False).returncode


def test_a_failed_trial_is_recorded_and_the_search_goes_on(program, tmp_path, monkeypatch):
    mpirun = tmp_path / "bin" / "mpirun"
    mpirun.parent.mkdir()
    mpirun.write_text(
        '#!/bin/sh\ncase "$*" in *trial-0001*) echo "eebench: first"; echo "eebench: made to fail"; echo other; exit 3\n'
        f'esac\nexec {shutil.which("mpirun")} "$@"\n'
    )
    mpirun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{mpirun.parent}{os.pathsep}{program}")
    assert main(arguments(tmp_path, 3)) == 0
    assert [trial["error"] for trial in rows(tmp_path)] == ["", "made to fail", ""]
    assert [bool(trial["score"]) for trial in rows(tmp_path)] == [True, False, True]


def test_if_all_fail_it_says_why(program, tmp_path, capsys):
    config = NETWORK + '[tune]\n"network.blocks" = {choices=[[[8], [8]]]}\n'
    assert main(arguments(tmp_path, 2, config=config)) == 2
    message = refusal(capsys)
    assert "all 2 trials failed" in message and "every block needs at least two widths" in message
    assert len(rows(tmp_path)) == 2 and not (tmp_path / "out/best.toml").exists()


def test_the_score_is_that_of_the_best_epoch(tmp_path):
    from eebench_analysis.tune import best_score

    (tmp_path / "config.toml").write_text("[train]\nexit_weights = [1.0, 3.0, 0.0]\n")
    (tmp_path / "epochs.csv").write_text(
        "epoch,step,accuracy_exit0,accuracy_exit1,accuracy_exit2,loss_exit0,loss_exit1,loss_exit2\n"
        "1,5,0.1,0.2,0.9,2,2,2\n2,10,0.4,0.8,0.1,2,2,2\n3,15,0.8,0.5,0.9,2,2,2\n"
    )
    assert best_score(tmp_path, tomlkit) == pytest.approx(0.7)


@pytest.mark.parametrize(
    "line, words",
    [
        ('"train.lr" = {low=1e-2, high=1e-4}', "train.lr: low = 0.01 is not below high = 0.0001"),
        ('"train.lr" = {low=0.0, high=1.0, log=true}', "train.lr: log is true or false"),
        ('"train.lr" = {low=1e-4, high=1e-2, log=true, step=1e-4}', "without a step"),
        ('"train.lr" = {low=1e-4}', "low, high and the value in the configuration must be numbers"),
        ('"train.lr" = {low=1e-4, hihg=1e-2}', "unknown hihg"),
        ('"train.loss" = {low=1, high=2}', "must be numbers; else give choices"),
        ('"train.loss" = {choices=[]}', "choices must be a list"),
        ('"train.loss" = {choices=["joint"], low=1}', "unknown choices"),
        ('"network.k" = {low=8, high=16, step=0}', "step must be above 0"),
        ('"train.lr" = 3', "not a range"),
        ("train.lr = {low=1e-4, high=1e-2}", "quotes too"),
        ('"train.lrr" = {low=1e-4, high=1e-2}', "the configuration has no train.lrr"),
        ('"nope.lr" = {low=1e-4, high=1e-2}', "the configuration has no nope.lr"),
        ('"train.exit_weights" = {choices=[[1.0, 1.0]]}', "is what scores are averaged by"),
        ("", "no table [tune]"),
        ("x = [", "not TOML"),
    ],
)
def test_wrong_ranges(tmp_path, capsys, line, words):
    assert main(arguments(tmp_path, 1, config=f"{NETWORK}[tune]\n{line}\n")) == 2
    message = refusal(capsys)
    assert words in message and "model.toml" in message
    assert not (tmp_path / "out").exists()


def test_without_the_program(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(arguments(tmp_path, 1)) == 2
    assert "no program mpirun on PATH" in refusal(capsys)


def test_missing_jets(program, tmp_path, capsys):
    assert main([*arguments(tmp_path, 1), "--data-val", str(tmp_path / "nope.h5")]) == 2
    assert "nope.h5: no such file" in refusal(capsys)


def test_one_at_a_time(program, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    with open(tmp_path / "out/study.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(arguments(tmp_path, 1)) == 2
    assert "another tune is at work there" in refusal(capsys)
