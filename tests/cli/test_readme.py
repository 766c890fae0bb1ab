"""What the README shows: of its commands the options and files exist; a suite of one's own runs as written."""

import csv
import os
import re
import shlex
import subprocess
from pathlib import Path

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
README = (SOURCE / "README.md").read_text()


def commands_with(word):
    """Lines of shell that hold the word, continued ones joined."""
    shell = re.sub(r" *\\\n *", " ", README)
    return [line.strip() for line in shell.splitlines() if re.match(rf"    (mpirun|eebench) .*{word}", line)]


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


def test_a_suite_of_ones_own(tmp_path):
    (suite,) = re.findall(r'^    name = "mine"\n(?:    .*\n|\n)+', README, re.MULTILINE)
    (tmp_path / "my.toml").write_text(suite)
    (tmp_path / "suites").symlink_to(SOURCE / "suites")
    train, gates = commands_with("runs/first")
    (bench,) = commands_with("my.toml")
    path = f"{Path(os.environ['EEBENCH_PROGRAM']).parent}{os.pathsep}{os.environ['PATH']}"
    for command in (train, gates, f"{bench} --effort smoke"):
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    with open(tmp_path / "runs/mine/summary.csv", newline="") as file:
        points = list(csv.DictReader(file))
    assert {point["state"] for point in points} == {"ok"} and {point["jets"] for point in points} == {"2500"}
    for rule in ("confidence", "learned"):
        of_rule = [point for point in points if point["rule"] == rule]
        settings = {(point["threshold"], point["batch"]) for point in of_rule}
        assert len(settings) == len(of_rule) == 6  # three thresholds, two batches
