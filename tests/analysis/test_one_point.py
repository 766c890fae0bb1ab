"""What is said about one point."""

import numpy as np
import pytest
from conftest import ROOT
from eebench_analysis import one_point
from eebench_analysis.__main__ import main
from eebench_analysis.errors import InputError
from eebench_analysis.load import load, ok_points
from eebench_analysis.noise import FEWEST, median_interval

TASK = ROOT / "tests/analysis/data/task_1.5.h5"


@pytest.fixture
def data():
    return load(TASK)


def test_medians_and_their_intervals_are_those_of_the_file():
    data = ok_points(load(ROOT / "results/example"))
    checked = 0
    for index in range(data.sizes["point"]):
        row = data.isel(point=index)
        known = one_point.describe(data, index)
        assert len(known["samples"]) <= known["batches"]
        if len(known["samples"]) == known["batches"]:  # else the file's are of more than it stores
            np.testing.assert_allclose(known["median"], row["batch_time"], rtol=1e-6)
            if known["batches"] >= FEWEST:
                np.testing.assert_allclose(known["median_interval"][95], (row["batch_time_ci_low"], row["batch_time_ci_high"]), rtol=1e-6)
                checked += 1
    assert checked > 10
    random = np.random.default_rng(3)
    samples = random.lognormal(0, 0.1, 200)
    widths = [np.diff(median_interval(samples, level))[0] for level in one_point.LEVELS]
    assert widths == sorted(widths) and widths[0] > 0


def test_intervals_of_the_mean_hold_it_as_often_as_they_say():
    random = np.random.default_rng(5)
    held = [low <= 1 <= high for low, high in (one_point.mean_interval(random.exponential(1, 60), 90) for _ in range(200))]
    assert 0.8 < np.mean(held) < 0.97
    assert np.isnan(one_point.mean_interval(np.ones(7), 95)).all()


def test_a_point_is_printed_with_all_levels(data, capsys):
    assert main(["point", str(TASK), "3"]) == 0
    out = capsys.readouterr().out
    for level in one_point.LEVELS:
        assert f"median, {level} % interval" in out and f"mean, {level} % interval" in out
    assert "older than format 1.6" in out


def test_of_fixed_exits_it_says_which(data):
    (fixed,) = np.flatnonzero(data["rule"].values == "fixed")[:1]
    assert one_point.describe(data, fixed)["rule"] == f"fixed exit {int(data['fixed_exit'][fixed])}"


def test_points_that_are_not_there_are_refused(data, capsys):
    with pytest.raises(InputError, match="no point 24; points are 0 to 23"):
        one_point.describe(data, 24)
    assert main(["point", str(TASK), "-1"]) == 2
    assert main(["point", "nowhere", "0"]) == 2
    assert "nowhere" in capsys.readouterr().err
