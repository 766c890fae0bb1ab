"""Experiments in folders with the real program on tiny trainings: steps, restarts, failures, figures, comparison."""

import csv
import json
import shutil

import h5py
import matplotlib.image
import pytest
from conftest import ROOT, TINY
from eebench_analysis.__main__ import main

tomlkit = pytest.importorskip("tomlkit", reason="project needs tomlkit: pip install -e 'analysis[project]'")

JETS = ROOT / "tests" / "data" / "jets_test_250.h5"
NETWORK = TINY + "epochs = 20\nlr = 1e-2\n"
PLOTS = ("cost", "exit_distribution", "loss", "calibration")


def project(*words):
    return main(["project", *map(str, words)])


def edit(folder, *changes):
    file = folder / "project.toml"
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def make(workspace, name, *changes):
    (workspace / "tiny.toml").write_text(NETWORK)
    assert project("new", workspace, name, "--model", workspace / "tiny.toml") == 0
    shipped = str(ROOT / "suites" / "assets" / "jets_test.h5")
    small = [(shipped, str(JETS)), ("[0.5, 0.7, 0.9]", "[0.15, [0.2]]"), ("[1, 64]", "[50]"), ('"quick"', '"smoke"')]
    edit(workspace / name, *small, *changes)
    return workspace / name


@pytest.fixture(scope="module")
def workspace(program, tmp_path_factory):
    """A workspace with the project `one`, which went through all steps."""
    workspace = tmp_path_factory.mktemp("workspace")
    make(workspace, "one")
    assert project("chain", workspace, "one") == 0
    return workspace


def results(folder):
    with open(folder / "benchmark" / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def refusal(capsys):
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_new_project_is_a_commented_configuration(tmp_path, capsys):
    assert project("new", tmp_path, "first", "--model", "particlenet") == 0
    text = (tmp_path / "first/project.toml").read_text()
    config = tomlkit.parse(text).unwrap()
    settings = config.pop("project")
    assert config == tomlkit.parse((ROOT / "configs/models/particlenet.toml").read_text()).unwrap()
    assert settings["ranks"] == 1 and settings["rule"] == "confidence"
    assert all("# " in line for line in text.split("[project]\n")[1].splitlines())
    assert all((tmp_path / "first" / settings[key]).is_file() for key in ("train", "validate", "test"))
    assert project("new", tmp_path, "first") == 2
    assert "is there already" in refusal(capsys)
    assert project("new", tmp_path, "second", "--model", "particlenett") == 2
    assert "no model 'particlenett' (did you mean 'particlenet'?)" in refusal(capsys)
    assert project("new", tmp_path, "a/b") == 2
    assert "cannot name a project" in refusal(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["first"]
    file = tmp_path / "first/project.toml"
    assert project("new", file, "second") == 2
    assert refusal(capsys) == f"eebench_analysis: {file / 'second'}: not a directory; check the path"


def test_steps_leave_what_the_program_wrote(workspace):
    folder = workspace / "one"
    assert len((folder / "train/epochs.csv").read_text().splitlines()) == 21
    metrics = json.loads((folder / "evaluate/metrics.json").read_text())
    assert len(metrics["exits"]) == 2 and len(metrics["leaving"]) == 2
    profile = json.loads((folder / "benchmark/profile.json").read_text())
    assert profile["model"] == "one" and profile["multiplicity"] == 128 and len(profile["exits"]) == 2
    rows = results(folder)
    assert [row["jets leave"] for row in rows] == [
        "all at exit 0", "all at exit 1, the last", "confidence 0.15", "confidence 0.2",
    ]  # fmt: skip
    # What the benchmark replays is what evaluate saw, computed apart from each other.
    for row, seen in zip(rows, metrics["exits"] + [found["all"] for found in metrics["leaving"]]):
        assert float(row["accuracy"]) == pytest.approx(seen["accuracy"], abs=1e-12)
        assert float(row["auc"]) == pytest.approx(seen["auc"], abs=1e-9)
        for name, rejection in seen["rejection"].items():
            assert float(row[f"rejection_{name}"]) == pytest.approx(rejection["value"], rel=1e-12)
            assert (name in row["rejection_lower_limits"].split()) == rejection["lower_limit"]
    for row, seen in zip(rows[2:], metrics["leaving"]):
        assert float(row["share_exit0"]) == pytest.approx(seen["exits"][0]["share"])
    with h5py.File(folder / "evaluate/answers-0.2.h5") as file:
        assert 0 < (file["exit_index"][:] == 0).mean() < 1
    assert float(rows[0]["flops"]) < float(rows[1]["flops"]) and float(rows[0]["parameters"]) > 100
    for name in PLOTS:
        assert matplotlib.image.imread(folder / f"plots/{name}.png").std() > 0.01
        assert (folder / f"plots/{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_chain_again_repeats_nothing_that_is_done(workspace, tmp_path):
    shutil.copytree(workspace / "one", tmp_path / "one")
    before = (tmp_path / "one/train/train_log.csv").read_text()
    made = (tmp_path / "one/benchmark/campaign/tasks/0000/task.h5").stat().st_mtime_ns
    assert project("train", tmp_path, "one") == 0
    assert (tmp_path / "one/train/train_log.csv").read_text() == before
    edit(tmp_path / "one", ("epochs = 20", "epochs = 21"))
    assert project("train", tmp_path, "one") == 0
    after = (tmp_path / "one/train/train_log.csv").read_text()
    assert after.startswith(before) and len(after.splitlines()) == len(before.splitlines()) + 5
    assert (tmp_path / "one/benchmark/campaign/tasks/0000/task.h5").stat().st_mtime_ns == made


def test_a_failing_step_stops_the_chain(workspace, tmp_path, capsys):
    shutil.copytree(workspace / "one", tmp_path / "one")
    shutil.rmtree(tmp_path / "one/plots")
    edit(tmp_path / "one", ("lr = 1e-2", "lrr = 1e-2"))
    assert project("chain", tmp_path, "one") == 2
    message = refusal(capsys)
    assert "one: train failed: unknown key of [train] 'lrr'" in message and "did you mean 'lr'?" in message
    line = 1 + (tmp_path / "one/project.toml").read_text().splitlines().index("lrr = 1e-2")
    assert f"{tmp_path / 'one/project.toml'}, line {line}" in message
    assert not (tmp_path / "one/plots").exists()

    edit(tmp_path / "one", ("lrr = 1e-2", "lr = 1e-3"))
    assert project("evaluate", tmp_path, "one") == 2
    assert "was changed since the training" in refusal(capsys)
    assert project("train", tmp_path, "one") == 2
    assert "made with lr=0.01 (now lr=0.001)" in capsys.readouterr().err
    edit(tmp_path / "one", ("lr = 1e-3", "lr = 1e-2"))
    assert project("chain", tmp_path, "one", "train", "plot") == 0


def test_a_step_needs_those_before_it(program, tmp_path, capsys):
    make(tmp_path, "two")
    for step, words in (("evaluate", "run the step train first"), ("plot", "run the step evaluate first")):
        assert project(step, tmp_path, "two") == 2
        assert words in refusal(capsys)
    assert project("compare", tmp_path, "two") == 2
    assert "run the step benchmark of it first" in refusal(capsys)
    assert project("chain", tmp_path, "two", "trian") == 2
    assert "no step 'trian' (did you mean 'train'?)" in refusal(capsys)
    assert project("train", tmp_path, "three") == 2
    assert "no project" in refusal(capsys)


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("rule =", "rul =", "[project] has no key 'rul' (did you mean 'rule'?)"),
        ("ranks = 1", "ranks = true", "[project] ranks must be a number"),
        ("[0.15, [0.2]]", "[]", "[project] thresholds must be a list"),
        ("[project]", "[projekt]", "no table [project]"),
        ("[project]", "[project", "not TOML"),
    ],
)
def test_wrong_settings(program, tmp_path, capsys, old, new, words):
    make(tmp_path, "two", (old, new))
    assert project("train", tmp_path, "two") == 2
    assert words in refusal(capsys) and not (tmp_path / "two/train").exists()


def test_several_projects_in_one_figure_and_one_table(workspace, capsys):
    make(workspace, "wide", ("[[8, 8], [8, 8]]", "[[16, 16], [16, 16]]"), ("epochs = 20", "epochs = 2"))
    assert project("chain", workspace, "wide", "train", "benchmark") == 0
    capsys.readouterr()
    assert project("compare", workspace, "one", "wide") == 0
    printed = capsys.readouterr().out
    with open(workspace / "comparisons/one-wide.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == results(workspace / "one") + results(workspace / "wide")
    assert len(printed.splitlines()) == 2 + len(rows)
    assert matplotlib.image.imread(workspace / "comparisons/one-wide.png").std() > 0.01


def test_jets_leave_by_gates(program, tmp_path):
    folder = make(tmp_path, "gated", ('rule = "confidence"', 'rule = "learned"'))
    assert project("chain", tmp_path, "gated", "train", "evaluate") == 0
    metrics = json.loads((folder / "evaluate/metrics.json").read_text())
    assert [found["rule"] for found in metrics["leaving"]] == ["learned", "learned"]
    assert project("train", tmp_path, "gated") == 0
    assert project("evaluate", tmp_path, "gated") == 0


def test_other_weights_want_another_benchmark(workspace, tmp_path, capsys):
    shutil.copytree(workspace / "one", tmp_path / "one")
    shutil.rmtree(tmp_path / "one/train")
    edit(tmp_path / "one", ("lr = 1e-2", "lr = 1e-3"))
    assert project("chain", tmp_path, "one", "train", "benchmark") == 2
    assert f"remove {tmp_path / 'one/benchmark/campaign'} to begin anew" in refusal(capsys)
    shutil.rmtree(tmp_path / "one/benchmark/campaign")
    assert project("benchmark", tmp_path, "one") == 0
    assert results(tmp_path / "one") != results(workspace / "one")
