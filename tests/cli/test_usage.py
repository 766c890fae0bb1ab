"""Help, version, lists and usage errors: without mpirun, and once under it."""

import json
import os
import subprocess

import pytest

COMMANDS = [
    "bench", "compare", "data", "deploy", "doctor", "gates", "list", "merge", "plan", "predict", "profile", "quantize",
    "scale", "status", "train", "validate",
]
KINDS = ["models", "rules", "losses", "optimisers", "schedules", "suites", "metrics", "quantizers"]


def test_help_names_every_command_and_the_default(eebench):
    end = eebench("--help")
    assert end.code == 0 and end.err == ""
    for command in COMMANDS:
        assert f"\n  {command} " in end.out
    assert "eebench bench --suite quickstart" in end.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(eebench, command):
    end = eebench(command, "--help")
    assert end.code == 0 and end.err == ""
    assert f"Usage: eebench {command}" in end.out


def test_help_shows_defaults(eebench):
    assert "--output TEXT=results" in eebench("doctor", "--help").out


def test_version_is_a_provenance_block(eebench):
    lines = dict(line.split(None, 1) for line in eebench("--version").out.splitlines())
    assert list(lines) == ["eebench", "git", "compiler", "build", "LibTorch", "MPI", "HDF5"]


@pytest.mark.parametrize("kind", KINDS)
def test_lists_have_a_name_and_a_sentence_per_line(eebench, kind):
    end = eebench("list", kind)
    assert end.code == 0 and end.err == ""
    rows = json.loads(eebench("list", kind, "--json").out)
    assert rows and all(row["name"] and row["sentence"] for row in rows)
    assert [line.split()[0] for line in end.out.splitlines()] == [row["name"] for row in rows]
    assert len({row["name"] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["lsit"], "unknown command 'lsit' in eebench (did you mean 'list'?)"),
        (["nosuch"], "scale, doctor, project\n"),
        (["projct"], "unknown command 'projct' in eebench (did you mean 'project'?)"),
        (["list", "rulez"], "unknown kind 'rulez' in eebench list (did you mean 'rules'?)"),
        (["list", "rules", "--jsn"], "unknown option '--jsn' in eebench list (did you mean '--json'?)"),
        (["doctor", "--outpt=x"], "unknown option '--outpt' in eebench doctor (did you mean '--output'?)"),
        (["list", "--jsn"], "unknown option '--jsn' in eebench list (did you mean '--json'?)"),
        (["list"], "eebench: list: kind is required (see eebench list --help)"),
        (["data", "info"], "eebench: data info: file is required (see eebench data info --help)"),
        (["doctor", "-o"], "eebench: doctor: "),
        (["doctor", "-o", ""], "--output: name a folder"),
        (["data", "info", "/nonexistent.h5"], "/nonexistent.h5"),
    ],
)
def test_wrong_usage_is_one_line_and_2(eebench, arguments, message):
    end = eebench(*arguments)
    assert end.code == 2
    assert end.out == ""
    assert message in end.err
    assert len(end.err.splitlines()) == 1


def test_nothing_is_printed_twice_under_mpirun(eebench):
    for arguments in (["--help"], ["--version"], ["list", "rules"]):
        end = eebench(*arguments, ranks=3)
        assert end.code == 0
        assert end.out == eebench(*arguments).out
    end = eebench("lsit", ranks=3)
    assert end.code == 2
    assert len(end.error_lines()) == 1


def test_suites_and_models_are_those_of_the_share_folder(eebench, tmp_path):
    end = eebench("list", "suites", EEBENCH_SHARE=str(tmp_path / "no"))
    assert end.code == 0  # falls back to those of the source tree
    assert "quickstart" in end.out


def test_projects_are_those_of_the_python_package(eebench, tmp_path):
    """With the Python that is first on PATH, and never inside of MPI."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    python.write_text('#!/bin/sh\necho "$@"; exit 5\n')
    python.chmod(0o755)
    end = eebench("project", "new", "a work", "--model", "part", PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert (end.code, end.out) == (5, "-m eebench_analysis project new a work --model part\n")
    end = eebench("project", "chain", "w", "p", ranks=1)
    assert end.code == 2 and "call it without mpirun" in end.err
    python.unlink()
    end = eebench("project", PATH=f"{tmp_path}/bin")
    assert end.code == 77 and end.err.count("\n") == 1 and "environment.sh" in end.err


def test_a_standard_output_that_is_full_is_no_success():
    for arguments in (["list", "models"], ["profile", "pfn", "--json"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([os.environ["EEBENCH_PROGRAM"], *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
        lines = [line for line in done.stderr.splitlines() if line.startswith("eebench: ")]
        assert done.returncode == 74 and len(lines) == 1 and "standard output cannot be written to" in lines[0], done.stderr
