"""What a user gets wrong: one line that names the file, the place and the remedy, and exit code 2."""

import os
import shutil
import subprocess
from pathlib import Path

import h5py
import pytest

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
SLICES = SOURCE / "tests" / "data"
JETS = str(SLICES / "jets_test_250.h5")
WEIGHTS = str(SOURCE / "suites/assets/particlenet.h5")

MODEL = """kind = "particlenet"
features = "kin"
[network]
k = 4
blocks = [[8, 8], [8, 8]]
fc = 8
[exits]
after = [1]
[train]
exit_weights = [0.5, 1.0]
"""
SUITE = f"""name = "mine"
data = "{JETS}"
jets = 32
run_jets = 32
effort = "smoke"
[models.particlenet]
weights = "{WEIGHTS}"
[axes]
rule = "confidence"
threshold = 0.7
batch = 32
scenario = "offline"
"""


@pytest.fixture
def files(tmp_path):
    """A folder with a sound model, suite and jets, for tests to spoil."""
    (tmp_path / "mine.toml").write_text(MODEL)
    (tmp_path / "suite.toml").write_text(SUITE)
    shutil.copy(JETS, tmp_path / "jets.h5")
    return tmp_path


def replace(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def refused(end, *words):
    assert end.code == 2, (end.code, end.err)
    assert end.out == ""
    lines = [line for line in end.err.splitlines() if line.startswith("eebench: ")]
    assert len(lines) == 1 and end.err.endswith(lines[0] + "\n"), end.err
    for word in words:
        assert word in lines[0], lines[0]


def train(eebench, *more, config="mine.toml", data="jets.h5"):
    return eebench("train", "--config", config, "--data-train", data, "--steps", "1", "-o", "out", *more)


def test_train(eebench, files):
    refused(train(eebench, config="part-smal"), "'part-smal'", "did you mean 'part-small'")
    refused(train(eebench, data="none.h5"), "none.h5")
    wants_charge = train(eebench, "--features", "full", "--data-val", str(SLICES / "jetclass_150.h5"))
    refused(wants_charge, "jetclass_150.h5", "no dataset 'part_", "add the column")
    assert not (files / "out").exists()
    refused(train(eebench, "--precision", "fp16"), "'fp16'", "fp32, fp64, bf16")
    refused(train(eebench, "--global-batch", "300"), "300", "250")
    refused(train(eebench, "--global-batch", "8", "--weights", "none.pt"), "none.pt")
    refused(train(eebench, "--global-batch", "8", "--patience", "2"), "--data-val")
    with h5py.File(files / "jets.h5", "r+") as file:
        file["label"][17] = 77
    refused(train(eebench), "jets.h5", "'label', index 17", "correct the label")
    replace(files / "mine.toml", "exit_weights", "exit_weigths")
    refused(train(eebench), "mine.toml, line 10", "'exit_weigths'", "did you mean 'exit_weights'")
    (files / "mine.toml").write_text(MODEL.replace("k = 4", "k = 200"))
    refused(train(eebench, data=JETS), "network.k = 200 must lie between 1 and 127")
    (files / "mine.toml").write_text(MODEL.replace("k = 4", "k = 'four'"))
    refused(train(eebench, data=JETS), "mine.toml, line 4", "'k' must be an integer")


def bench(eebench, *more, suite="suite.toml"):
    return eebench("bench", "--suite", suite, "-o", "out", *more)


def test_bench(eebench, files):
    refused(bench(eebench, suite="quickstrat"), "'quickstrat'", "did you mean 'quickstart'")
    refused(bench(eebench, "-a", "treshold=0.5"), "treshold", "threshold")
    refused(bench(eebench, "-a", "rule=confidense"), "'confidense'", "did you mean 'confidence'")
    refused(bench(eebench, "-a", "rule=p_max * p_Tbq"), "'p_Tbq'", "there are p_max", "Tbqq")
    refused(bench(eebench, "-a", "rule=patience", "-a", "threshold={patience=-1}"), "at least 0, not -1")
    refused(bench(eebench, "-a", "threshold={margin=0.5}"), "rule margin, which has thresholds, is missing")
    refused(bench(eebench, "-a", "threshold=[[0.1, 0.2, 0.3]]"), "[axes] threshold, model particlenet: 3 thresholds")
    refused(bench(eebench, "-a", "batch=999"), "batch 999", "jets")
    refused(bench(eebench, "--effort", "hurried"), "'hurried'", "smoke")
    for threads in ("0", "100000"):
        refused(bench(eebench, "--threads", threads), f"--threads: Value {threads} not in range", "1024")
    replace(files / "suite.toml", "scenario", "scenarios")
    refused(bench(eebench), "suite.toml", "scenarios")
    (files / "suite.toml").write_text(SUITE.replace(WEIGHTS, "absent.h5"))
    refused(bench(eebench), "absent.h5")
    (files / "suite.toml").write_text(SUITE.replace(JETS, str(files / "jets.h5")))
    with h5py.File(files / "jets.h5", "r+") as file:
        del file["part_d0val"]
    refused(bench(eebench), "jets.h5", "'part_d0val'", "add the column")


@pytest.mark.parametrize("variable", ["SLURM_STEP_NUM_TASKS", "PMI_SIZE", "WORLD_SIZE"])
def test_processes_of_a_launcher_that_mpi_does_not_know(eebench, variable):
    """srun, Hydra, torchrun: each process would be rank 0 of 1, and all would write the same files."""
    end = eebench("list", "models", **{variable: "4"})
    assert end.code == 77 and f"{variable}=4, but MPI knows of this process alone" in end.err
    assert len(end.err.splitlines()) == 1
    assert eebench("list", "models", **{variable: "1"}).code == 0
    assert eebench("list", "models", ranks=2, **{variable: "2"}).code == 0


def test_files_that_are_none(eebench, files):
    (files / "folder.toml").mkdir()
    os.mkfifo(files / "pipe.toml")
    (files / "broken.toml").write_text('kind = "part"\n[network\n')
    for command in (["bench", "--suite"], ["profile"], ["train", "--data-train", JETS, "-o", "out", "--config"]):
        refused(eebench(*command, "none.toml"), "none.toml: no such file")
        refused(eebench(*command, "folder.toml"), "folder.toml: is a folder")
        refused(eebench(*command, "pipe.toml"), "pipe.toml: is a pipe")
        refused(eebench(*command, "broken.toml"), "broken.toml, line 2: not TOML", "correct that line")
    for name, reason in (("none.h5", "no such file"), ("folder.toml", "is a folder"), ("pipe.toml", "is a pipe")):
        refused(eebench("data", "info", name), f"{name}: {reason}")


def test_bench_output_and_thresholds(eebench, files):
    suite = ["bench", "--suite", "suite.toml"]
    refused(eebench(*suite, "-o", ""), "--output: name a folder")
    refused(eebench(*suite, "-o", "jets.h5"), "jets.h5", "choose another folder")
    refused(eebench(*suite, "-o", "jets.h5/below"), "jets.h5/below", "choose another folder")
    refused(eebench(*suite, "-o", "/proc/x"), "/proc/x", "choose another folder")
    refused(bench(eebench, "-a", "threshold=1.5"), "-a threshold=1.5", "from 0 to 1, not 1.5")
    refused(bench(eebench, "-a", "threshold=[0.5, -0.1]"), "from 0 to 1, not -0.1")
    refused(bench(eebench, "-a", "threshold=0.8:1.2:0.1"), "from 0 to 1, not 1.1")


def two_ranks(folder, first, second=None):
    """Each rank in a folder of its own, so that it sees other files under the same path."""
    start = [os.environ["EEBENCH_PROGRAM"], "bench", "--suite"]
    ranks = [["-n", "1", "--wdir", str(folder / name), *start, *map(str, more)]
             for name, more in (("a", first), ("b", second or first))]  # fmt: skip
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", *ranks[0], ":", *ranks[1]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("eebench: ")]


def test_ranks_that_see_different_files(files):
    for name in ("a", "b"):
        (files / name).mkdir()
        shutil.copy(JETS, files / name / "jets.h5")
        shutil.copy(WEIGHTS, files / name / "weights.h5")
        (files / name / "suite.toml").write_text(SUITE.replace(JETS, "jets.h5").replace(WEIGHTS, "weights.h5"))
    asked = ["suite.toml", "-o", files / "out"]

    def refused_for(*words):
        code, lines = two_ranks(files, asked)
        assert code == 2 and len(lines) == 1, lines
        for word in words:
            assert word in lines[0]

    replace(files / "b/suite.toml", "threshold = 0.7", "threshold = 0.6")
    refused_for("suite.toml: rank 1 on ", "has another one than")
    shutil.copy(files / "a/suite.toml", files / "b/suite.toml")
    with h5py.File(files / "b/jets.h5", "r+") as file:
        file["label"][0] = (file["label"][0] + 1) % 10
    refused_for("jets.h5: rank 1 on ", "has another one than")
    shutil.copy(JETS, files / "b/jets.h5")
    shutil.copy(SOURCE / "suites/assets/particlenet-lite.h5", files / "b/weights.h5")
    refused_for("weights.h5: rank 1 on ", "has another one than")
    code, lines = two_ranks(files, asked, [*asked, "-a", "jets=64"])
    assert code == 2 and ["command line: rank 1 on" in line for line in lines] == [True]


def gates(eebench, weights, data=JETS, *more):
    return eebench("gates", "--weights", weights, "--data", data, *more)


def test_gates(eebench, files):
    (files / "net.pt").write_bytes(b"")
    refused(gates(eebench, "net.pt"), "net.pt", "weights.h5 of eebench train")
    refused(gates(eebench, "none.h5"), "none.h5")
    refused(gates(eebench, JETS), "jets_test_250.h5", "weights")
    refused(gates(eebench, WEIGHTS, "none.h5"), "none.h5")
    refused(gates(eebench, WEIGHTS, str(SLICES / "toptag_200.h5")), "toptag_200.h5", "'top'")
    with h5py.File(files / "jets.h5", "r+") as file:
        file["offsets"][4] = file["offsets"][3]
    refused(gates(eebench, WEIGHTS, "jets.h5"), "jets.h5", "'offsets', index 4", "drop empty jets")


@pytest.mark.parametrize(
    "weights, words",
    [
        ("none", ["none: no such file", "check the path"]),
        ("none.pt", ["none.pt: no such file", "check the path"]),
        ("nowhere/none.h5", ["nowhere/none.h5: no such file", "check the path"]),
        (".", [".: is a folder", "name a file"]),
        ("text.h5", ["text.h5: not an HDF5 file", "copy it again"]),
        ("jets.h5", ["jets.h5: no group 'weights'", "give one that eebench train wrote"]),
        ("newer.h5", ["newer.h5: attribute 'format_version' is 2", "train again"]),
        ("", ["--weights: name a file"]),
    ],
)
def test_weights(eebench, files, weights, words):
    (files / "text.h5").write_text("weights\n")
    with h5py.File(files / "newer.h5", "w") as file:
        file.create_group("weights")
        file.attrs["format_version"] = 2
    given = ["--weights", weights, "--data", JETS]
    refused(eebench("gates", *given), *words)
    refused(eebench("predict", *given, "--model", "particlenet", "-o", "answers.h5"), *words)
    refused(eebench("profile", "particlenet", *given), *words)
    refused(train(eebench, "--weights", weights), *words)
    if weights:  # a suite's are relative to its folder
        (files / "suite.toml").write_text(SUITE.replace(WEIGHTS, weights))
        refused(bench(eebench), words[0].removeprefix("."), *words[1:])


def test_data_info(eebench, files):
    refused(eebench("data", "info", "none.h5"), "none.h5")
    refused(eebench("data", "info", "mine.toml"), "mine.toml")
    refused(eebench("data", "info"), "data info: ", "file is required")
    refused(eebench("data", "infos", "jets.h5"), "'infos'", "did you mean 'info'")
    refused(eebench("data", "info", WEIGHTS), "particlenet.h5", "no dataset 'offsets'", "convert it")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--outputs", "x"], ["unknown option '--outputs'", "did you mean '--output'"]),
        (["-o"], ["doctor: ", "--output"]),
        (["results"], ["results"]),
        (["--output=a", "--output=b"], ["--output"]),
        (["-o", "mine.toml"], ["mine.toml", "folder"]),
    ],
)
def test_doctor(eebench, files, arguments, words):
    refused(eebench("doctor", *arguments), *words)
