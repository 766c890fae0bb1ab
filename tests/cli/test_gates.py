"""Gates of exit rules: fitted, stored with the weights, used by a campaign."""

import os
import shutil
from pathlib import Path

import h5py
import pytest

SOURCE = Path(os.environ.get("EEBENCH_SOURCE_DIR", "."))
JETS = SOURCE / "tests/data/jets_test_250.h5"
SUITE = """
name = "gates"
data = "{jets}"
jets = 32
run_jets = 32
effort = "smoke"
[models.particlenet]
weights = "{weights}"
[axes]
rule = ["learned", "prototype", "lte", "jei"]
threshold = 0.7
batch = 32
scenario = "offline"
"""


@pytest.fixture
def weights(tmp_path):
    """A copy of the shipped network without gates."""
    path = tmp_path / "weights.h5"
    shutil.copyfile(SOURCE / "suites/assets/particlenet.h5", path)
    path.chmod(0o644)
    with h5py.File(path, "r+") as file:
        if "gates" in file:
            del file["gates"]
    return path


def test_gates_are_fitted_stored_and_used(eebench, tmp_path, weights):
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE.format(jets=JETS, weights=weights))

    end = eebench("bench", "--suite", str(suite), "-o", "without")
    assert end.code == 2
    assert "eebench gates --weights" in end.err and len(end.err.splitlines()) == 1

    with h5py.File(weights) as file:
        before = file.attrs["sha256"]
    end = eebench("gates", "--weights", str(weights), "--data", str(JETS), ranks=2)
    assert end.code == 0
    assert "On the 250 jets" in end.out and str(weights) in end.out
    assert "Of 250 jets 0 had more constituents" in end.out
    with h5py.File(weights) as file:
        assert sorted(file["gates"]) == ["0", "1", "jei", "lte", "prototype"]
        assert [file["gates/prototype"][exit].size for exit in "01"] == [10 * (256 + 1)] * 2
        assert [file["gates/lte"][exit].size for exit in "01"] == [3 * 256 + 1] * 2
        assert file.attrs["gates_lambda"] == 0.1
        assert file.attrs["gates_jets"] == 250
        assert file.attrs["sha256"] == before

    end = eebench("bench", "--suite", str(suite), "-o", "with")
    assert end.code == 0, end.err
    with h5py.File(tmp_path / "with/tasks/0000/task.h5") as task:
        rules = task["rule"].attrs["flag_meanings"].decode().split()
        assert [rules[r] for r in task["rule"]] == ["full", "fixed", "fixed", "learned", "prototype", "lte", "jei"]
        assert (task["flip_share"][:] == 0).all()
        assert (task["state"][:] == 1).all()


def test_any_ranks_fit_the_same_and_lambda_moves_jei_alone(eebench, tmp_path, weights):
    def numbers(*more, ranks=0):
        assert eebench("gates", "--weights", weights, "--data", JETS, *more, ranks=ranks).code == 0
        with h5py.File(weights) as file:
            learned = [file["gates"][exit][:].tolist() for exit in "01"]
            return {"learned": learned} | {
                rule: [file["gates"][rule][exit][:].tolist() for exit in "01"] for rule in ("jei", "lte", "prototype")
            }

    alone = numbers()
    assert numbers(ranks=3) == alone
    dearer = numbers("--lambda", "0.5")
    assert [rule for rule in alone if dearer[rule] != alone[rule]] == ["jei"]


@pytest.mark.parametrize("rule", ["prototype", "lte", "jei"])
def test_weights_without_the_gates_of_a_rule_are_refused_by_name(eebench, weights, rule):
    """As are those of before there were such gates, with the gates of the learned rule alone."""
    end = eebench("predict", "--weights", weights, "--data", JETS, "--rule", rule, "--threshold", "0.5", "-o", "out.h5")
    assert end.code == 2 and len(end.err.splitlines()) == 1
    assert f"rule {rule}: no gates for it in {weights}; fit them with eebench gates --weights" in end.err


def write_jets(path, begin, end):
    """Some jets of the sample in a file of their own."""
    with h5py.File(JETS) as whole, h5py.File(path, "w") as part:
        part.attrs.update(whole.attrs)
        offsets = whole["offsets"][begin : end + 1]
        for name, column in whole.items():
            part[name] = column[offsets[0] : offsets[-1]] if name.startswith("part_") else column[begin:end]
        del part["offsets"]
        part["offsets"] = offsets - offsets[0]
    return path


def test_jets_of_the_choice_that_report_or_gates_know(eebench, tmp_path, weights):
    chosen_on = write_jets(tmp_path / "chosen_on.h5", 0, 40)
    others = write_jets(tmp_path / "others.h5", 40, 80)
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE.format(jets=JETS, weights=weights) + f'[choose]\ndata = "{chosen_on}"\nloss = [0.05]\n')

    assert eebench("gates", "--weights", weights, "--data", chosen_on).code == 0
    end = eebench("bench", "--suite", suite, "-o", "overlap", ranks=2)
    assert end.code == 2 and "[choose] 32 of the 40 jets of" in end.err and "give other jets" in end.err
    assert "all exits" not in end.err and not (tmp_path / "overlap").exists()

    told = f"the gates of particlenet were fitted on {chosen_on}"
    end = eebench("bench", "--suite", suite, "-a", f"data={others}", "-o", "known")
    assert end.code == 0 and [told in line for line in end.err.splitlines()].count(True) == 1, end.err
    assert "The gates of particlenet were fitted on the same jets" in (tmp_path / "known/summary.md").read_text()
    with h5py.File(tmp_path / "known/tasks/0000/task.h5") as task:
        assert task.attrs["gates_fitted_on_choosing_data"] == b"particlenet"

    assert eebench("gates", "--weights", weights, "--data", others).code == 0
    end = eebench("bench", "--suite", suite, "-a", f"data={others}", "-o", "unknown")
    assert end.code == 0 and "the gates of" not in end.err, end.err


def test_weights_that_cannot_be_replaced_are_found_before_the_work(eebench, tmp_path, weights):
    (tmp_path / "weights.h5.part").mkdir()
    end = eebench("gates", "--weights", weights, "--data", JETS)
    assert end.code == 2 and "weights.h5.part: cannot be written" in end.err
    assert len(end.err.splitlines()) == 1


def test_what_cannot_have_gates_is_refused(eebench, tmp_path):
    (tmp_path / "weights.pt").touch()
    end = eebench("gates", "--weights", "weights.pt", "--data", str(JETS))
    assert end.code == 2 and "weights.pt: gates are stored in" in end.err
    assert len(end.err.splitlines()) == 1
