"""eebench scale: rank counts that need not be powers of two, parts that add up, exact sums, wrong options."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray
from jobs import CONFIG

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
JETS = SOURCE / "tests/data/jets_test_250.h5"
QUICK = ("--rounds", "3", "--steps", "3")
EVERY = "1,2,3,4,5,6,7,8"


@pytest.fixture
def scale(eebench, tmp_path):
    """Runs and opens what it wrote."""
    (tmp_path / "tiny.toml").write_text(CONFIG)

    def run(*arguments, ranks=3):
        end = eebench("scale", *arguments, *QUICK, "-o", "out.h5", ranks=ranks)
        assert end.code == 0, end.err
        with xarray.open_dataset(tmp_path / "out.h5", engine="h5netcdf") as file:
            return end, file.load()

    return run


def check_times(file):
    parts = file.input_time + file.compute_time + file.communication_time + file.wait_time
    for point, ranks in enumerate(file.ranks.values.astype(int)):
        whole = float(file.sample_step_time[point].mean())
        np.testing.assert_allclose(parts[point, :ranks], whole, rtol=1e-9)
        assert np.isnan(parts[point, ranks:]).all()
        assert float(file.step_time[point]) == np.median(file.sample_step_time[point])
    assert (file.step_time > 0).all() and (file.compute_time[:, 0] > 0).all()
    base = file.throughput[0] / file.ranks[0]
    np.testing.assert_allclose(file.efficiency, file.throughput / file.ranks / base)
    assert (file.speed_up_ci_low <= file.speed_up + 1e-12).all() and (file.speed_up <= file.speed_up_ci_high + 1e-12).all()
    for variable in file.data_vars.values():
        assert {"units", "long_name", "mark"} <= variable.attrs.keys()


@pytest.mark.parametrize("mode", ["strong", "weak"])
def test_training_over_every_number_of_ranks(scale, mode):
    end, file = scale("--model", "tiny.toml", "--data", str(JETS), "--jets", "30", "--mode", mode, "--ranks", "1,2,3")
    assert list(file.ranks) == [1, 2, 3]
    assert list(file.jets) == ([30, 30, 30] if mode == "strong" else [30, 60, 90])
    check_times(file)
    assert (file.bytes > 1000).all()  # at least the gradients
    assert float(file.communication_time[0, 0]) == 0 and (file.communication_time[1:, 0] > 0).all()
    assert file.attrs["stage"] == "train" and file.attrs["mode"] == mode
    assert file.attrs["known_step_told"] >= file.attrs["known_step_time"] > 0
    assert set(file.step_time.attrs["mark"].split()) == {"measured"}
    assert "| ranks |" in end.out and "out.h5" in end.out


def test_inference_counts_who_goes_on(scale):
    weights = SOURCE / "suites/assets/particlenet.h5"
    _, file = scale(
        "--stage", "infer", "--weights", str(weights), "--data", str(JETS), "--jets", "60", "--batch", "16",
        "--rule", "confidence", "--threshold", "0.8", "--ranks", "1,3",
    )  # fmt: skip
    check_times(file)
    assert (file.input_time[:, 0] > 0).all()
    read = file.read_bytes.sum("rank")
    assert (read > 60 * 4 * 4).all() and (read < 10 * JETS.stat().st_size).all()  # four-vectors at least
    whole = file.entered[0, 0]
    assert whole[0] == 60 and whole[0] > whole[1] > whole[2] > 0
    np.testing.assert_array_equal(file.entered[1].sum("rank"), whole)  # the same jets leave, whoever has them


def test_emulated_ranks_say_so(scale):
    _, file = scale("--model", "tiny.toml", "--data", str(JETS), "--jets", "40", "--emulate", "--ranks", EVERY, ranks=8)
    assert list(file.ranks) == list(range(1, 9))
    check_times(file)
    assert file.step_time.attrs["mark"] == "emulated" and not file.oversubscribed.any()


@pytest.mark.parametrize("sizes, most", [((4, 12, 4096, 1000000), 3), ((12,), 8)])
def test_sums_of_every_size_are_exact(scale, sizes, most):
    counts = range(2, most + 1)
    given = ("--sizes", ",".join(map(str, sizes)), "--ranks", ",".join(map(str, counts)))
    _, file = scale("--stage", "allreduce", *given, ranks=most)
    assert [(int(n), int(b)) for n, b in zip(file.ranks, file.bytes)] == [(n, b) for b in sizes for n in counts]
    np.testing.assert_allclose(file.algorithm_bandwidth, file.bytes / file.step_time)
    np.testing.assert_allclose(file.bus_bandwidth, file.algorithm_bandwidth * 2 * (file.ranks - 1) / file.ranks)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--ranks", "1,4"], "--ranks 1,4 must rise from 1 or more to at most the 2 ranks"),
        (["--ranks", "2,1"], "--ranks 2,1 must rise"),
        (["--stage", "allreduce", "--ranks", "1"], "--ranks 1 must rise from 2 or more"),
        (["--stage", "infer"], "--stage infer needs a network"),
        (["--model", "tiny.toml"], "needs a network, --model or --weights, and --data"),
        (["--model", "tiny.toml", "--data", "none.h5"], "none.h5: no such file"),
        (["--model", "tiny.toml", "--data", str(JETS), "--jets", "9999"], "its 250 jets are less than the 9999 of a step"),
        (["--model", "tiny.toml", "--data", str(JETS), "--jets", "1"], "global batch"),
        (["--stage", "infer", "--model", "tiny.toml", "--data", str(JETS), "--mode", "weak"], "give fewer --jets"),
        (["--stage", "infer", "--model", "tiny.toml", "--data", str(JETS), "--emulate"], "--emulate"),
        (["--model", "tiny.toml", "--data", str(JETS), "--rule", "margin", "--threshold", "0.5"], "add --stage infer"),
        (["--rule", "", "--threshold", "0.5"], "--rule: name a rule"),
        (["--stage", "allreduce", "--seed", "18446744073709551615"], "--seed"),
        (["--stage", "allreduce", "--sizes", "3"], "--sizes"),
    ],
)
def test_wrong_options_are_refused(eebench, tmp_path, arguments, words):
    (tmp_path / "tiny.toml").write_text(CONFIG)
    end = eebench("scale", "-o", "out.h5", *arguments, ranks=2)
    assert end.code == 2, end.err
    (line,) = (line for line in end.err.splitlines() if line.startswith("eebench: "))
    assert words in line
    assert not (tmp_path / "out.h5").exists()
