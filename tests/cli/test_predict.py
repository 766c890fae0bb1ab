"""eebench predict: the file, early exits against a replay, ranks, weights of others, wrong input."""

import os
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import xarray

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
JETS = SOURCE / "tests/data/jets_test_250.h5"
ASSETS = SOURCE / "suites/assets"
WEIGHTS = ASSETS / "particlenet.h5"
SAMPLES = Path(os.environ.get("EEBENCH_TEST_DATA", SOURCE / "../shared/data"))
CLASSES = ["QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl"]

# Logits of the published ParticleNet for the first four jets of the generated test sample, by weaver-core.
PUBLISHED = [
    [-13.19129, -3.35694, -20.69, -14.98987, -27.18637, -29.28117, -10.04611, -26.2428, -20.42424, -20.27835],
    [-11.91094, -19.30074, -12.60431, -14.22307, -9.24405, 1.64464, -12.3692, -11.37418, -10.93727, -6.3892],
    [-3.25341, -10.1578, -5.68919, -0.73171, -4.45318, -12.92715, -4.12902, -6.31284, -10.38187, -17.51367],
    [-5.14386, -0.16719, -4.78773, -2.05445, -5.27437, -14.28293, -5.42519, -8.94057, -4.96126, -10.66195],
]


@pytest.fixture
def predict(eebench, tmp_path):
    """Runs eebench predict and opens what it wrote."""

    def run(*arguments, weights=WEIGHTS, data=JETS, ranks=0, limit=96):
        end = eebench(
            "predict", "--weights", weights, "--data", data, "--limit", str(limit), *arguments,
            "-o", "out.h5", ranks=ranks,
        )  # fmt: skip
        assert end.code == 0, end.err
        assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.h5"]
        with xarray.open_dataset(tmp_path / "out.h5", engine="h5netcdf") as file:
            return end, file.load()

    return run


def confidence(logits):
    """Largest softmax value as the rule computes it."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return (1 / shifted.sum(-1)).astype(np.float32)


def row_of(table, name):
    """Cells of a row of the printed table."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return next([cell.strip() for cell in cells[1:]] for cells in rows if cells[0].strip() == name)


def test_every_exit_answers_without_a_rule(predict):
    end, file = predict()
    assert file.logits.dims == ("jet", "exit", "class")
    assert file.logits.shape == (96, 3, 10)
    assert [name.decode() for name in file["class"].values] == CLASSES
    assert (file.exit_index == 2).all()
    assert file.logits.attrs["mark"] == "replayed"
    with h5py.File(JETS) as jets:
        assert (file.label.values == jets["label"][:96]).all()
    right = (file.logits.argmax("class") == file.label).mean("jet").values
    assert [float(cell.split()[0]) for cell in row_of(end.out, "accuracy")] == pytest.approx(right, abs=5e-5)
    assert [cell.split()[0] for cell in row_of(end.out, "jets")] == ["96"] * 3
    assert "QCD rejection at 99.5 % Tbl" in end.out
    assert "Of 96 jets 0 had more constituents" in end.out
    with h5py.File(WEIGHTS) as weights:
        assert file.attrs["weights_sha256"] == weights.attrs["sha256"].decode()
    assert {"data_sha256", "git_sha", "command_line", "mpi_size", "device"} <= set(file.attrs)
    assert file.attrs["rule"] == "none" and "thresholds" not in file.attrs


def test_linear_layers_in_bfloat16_answer_nearly_the_same(predict):
    _, single = predict()
    _, half = predict("--precision", "bf16")
    assert (single.attrs["precision"], half.attrs["precision"]) == ("fp32", "bf16")
    apart = np.abs(half.logits.values - single.logits.values).max()
    assert 0 < apart < 0.05 * np.abs(single.logits.values).max()
    assert (half.logits.argmax("class") == single.logits.argmax("class")).mean() > 0.95


def test_jets_that_leave_take_the_exit_that_a_replay_says(predict):
    _, replay = predict("--deterministic", "--batch", "7")
    end, run = predict("--deterministic", "--rule", "confidence", "--threshold", "0.9,0.7")
    sure = confidence(replay.logits.values)
    exit_index = np.where(sure[:, 0] >= 0.9, 0, np.where(sure[:, 1] >= 0.7, 1, 2))
    assert all((exit_index == exit).sum() > 5 for exit in range(3))
    assert (run.exit_index == exit_index).all()
    assert run.logits.dims == ("jet", "class")
    assert (run.logits.values == replay.logits.values[np.arange(96), exit_index]).all()
    assert run.logits.attrs["mark"] == "measured"
    assert run.attrs["rule"] == "confidence"
    assert list(run.attrs["thresholds"]) == [0.9, 0.7]
    counts = [str((exit_index == exit).sum()) for exit in range(3)]
    assert row_of(end.out, "jets") == [*counts, "96"]
    share = [float(cell) for cell in row_of(end.out, "share of all, %")]
    assert sum(share[:3]) == pytest.approx(100, abs=0.1) and share[3] == 100


def test_a_rule_may_be_a_formula(predict):
    _, replay = predict("--deterministic")
    logits = replay.logits.values.astype(np.float64)
    top = np.exp(logits - logits.max(-1, keepdims=True))
    distance = np.abs(top[..., CLASSES.index("Tbqq")] / top.sum(-1) - 0.5)
    exit_index = np.where(distance[:, 0] >= 0.4, 0, np.where(distance[:, 1] >= 0.4, 1, 2))
    assert len(set(exit_index)) == 3
    _, run = predict("--deterministic", "--rule", "abs(p_Tbqq - 0.5)", "--threshold", "0.4")
    assert (run.exit_index == exit_index).all()
    assert run.attrs["rule"] == "abs(p_Tbqq-0.5)"


def test_the_comparator_needs_no_division(predict):
    _, divided = predict("--deterministic", "--rule", "confidence", "--threshold", "0.8")
    _, compared = predict("--deterministic", "--rule", "comparator", "--threshold", "-1.25")
    assert len(set(divided.exit_index.values)) == 3
    assert (compared.exit_index == divided.exit_index).all()


@pytest.mark.parametrize("rule", [(), ("--rule", "margin", "--threshold", "0.5")])
def test_three_ranks_write_the_same_file(predict, rule):
    _, alone = predict(*rule, "--deterministic")
    end, three = predict(*rule, "--deterministic", "--batch", "10", ranks=3)
    for name in ("logits", "exit_index", "label"):
        assert (alone[name] == three[name]).all()
    assert end.out.count("accuracy") == 1


def test_rules_that_are_fitted_take_the_gates_of_the_weights(eebench, predict, tmp_path):
    weights = tmp_path / "weights.h5"
    shutil.copyfile(WEIGHTS, weights)
    assert eebench("gates", "--weights", weights, "--data", JETS).code == 0
    _, file = predict("--rule", "learned", "--threshold", "0.7", weights=weights)
    assert len(set(file.exit_index.values)) == 3
    for rule in ("learned", "prototype", "lte", "jei"):
        _, eager = predict("--rule", rule, "--threshold", "0", weights=weights)
        assert (eager.exit_index == 0).all()
        assert len(eager.attrs["gates_sha256"]) == 64
        _, sure = predict("--rule", rule, "--threshold", "1", weights=weights)
        assert sure.exit_index.mean() > 1


def test_jets_beyond_the_limit_of_constituents_are_counted(predict, tmp_path):
    with h5py.File(JETS) as jets, h5py.File(tmp_path / "long.h5", "w") as long:
        for name in jets:
            long[name] = jets[name][:170] if name.startswith("part_") else jets[name][:2]
        del long["offsets"]
        long["offsets"] = np.array([0, 140, 170])
        long.attrs["classes"] = jets.attrs["classes"]
    end, file = predict(data=tmp_path / "long.h5")
    assert "Of 2 jets 1 had more constituents" in end.out
    assert file.attrs["jets_cut"] == 1


def test_the_shipped_network_is_the_published_one(predict):
    end, file = predict("--model", "particlenet", data=ASSETS / "jets_test.h5", limit=2000, ranks=2)
    last = file.logits.isel(exit=-1)
    assert np.abs(last.values[:4] - PUBLISHED).max() < 5e-3
    assert (last.argmax("class") == file.label).sum() == pytest.approx(1693, abs=1)  # 0.8465
    auc, low, _, high = row_of(end.out, "macro one-vs-one AUC")[-1].replace("(", "").replace(")", "").split()
    assert float(auc) == pytest.approx(0.98527, abs=2e-5)
    assert float(auc) - 0.005 < float(low) < float(auc) < float(high) < float(auc) + 0.005
    scores = np.exp(last.values - last.values.max(-1, keepdims=True))
    sure = (scores / scores.sum(-1, keepdims=True)).max(-1)
    bins = np.minimum((sure * 15).astype(int), 14)
    excess = np.bincount(bins, (last.argmax("class") == file.label).values - sure, 15)
    cell = row_of(end.out, "expected calibration error")[-1]
    assert float(cell) == pytest.approx(np.abs(excess).sum() / len(sure), abs=1e-4)


def test_weights_of_weaver_give_the_plain_network(predict):
    published = SAMPLES / "../reference/ParticleNet_full.pt"
    if not published.is_file():
        pytest.skip("needs the full samples; set EEBENCH_TEST_DATA to their folder")
    _, plain = predict("--model", "particlenet", "--features", "full", weights=published)
    _, exits = predict()
    assert plain.logits.shape == (96, 1, 10)
    assert np.abs(plain.logits.values[:4, 0] - PUBLISHED).max() < 5e-3
    assert (plain.logits.values[:, 0] == exits.logits.values[:, 2]).all()


def test_inputs_may_be_a_file_of_ones_own(eebench, predict, tmp_path):
    full = (SOURCE / "configs/data/full.yaml").read_text()
    (tmp_path / "own.yml").write_text(full)
    _, shipped = predict()
    _, own = predict("--features", "own.yml")
    assert (own.logits == shipped.logits).all()

    (tmp_path / "own.yml").write_text(full.replace("np.hypot(part_px, part_py)", "np.cbrt(part_px)"))
    end = eebench("predict", "--weights", WEIGHTS, "--data", JETS, "--features", "own.yml", "-o", "no.h5")
    assert end.code == 2 and len(end.err.splitlines()) == 1
    assert "own.yml: " in end.err and "np.cbrt(part_px)" in end.err and "supported" in end.err


def test_weights_keep_the_path_of_their_inputs(eebench, tmp_path):
    shutil.copyfile(SOURCE / "configs/data/kin.yaml", tmp_path / "own.yaml")
    (tmp_path / "tiny.toml").write_text(
        'kind = "particlenet"\nfeatures = "own.yaml"\n'
        "[network]\nk = 4\nblocks = [[8, 8]]\nfc = 8\n[train]\nglobal_batch = 50\nexit_weights = [1.0]\n"
    )
    end = eebench("train", "--config", "tiny.toml", "--data-train", JETS, "--steps", "1", "-o", "trained")
    assert end.code == 0, end.err
    arguments = ["predict", "--weights", "trained/weights.h5", "--data", JETS, "--limit", "9", "-o", "out.h5"]
    assert eebench(*arguments).code == 0
    (tmp_path / "own.yaml").rename(tmp_path / "moved.yaml")
    end = eebench(*arguments)
    assert end.code == 2 and len(end.err.splitlines()) == 1
    assert "own.yaml: no such file; " in end.err and "--features" in end.err
    assert eebench(*arguments, "--features", "moved.yaml").code == 0


SOUND = {"--weights": WEIGHTS, "--data": JETS, "-o": "out.h5"}


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"--rule": "confidnce", "--threshold": "0.9"}, "did you mean 'confidence'"),
        ({"--rule": "", "--threshold": "0.9"}, "--rule: name a rule"),
        ({"--rule": "margin"}, "--rule requires --threshold"),
        ({"--rule": "margin", "--threshold": "1.5"}, "--threshold: a threshold of the rule margin must be from 0 to 1"),
        ({"--rule": "p_max *", "--threshold": "0.5"}, "ends early at character 8"),
        ({"--rule": "p_Tbq - 0.5", "--threshold": "0.5"}, "no variable 'p_Tbq'; there are p_max, entropy"),
        ({"--rule": "margin", "--threshold": "nan"}, "--threshold: a threshold of the rule margin must be"),
        ({"--rule": "margin", "--threshold": "0.1,0.2,0.3"}, "--threshold: 3 thresholds for 3 exits"),
        ({"--rule": "1/0", "--threshold": "0.5"}, "rule 1/0: depends on nothing of a jet"),
        ({"--weights": "none.h5"}, "none.h5"),
        ({"--weights": SOURCE / "tests/data/state_dict.pt"}, "name one: --model"),
        ({"--features": "kin"}, "particlenet.h5"),
        ({"--data": "none.h5"}, "none.h5: no such file"),
        ({"--data": ASSETS / "jetclass_500.h5"}, "jetclass_500.h5"),
        ({"-o": "no/out.h5"}, "there is no folder"),
        ({"--limit": "-1"}, "--limit: Value -1 not in range 0 to 1000000000 "),
        ({"--batch": "0"}, "--batch: Value 0 not in range 1 to 1000000000 "),
        ({"--precision": "bf17"}, "unknown precision 'bf17' (did you mean 'bf16'?); there are: fp32, bf16"),
        ({"--precision=bf16": "--deterministic"}, "deterministic mode computes in fp32 or int8, not in bf16"),
        ({"--threads": "0"}, "--threads: Value 0 not in range"),
        ({"--threads": "100000"}, "1024"),
        ({"--features": "kinn"}, "did you mean 'kin'?); there are: cifar10, full, kin"),
    ],
)
def test_wrong_input_is_one_line_and_2(eebench, tmp_path, changed, message):
    arguments = [part for pair in (SOUND | changed).items() for part in pair]
    end = eebench("predict", *arguments)
    assert end.code == 2
    assert end.out == ""
    assert message in end.err and len(end.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_inputs_are_not_overwritten(eebench, tmp_path):
    jets = tmp_path / "jets.h5"
    shutil.copyfile(JETS, jets)
    end = eebench("predict", "--weights", WEIGHTS, "--data", jets, "-o", jets)
    assert end.code == 2
    assert "may replace what is read" in end.err and len(end.err.splitlines()) == 1
    assert jets.read_bytes() == JETS.read_bytes()


def test_a_place_that_cannot_be_written_is_found_before_the_work(eebench, tmp_path):
    (tmp_path / "out.h5.part").mkdir()
    end = eebench("predict", "--weights", WEIGHTS, "--data", JETS, "-o", "out.h5")
    assert end.code == 2 and len(end.err.splitlines()) == 1
    assert "out.h5.part: cannot be written" in end.err


def test_ranks_that_read_different_files_are_refused(eebench, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copyfile(ASSETS / "particlenet.h5", tmp_path / folder / "weights.h5")
        shutil.copyfile(JETS, tmp_path / folder / "jets.h5")

    def run(*command):
        program = [os.environ["EEBENCH_PROGRAM"], *command, "--weights", "weights.h5", "--data", "jets.h5"]
        ranks = [["-n", "1", "--wdir", str(tmp_path / folder), *program] for folder in ("a", "b")]
        return subprocess.run(
            ["mpirun", "--oversubscribe", "--bind-to", "none", *ranks[0], ":", *ranks[1]],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    out = ["-o", str(tmp_path / "out.h5"), "--limit", "20"]
    assert run("predict", *out).returncode == 0
    with h5py.File(tmp_path / "b/jets.h5", "r+") as file:
        file["label"][0] = 1 - min(file["label"][0], 1)
    for command in (["predict", *out], ["gates"]):
        end = run(*command)
        assert end.returncode == 2 and "jets.h5: rank 1 on " in end.stderr
    assert eebench("gates", "--weights", "b/weights.h5", "--data", JETS).code == 0
    end = run("predict", *out)
    assert end.returncode == 2 and "weights.h5: rank 1 on " in end.stderr


def weaver_weights(trained, newer):
    """The tensors of a weights.h5 as weaver-core 0.4 or 0.5 spells them."""
    tensors = {}
    with h5py.File(trained) as file:
        for name, values in file["weights"].items():
            if newer:
                name = name.replace("attn.in_proj_", "attn.in_proj.")
            tensors["mod." + name] = torch.from_numpy(values[:])
    return tensors


def test_heads_are_laid_out_as_the_spelling_of_weaver_says(eebench, predict, tmp_path):
    text = (SOURCE / "configs/models/part-small.toml").read_text()
    (tmp_path / "part.toml").write_text(text.split("[exits]")[0] + "[train]\nglobal_batch = 50\nexit_weights = [1.0]\n")
    end = eebench("train", "--config", "part.toml", "--data-train", JETS, "--steps", "1", "-o", "trained")
    assert end.code == 0, end.err
    (tmp_path / "v05.toml").write_text((tmp_path / "part.toml").read_text().replace('"legacy"', '"v05"'))
    logits = {}
    for newer, file in ((False, "old.pt"), (True, "new.pt")):
        torch.save(weaver_weights(tmp_path / "trained/weights.h5", newer), tmp_path / file)
        for model in ("part.toml", "v05.toml"):
            _, answers = predict("--model", model, weights=file, limit=9)
            logits[file, model] = answers.logits.values
    _, own = predict(weights="trained/weights.h5", limit=9)
    assert (logits["old.pt", "part.toml"] == own.logits.values).all()
    assert (logits["old.pt", "v05.toml"] == logits["old.pt", "part.toml"]).all()
    assert (logits["new.pt", "v05.toml"] == logits["new.pt", "part.toml"]).all()
    assert np.abs(logits["new.pt", "part.toml"] - logits["old.pt", "part.toml"]).max() > 1e-3


def test_wrong_input_under_mpirun_is_one_line_too(eebench):
    end = eebench("predict", "--weights", WEIGHTS, "--data", "none.h5", "-o", "out.h5", ranks=3)
    assert end.code == 2
    assert ["none.h5: no such file" in line for line in end.error_lines()] == [True]
