"""eebench profile: published totals, jets of a file, measurements, wrong input."""

import json
import os
from pathlib import Path

import pytest

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
JETS = SOURCE / "tests/data/jets_test_250.h5"
WEIGHTS = SOURCE / "suites/assets/particlenet.h5"
MEASURE = ["--data", JETS, "--batch", "16", "--limit", "40", "--repeat", "2"]


@pytest.mark.parametrize(
    "model, macs, parameters",
    [
        ("particlenet", "538.43 MMac", "370156 parameters (370.16 k)"),
        ("part", "341.56 MMac", "2143486 parameters (2.14 M)"),
        ("pfn", "4.62 MMac", "86154 parameters (86.15 k)"),
        ("p-cnn", "15.51 MMac", "354540 parameters (354.54 k)"),
    ],
)
def test_totals_are_those_that_weaver_prints(eebench, model, macs, parameters):
    end = eebench("profile", model, "--multiplicity", "128")
    assert end.code == 0 and end.err == ""
    assert f"{macs}, {parameters}." in end.out


def test_json_adds_up(eebench):
    end = eebench("profile", "particlenet", "--multiplicity", "40", "--json")
    assert end.code == 0
    profile = json.loads(end.out)
    assert profile["multiplicity"] == 40 and profile["jets"] == 0
    assert profile["without_early_heads"]["parameters"] == 370156
    for key in ("multiply_adds", "flops", "parameters"):
        assert sum(piece[key] for piece in profile["pieces"]) == pytest.approx(profile["exits"][-1][key])
    costs = [exit["multiply_adds"] for exit in profile["exits"]]
    assert costs == sorted(costs) and len(costs) == 3
    assert "measured" not in profile and "jets_per_second" not in profile


def test_jets_of_a_file_are_measured_with_random_and_trained_weights(eebench):
    end = eebench("profile", "particlenet", "--weights", WEIGHTS, *MEASURE, "--json")
    assert end.code == 0, end.err
    profile = json.loads(end.out)
    assert profile["jets"] == 32  # whole batches
    assert 20 < profile["multiplicity"] < 60
    assert [m["weights"] for m in profile["measured"]] == ["random", "trained"]
    assert len(profile["jets_per_second"]) == 2 and min(profile["jets_per_second"]) > 0
    for measured in profile["measured"]:
        plain, staged, leaving = (
            measured[run] for run in ("without_early_heads", "nobody_leaves", "leaving")
        )
        # What the operations counted is what the formula says.
        assert plain["multiply_adds"] == pytest.approx(
            profile["without_early_heads"]["multiply_adds"], rel=1e-12
        )
        assert staged["multiply_adds"] == pytest.approx(profile["exits"][-1]["multiply_adds"], rel=1e-12)
        assert staged["exit_fraction"] == pytest.approx([0, 0, 1])
        assert sum(leaving["exit_fraction"]) == pytest.approx(1)
        assert leaving["multiply_adds"] <= staged["multiply_adds"]
        for name in ("segment", "head"):
            assert all(min(seconds) > 0 for seconds in staged[f"{name}_seconds"])
            assert min(staged[f"{name}_peak_bytes"]) > 0
    random, trained = (m["leaving"]["exit_fraction"][0] for m in profile["measured"])
    assert random == 0 and trained > 0  # without training no exit is sure of anything


def test_weights_that_travel_along_are_measured_unless_others_are_named(eebench):
    profile = json.loads(eebench("profile", "particlenet", *MEASURE, "--json").out)
    assert [m["weights"] for m in profile["measured"]] == ["random", "trained"]
    assert profile["trained_weights"].endswith("assets/particlenet.h5")
    table = eebench("profile", "part-small", "--features", "kin", *MEASURE)
    assert "No trained weights; name some with --weights." in table.out and "time, trained" not in table.out


def test_training_is_timed_when_asked(eebench):
    end = eebench(
        "profile", "part-small", "--data", JETS, "--batch", "8", "--limit", "8", "--repeat", "1",
        "--train", "--json",
    )  # fmt: skip
    assert end.code == 0, end.err
    profile = json.loads(end.out)
    inference = profile["measured"][-1]["without_early_heads"]["jets_per_second"]
    assert len(profile["jets_per_second"]) == 1
    assert 0 < profile["jets_per_second"][0] < inference[0]


def test_the_table_is_printed_once_on_several_ranks(eebench):
    alone = eebench("profile", "part-small", "--multiplicity", "30")
    several = eebench("profile", "part-small", "--multiplicity", "30", ranks=2)
    assert several.code == 0
    assert several.out == alone.out
    assert "| all until exit 2 " in alone.out


def test_measurements_as_a_table(eebench):
    end = eebench("profile", "particlenet", "--weights", WEIGHTS, *MEASURE, ranks=2)
    assert end.code == 0, end.err
    assert "random weights" in end.err and "trained weights 100%" in end.err
    assert end.out.count("| stem, segment 0 |") == 1
    assert "2 ranks at the same time" in end.out
    assert "leaving at confidence 0.9" in end.out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["partikelnet"], "did you mean 'particlenet'"),
        (["part", "--multiplicity", "129"], "--multiplicity"),
        (["part", "--data", "none.h5"], "none.h5: no such file"),
        (["part", "--data", JETS, "--batch", "999", "--limit", "999"], "make no batch of 999"),
        (["part", "--data", JETS, "--threads", "0"], "--threads: Value 0 not in range 1 to 1024"),
        (["part", "--features", "kinn"], "unknown feature set 'kinn' (did you mean 'kin'?); there are: cifar10, full, kin"),
        (["part", "--batch", "8"], "--batch requires --data"),
        (["particlenet", "--weights", WEIGHTS], "--weights requires --data"),
        (["particlenet", "--features", "kin", "--weights", WEIGHTS, "--data", JETS], "particlenet.h5"),
        (["part", "--weights", JETS, "--data", JETS], "jets_test_250.h5"),
    ],
)
def test_wrong_input_is_one_line_and_2(eebench, arguments, message):
    for ranks in (0, 2):
        end = eebench("profile", *arguments, ranks=ranks)
        assert end.code == 2
        assert end.out == ""
        assert [message in line for line in end.error_lines()] == [True]
