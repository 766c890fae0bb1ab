"""What pages show: of the README's commands the options and files exist; a suite of one's own and a recipe run as written."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
from images import write_cifar

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
README = (SOURCE / "README.md").read_text()


def commands_with(word):
    """Lines of shell that hold the word, continued ones joined."""
    shell = re.sub(r" *\\\n *", " ", README)
    return [line.strip() for line in shell.splitlines() if re.match(rf"    (mpirun|eebench) .*{word}", line)]


def run_as_written(command, folder):
    """With the program and the Python of the test on PATH; what it printed."""
    programs = Path(os.environ["EEBENCH_PROGRAM"]).parent, Path(sys.executable).parent
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_options_and_files_of_its_commands_exist(eebench):
    options, files, described = 0, 0, {}
    for line in commands_with(" "):
        words = shlex.split(line, comments=True)
        command, *rest = words[words.index("eebench") + 1 :] or ["bench"]
        if command not in described:
            described[command] = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", eebench(command, "--help").out)
        for word in rest:
            if word.startswith("-"):
                assert word in described[command], line
                options += 1
            elif word.startswith(("suites/", "configs/")):
                assert (SOURCE / word).is_file(), line
                files += 1
    assert options > 30 and files > 4


def test_commands_of_python_exist():
    """Of the README and the page of analysis/, also within sentences: each command and its options stand in its --help."""
    pages = re.sub(r" *\\\n *", " ", README + (SOURCE / "analysis/README.md").read_text())
    lines = re.findall(r"(?:^    |`)(?:python -m eebench_analysis|eebench (?=project)) (\w[^`\n]*)", pages, re.MULTILINE)
    lines = [line for line in lines if "..." not in line.split()[:2]]
    described = {}
    for line in lines:
        words = shlex.split(re.sub(r"[\[\]]|\\\|\S*", "", line), comments=True)  # without brackets and `|onnx` of tables
        command = tuple(words[:2] if words[0] == "project" else words[:1])
        if command not in described:
            called = [sys.executable, "-m", "eebench_analysis", *command, "--help"]
            done = subprocess.run(called, capture_output=True, text=True)
            assert done.returncode == 0, line
            described[command] = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout))
        for option in (word for word in words if word.startswith("-")):
            assert option in described[command], line
    assert len(lines) > 30 and len(described) > 12


def test_a_suite_of_ones_own(tmp_path):
    (suite,) = re.findall(r'^    name = "mine"\n(?:    .*\n|\n)+', README, re.MULTILINE)
    (tmp_path / "my.toml").write_text(suite)
    (tmp_path / "suites").symlink_to(SOURCE / "suites")
    train, gates = commands_with("runs/first")
    (bench,) = commands_with("my.toml")
    for command in (train, gates, f"{bench} --effort smoke"):
        run_as_written(command, tmp_path)
    with open(tmp_path / "runs/mine/summary.csv", newline="") as file:
        points = list(csv.DictReader(file))
    assert {point["state"] for point in points} == {"ok"} and {point["jets"] for point in points} == {"2500"}
    for rule in ("confidence", "learned"):
        of_rule = [point for point in points if point["rule"] == rule]
        settings = {(point["threshold"], point["batch"]) for point in of_rule}
        assert len(settings) == len(of_rule) == 6  # three thresholds, two batches


def commands_of_recipe(beginning):
    """Of the page of recipes: the commands below the line that begins so."""
    page = (SOURCE / "configs/recipes/README.md").read_text()
    (block,) = re.findall(rf"^{beginning} .*\n\n((?:    .*\n)+)", page, re.MULTILINE)
    return [line.strip() for line in block.splitlines()]


def test_the_recipe_of_pelican_nano(tmp_path):
    for shared in ("configs", "tests"):
        (tmp_path / shared).symlink_to(SOURCE / shared)
    (tmp_path / "runs").mkdir()
    commands = commands_of_recipe("PELICAN nano")
    assert [re.search(r"(convert|train|predict|metrics) ", line)[1] for line in commands] == [
        "convert", "train", "predict", "metrics",
    ]  # fmt: skip
    for command in commands:
        run_as_written(command, tmp_path)
    with open(tmp_path / "runs/nano.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["AUC"]) > 0.8 and float(row["BgRejectionAt0.3"]) > 1


def test_the_recipe_of_vgg19(tmp_path):
    """At full width, with two steps for a hundred and images of noise for those that the first command fetches."""
    (tmp_path / "configs").symlink_to(SOURCE / "configs")
    images = tmp_path / "cifar/cifar-10-binary/cifar-10-batches-bin"
    images.mkdir(parents=True)
    write_cifar(images / "data_batch_1.bin", 64)
    write_cifar(images / "test_batch.bin", 20)
    fetch, train, *rest = commands_of_recipe("VGG-19")
    assert " fetch cifar10 -o cifar" in fetch and " --steps 100 " in train
    for command in (train.replace("--steps 100", "--steps 2"), *rest):
        told = run_as_written(command, tmp_path)
    assert "left there by confidence at [0.5, 0.5]" in told
    with h5py.File(tmp_path / "runs/vgg.h5") as file:
        assert file["logits"].shape == (20, 10)
