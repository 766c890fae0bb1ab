"""Drift is told from what batches differ by, and intervals are those of the program."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from campaign import write_campaign
from conftest import ROOT
from eebench_analysis.latency import distributions
from eebench_analysis.load import load, ok_points
from eebench_analysis.noise import block_medians, drift, drift_within_points, in_run_order, median_interval
from eebench_analysis.noise import processes_apart, ranks_apart, relative_times
from eebench_analysis.points import one_job


def point_of(time, batches, batch=4, ranks=2):
    """`batches` of `batch` jets on each rank, again and again."""
    return xr.Dataset(
        {
            "sample_time": ("sample", np.append(time, [np.nan] * 3)),
            "jets_run": batches * batch * ranks - 1,
            "batch": batch,
            "rank": np.arange(ranks),
        }
    )


def test_batches_that_differ_are_no_drift():
    passes = np.tile([1.0, 5.0, 2.0], 20)
    np.testing.assert_array_equal(relative_times(point_of(passes, 3)), np.ones(60))
    assert drift(relative_times(point_of(passes, 3))) == (1, 1, 1)


def test_a_step_is_drift_and_a_broken_pass_is_left_out():
    passes = np.append(np.concatenate([np.tile([1.0, 5.0, 2.0], 10), 1.1 * np.tile([1.0, 5.0, 2.0], 10)]), 9.0)
    run = relative_times(point_of(passes, 3))
    assert len(run) == 60
    centre, low, high = drift(run)
    assert (centre, low, high) == pytest.approx((1.1, 1.1, 1.1))
    blocks = block_medians(run)
    assert len(blocks) == 16 and blocks[-1] / blocks[0] == pytest.approx(1.1)


def test_a_pass_is_that_of_the_point_s_own_ranks():
    """Beside a job of more ranks, whose dimension both have, a small job's run is what it is alone."""
    passes = np.tile([1.0, 5.0, 2.0], 20)
    small = point_of(passes, 3, ranks=1).assign(ranks=1).pad(rank=(0, 2))
    np.testing.assert_array_equal(relative_times(small), np.ones(60))


def test_a_pass_of_each_job_of_the_example():
    """Points of 1, 2 and 3 ranks in one dataset are read as in the files of their own jobs."""
    together = ok_points(load(ROOT / "results/example"))
    alone = [ok_points(load(ROOT / f"results/example/tasks/{task:04d}/task.h5")) for task in range(3)]
    assert sorted(set(together["ranks"].values)) == [1, 2, 3]
    own = [relative_times(points.isel(point=index)) for points in alone for index in range(points.sizes["point"])]
    assert len(own) == together.sizes["point"] and max(map(len, own)) > 16
    for index, run in enumerate(own):
        np.testing.assert_array_equal(relative_times(together.isel(point=index)), run)


def test_one_pass_says_nothing_about_drift():
    run = relative_times(point_of(np.arange(1.0, 6.0), 3))
    assert len(run) == 0 and np.isnan(block_medians(run)).all() and np.isnan(drift(run)).all()


def test_intervals_of_drift_cover_none_that_is_there():
    """Two 95 % intervals at once: no drift is found where there is none, in 200 made-up runs of 64 batches, but for a few."""
    random = np.random.default_rng(3)
    found = 0
    for _ in range(200):
        _, low, high = drift(random.lognormal(0, 0.1, 64))
        found += low > 1 or high < 1
    assert found <= 4


def test_median_interval():
    np.testing.assert_array_equal(median_interval(np.arange(100, 0, -1)), (40, 61))
    assert np.isnan(median_interval(np.arange(7))).all()


def test_median_interval_is_the_one_in_the_file():
    """Of points whose batches the file keeps all."""
    points = ok_points(load(ROOT / "results/example"))
    kept = np.isfinite(points["sample_time"].values).sum(axis=1)
    whole = points.isel(point=np.flatnonzero(kept == points["n_samples"].values))
    assert whole.sizes["point"] > 10
    for index in range(whole.sizes["point"]):
        row = whole.isel(point=index)
        time = row["sample_time"].values
        expected = [float(row["batch_time_ci_low"]), float(row["batch_time_ci_high"])]
        np.testing.assert_allclose(median_interval(time[np.isfinite(time)]), expected, rtol=1e-6)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return load(write_campaign(tmp_path_factory.mktemp("noise")))


def test_points_come_in_the_order_of_the_journal(data):
    points = ok_points(data)
    np.testing.assert_array_equal(in_run_order(points)["point_id"].values, points["point_id"].values[::-1])


def test_the_heat_map_of_ranks_is_around_their_median(data):
    fig = ranks_apart(data)
    axis, _ = fig.axes
    (image,) = axis.images
    np.testing.assert_allclose(image.get_array(), np.tile([0.9 / 0.95, 1, 1 / 0.95], (52, 1)))
    plt.close(fig)


def test_one_rank_is_compared_with_none(data):
    fig = ranks_apart(data.isel(rank=[0]))
    (axis,) = fig.axes
    assert not axis.images and "no other" in axis.get_title()
    plt.close(fig)


def test_processes_are_compared_point_by_point(data):
    """The second process of three was slower by half; the points of the third come in another order."""
    parts = []
    for repeat, factor in enumerate((1.0, 1.5, 1.0)):
        part = ok_points(data).assign(batch_time=factor * ok_points(data)["batch_time"])
        part = part.assign(repeat=("point", np.full(part.sizes["point"], repeat)))
        parts.append(part.isel(point=slice(None, None, -1 if repeat == 2 else 1)))
    both = xr.concat(parts, "point", data_vars="minimal", coords="minimal", compat="override")
    fig = processes_apart(both)
    np.testing.assert_allclose(fig.axes[0].images[0].get_array(), np.tile([1, 1.5, 1], (52, 1)))
    assert fig.axes[0].get_title() == "3 processes"
    assert "fastest process 50 %" in " ".join(text.get_text().replace("\n", " ") for text in fig.texts)
    plt.close(fig)
    fig = distributions(both)
    assert "in the first of 3 processes" in " ".join(text.get_text().replace("\n", " ") for text in fig.texts)
    plt.close(fig)
    assert one_job(both).sizes["point"] == 52 and one_job(data) is data


def test_points_that_drifted_are_counted(data):
    drifting = ok_points(data)
    time = np.repeat([1.0, 1.5], 20)
    drifting["sample_time"][:] = np.ones(40)
    drifting["sample_time"][:3] = time
    fig = drift_within_points(drifting.assign(jets_run=("point", 3 * drifting["batch"].values)))
    assert fig.axes[1].get_title().startswith("3 of 52 points moved")
    plt.close(fig)
