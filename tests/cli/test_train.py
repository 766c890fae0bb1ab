"""eebench train: what it leaves, how it is stopped, killed and resumed."""

import csv
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from jobs import CONFIG, JETS, SECONDS, Job

SLICES = Path(os.environ["EEBENCH_SOURCE_DIR"]) / "tests" / "data"
STEPS = 120


def losses(folder):
    """The loss column as text: equal means equal in every bit."""
    with open(folder / "train_log.csv") as log:
        return [row["loss"] for row in csv.DictReader(log)]


class Training:
    """A training on two ranks that a test may disturb."""

    def __init__(self, folder, *more):
        (folder / "tiny.toml").write_text(CONFIG)
        self.out = folder / "out"
        self.arguments = [
            *["train", "--config", folder / "tiny.toml", "--data-train", SLICES / "jets_test_250.h5"],
            *["--steps", STEPS, "--seed", "7", "--checkpoint-steps", "7", "-o", self.out, *more],
        ]

    def start(self, *more):
        self.job = Job(self.out.parent, *self.arguments, *more)
        return self.job

    def wait_for_step(self, step):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self.job.process.poll() is None:
            if (self.out / "train_log.csv").exists() and len(losses(self.out)) >= step:
                return
            time.sleep(0.01)
        raise AssertionError(f"step {step} was not reached: {self.job.finish()}")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    training = Training(tmp_path_factory.mktemp("whole"))
    code, _, err = training.start().finish()
    assert code == 0, err
    return losses(training.out)


@pytest.mark.parametrize("which, whom", [(signal.SIGUSR1, "mpirun"), (signal.SIGTERM, "one rank")])
def test_a_signal_ends_with_a_checkpoint_and_75(tmp_path, undisturbed, which, whom):
    training = Training(tmp_path)
    job = training.start()
    training.wait_for_step(10)
    os.kill(job.process.pid if whom == "mpirun" else job.ranks()[1], which)
    code, _, err = job.finish()
    assert code == 75, err
    assert "stopped by a signal after saving step" in err and "--resume" in err
    done = losses(training.out)
    assert 10 <= len(done) < STEPS
    assert (training.out / f"checkpoints/step-{len(done):08}.h5").exists()

    code, _, err = training.start("--resume").finish()
    assert code == 0, err
    assert f"going on after step {len(done)}" in err
    assert losses(training.out) == undisturbed


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_ends_the_job_and_costs_nothing_but_time(tmp_path, undisturbed, rank):
    training = Training(tmp_path)
    job = training.start()
    training.wait_for_step(20)
    os.kill(job.ranks()[rank], signal.SIGKILL)
    code, _, _ = job.finish()
    assert code != 0
    code, _, err = training.start("--resume").finish()
    assert code == 0, err
    assert losses(training.out) == undisturbed


def train(eebench, folder, *more, config=CONFIG, ranks=0):
    (folder / "tiny.toml").write_text(config)
    data = SLICES / "jets_test_250.h5"
    return eebench(
        *["train", "--config", "tiny.toml", "--data-train", str(data), "--steps", "4", *more],
        ranks=ranks,
    )


def test_config_toml_repeats_the_run(eebench, tmp_path):
    options = ["--lr", "0.004", "--clip", "0.5", "--seed", "11", "--precision", "fp64"]
    assert train(eebench, tmp_path, *options, "-o", "first", ranks=2).code == 0
    first = tmp_path / "first"
    text = (first / "config.toml").read_text()
    assert text.startswith("# Once more: mpirun -n 2 eebench train --config first/config.toml")
    again = eebench(
        *["train", "--config", "first/config.toml", "-o", "second"],
        *["--data-train", str(SLICES / "jets_test_250.h5")],
        ranks=2,
    )
    assert again.code == 0, again.err
    assert losses(tmp_path / "second") == losses(first)
    assert "tiny" in again.out  # still the name of the network
    with h5py.File(first / "weights.h5") as file:
        assert b"seed = 11" in file.attrs["model_config"]


def test_a_frozen_backbone_is_compared_before_and_after(eebench, tmp_path):
    assert train(eebench, tmp_path, "-o", "start").code == 0
    options = ["--weights", "start/weights.h5", "--freeze", "backbone", "--exit-weights", "1,0"]
    end = train(eebench, tmp_path, *options, "-o", "frozen")
    assert end.code == 0, end.err
    assert "What is frozen is what it was: SHA-256 " in end.out
    with h5py.File(tmp_path / "start/weights.h5") as a, h5py.File(tmp_path / "frozen/weights.h5") as b:
        changed = []

        def compare(name, item):
            if isinstance(item, h5py.Dataset) and not np.array_equal(item[()], b[name][()]):
                changed.append(name)

        a.visititems(compare)
    assert changed and all("exits." in name for name in changed)
    end = train(eebench, tmp_path, "--weights", "start/weights.h5", "--freeze", "backbone,nosuch", "-o", "other")
    assert end.code == 2 and "'nosuch'" in end.err


def test_products_in_bfloat16_are_an_option(eebench, tmp_path):
    config = CONFIG.replace("global_batch", 'precision = "bf16"\nglobal_batch')
    assert train(eebench, tmp_path, "-o", "fp32").code == 0
    assert train(eebench, tmp_path, "-o", "bf16", config=config).code == 0
    fp32, bf16 = (np.array(losses(tmp_path / name), float) for name in ("fp32", "bf16"))
    assert 0 < np.max(np.abs(bf16 / fp32 - 1)) < 0.05


def test_validation_changes_no_step(eebench, tmp_path):
    config = CONFIG.replace("global_batch = 50", "global_batch = 125").replace("fc = 8", "fc = 8\ndropout = 0.3")
    assert train(eebench, tmp_path, "-o", "without", config=config).code == 0
    end = train(eebench, tmp_path, "--data-val", SLICES / "jets_test_250.h5", "-o", "with", config=config)
    assert end.code == 0 and end.err.count("the validation jets are the training jets") == 1, end.err
    with open(tmp_path / "with/epochs.csv") as log:
        assert [row["step"] for row in csv.DictReader(log)] == ["2", "4"]
    assert losses(tmp_path / "with") == losses(tmp_path / "without")
    with h5py.File(tmp_path / "with/checkpoints/step-00000004.h5") as file:
        steps = [int(x[0]) for name, x in file["weights"].items() if name.endswith("num_batches_tracked")]
    assert len(steps) > 4 and set(steps) == {4}  # BatchNorm learned in every one


def test_weights_of_early_exits_rise(eebench, tmp_path):
    ramp = CONFIG.replace("global_batch = 50", 'global_batch = 125\nexit_ramp = "linear"')
    end = train(eebench, tmp_path, "-o", "out", config=ramp)
    assert end.code == 0, end.err
    assert "reach 0.50 of exit_weights before the training ends; more --epochs" in end.err
    assert "epoch 1 weights of the exits 0,1" in end.err and "epoch 2 weights of the exits 0.25,1" in end.err
    with open(tmp_path / "out/train_log.csv") as log:
        accuracy = [row["accuracy_exit0"] for row in csv.DictReader(log)]
    assert accuracy[:2] == ["nan", "nan"] and "nan" not in accuracy[2:]  # not run while its weight is 0


def test_the_best_weights_are_those_of_all_exits_by_their_weights(eebench, tmp_path):
    (tmp_path / "tiny.toml").write_text(CONFIG.replace("[0.5, 1.0]", '[1.0, 0.5]\nprecision = "fp64"'))
    jets = str(SLICES / "jets_test_250.h5")
    settings = ["--epochs", "12", "--lr", "0.02", "--seed", "3", "--schedule", "none"]
    end = eebench("train", "--config", "tiny.toml", *settings, "--data-train", jets, "--data-val", jets, "-o", "out")
    assert end.code == 0, end.err
    with open(tmp_path / "out/epochs.csv") as log:
        accuracy = np.array([[row["accuracy_exit0"], row["accuracy_exit1"]] for row in csv.DictReader(log)], float)
    best, of_last_exit = (np.argmax(accuracy @ weights) for weights in ([1.0, 0.5], [0.0, 1.0]))
    assert min(np.abs(accuracy[best] - accuracy[other]).max() for other in (of_last_exit, -1)) > 0.03
    assert eebench("predict", "--weights", "out/weights.h5", "--data", jets, "-o", "answers.h5").code == 0
    with h5py.File(tmp_path / "answers.h5") as file:
        right = file["logits"][()].argmax(2) == file["label"][()][:, None]
    assert right.mean(0) == pytest.approx(accuracy[best], abs=0.01)


def test_jets_that_are_cut_are_counted(eebench, tmp_path):
    with h5py.File(SLICES / "jets_test_250.h5") as source, h5py.File(tmp_path / "long.h5", "w") as file:
        joined = np.arange(1, 12)  # the first twelve jets become one
        for name, values in source.items():
            per_jet = not name.startswith("part_")
            file[name] = np.delete(values[()], joined) if per_jet else values[()]
        file.attrs.update(source.attrs)
    shutil.copyfile(tmp_path / "long.h5", tmp_path / "val.h5")
    (tmp_path / "tiny.toml").write_text(CONFIG)
    end = eebench(
        *["train", "--config", "tiny.toml", "--data-train", "long.h5", "--data-val", "val.h5"],
        *["--steps", "1", "-o", "out"],
        ranks=2,
    )
    assert end.code == 0, end.err
    for name in ("long.h5", "val.h5"):
        assert f"1 of the 239 jets of {name} are cut to their first 128 constituents" in end.err


def test_a_second_training_does_not_mix_with_the_first(eebench, tmp_path):
    assert train(eebench, tmp_path, "-o", "out").code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    end = train(eebench, tmp_path, "--seed", "9", "-o", "out", ranks=2)
    assert end.code == 2
    (line,) = end.error_lines()
    assert "out holds a training already" in line and "--resume" in line and "another -o" in line
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before
    assert train(eebench, tmp_path, "-o", "out", "--resume").code == 0


@pytest.mark.parametrize(
    "training, validation, word",
    [("other.h5", [], "training_jets="), ("jets.h5", ["--data-val", "other.h5"], "validation_jets=none (now")],
)
def test_other_jets_are_not_gone_on_with(eebench, tmp_path, training, validation, word):
    (tmp_path / "tiny.toml").write_text(CONFIG)
    shutil.copy(SLICES / "jets_test_250.h5", tmp_path / "jets.h5")
    shutil.copy(SLICES / "jets_test_250.h5", tmp_path / "other.h5")
    with h5py.File(tmp_path / "other.h5", "r+") as file:
        file["jet_energy"][7] *= 1.01
    common = ["train", "--config", "tiny.toml", "--steps", "4", "-o", "out"]
    assert eebench(*common, "--data-train", "jets.h5").code == 0
    end = eebench(*common, "--data-train", training, *validation, "--resume", ranks=2)
    assert end.code == 2, end.err
    (line,) = end.error_lines()
    assert word in line and "give the same settings and files" in line


def test_jets_of_other_classes_are_refused(eebench, tmp_path):
    end = train(
        eebench, tmp_path, "-o", "out", ranks=2, config=CONFIG.replace("classes = 10", "classes = 2")
    )
    assert end.code == 2
    (line,) = end.error_lines()
    assert "jets_test_250.h5 has 10 classes, model tiny answers 2" in line
    assert not (tmp_path / "out").exists()


def test_an_epoch_may_have_steps_of_its_own(eebench, tmp_path):
    """Validation comes after each, the order of the jets stays."""
    lines = {}
    for own, text in (("pass", ""), ("own", "epoch_steps = 2\n")):
        config = CONFIG.replace("[train]\n", f'[train]\nschedule = "none"\n{text}')
        assert config != CONFIG
        (tmp_path / "own.toml").write_text(config)
        end = eebench("train", "--config", "own.toml", "--data-train", JETS, "--data-val", JETS, "--steps", "7", "-o", own)
        assert end.code == 0, end.err
        lines[own] = (tmp_path / own / "train_log.csv").read_text().splitlines()
        epochs = (tmp_path / own / "epochs.csv").read_text().splitlines()[1:]
        if text:
            assert [row.split(",")[:2] for row in epochs] == [["1", "2"], ["2", "4"], ["3", "6"], ["4", "7"]]
    loss = lines["own"][0].split(",").index("loss")
    losses = [[row.split(",")[loss] for row in rows[1:]] for rows in lines.values()]
    assert losses[0] == losses[1] and len(losses[0]) == 7


@pytest.mark.parametrize("refused", [("--device", "cuda"), ("--global-batch", "300000"), ("--lr", "-1"), ("--epochs", "0")])
def test_a_refused_training_leaves_no_folder(eebench, tmp_path, refused):
    assert train(eebench, tmp_path, *refused, "-o", "out", ranks=2).code in {2, 77}
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("output", ["file", "file/out", ""])
def test_a_folder_that_cannot_be_made_is_refused(eebench, tmp_path, output):
    (tmp_path / "file").write_text("")
    end = train(eebench, tmp_path, "-o", output, ranks=2)
    assert end.code == 2, end.err
    (line,) = end.error_lines()
    assert f"cannot write into '{output}'" in line and "choose another folder" in line


@pytest.mark.parametrize("seed", ["-1", "9223372036854775808", "18446744073709551615"])
def test_a_seed_that_no_configuration_can_keep_is_refused(eebench, tmp_path, seed):
    end = train(eebench, tmp_path, "--seed", seed, "-o", "out")
    assert end.code == 2
    assert f"--seed: Value {seed} not in range" in end.err and "9223372036854775807" in end.err
    assert not (tmp_path / "out").exists()


def test_a_training_that_diverges_is_no_defect(eebench, tmp_path):
    end = train(eebench, tmp_path, "--lr", "1e30", "-o", "out", ranks=2)
    assert end.code == 2, end.err
    (line,) = end.error_lines()
    assert "diverged at step " in line and "lower --lr" in line


def test_a_checkpoint_serves_as_weights(eebench, tmp_path):
    assert train(eebench, tmp_path, "-o", "out").code == 0
    checkpoint = "out/checkpoints/step-00000004.h5"
    common = ["predict", "--model", "tiny.toml", "--data", str(SLICES / "jets_test_250.h5"), "--limit", "20"]
    for weights, output in [(checkpoint, "a.h5"), ("out/weights.h5", "b.h5")]:
        end = eebench(*common, "--weights", weights, "-o", output)
        assert end.code == 0, end.err
    with h5py.File(tmp_path / "a.h5") as a, h5py.File(tmp_path / "b.h5") as b:
        assert np.array_equal(a["logits"][()], b["logits"][()])
    assert train(eebench, tmp_path, "--weights", checkpoint, "-o", "more").code == 0


@pytest.mark.parametrize("differs", ["jets.h5", "weights.h5", "tiny.toml"])
def test_ranks_that_see_different_files_are_told(tmp_path, differs):
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(SLICES / "jets_test_250.h5", folder / "jets.h5")
        (folder / "tiny.toml").write_text(CONFIG)
    start = [os.environ["EEBENCH_PROGRAM"], *"train --config tiny.toml --data-train jets.h5 --steps 2 -o".split()]
    for name, seed in (("a", "1"), ("b", "2" if differs == "weights.h5" else "1")):
        first = [*start, "first", "--seed", seed]
        done = subprocess.run(first, cwd=tmp_path / name, capture_output=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        shutil.copy(tmp_path / name / "first/weights.h5", tmp_path / name / "weights.h5")
    if differs == "jets.h5":
        with h5py.File(tmp_path / "b/jets.h5", "r+") as file:
            file["jet_energy"][7] *= 1.01
    if differs == "tiny.toml":
        (tmp_path / "b/tiny.toml").write_text(CONFIG.replace("fc = 8", "fc = 9"))
    one = ["-n", "1", "--wdir"]
    command = [*start, "out", "--weights", "weights.h5"]
    done = subprocess.run(
        ["mpirun", "--oversubscribe", "--bind-to", "none", *one, str(tmp_path / "a"), *command]
        + [":", *one, str(tmp_path / "b"), *command],
        capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert f"eebench: {differs}" in done.stderr and "rank 1 on " in done.stderr
