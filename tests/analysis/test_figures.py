"""The arithmetic behind the figures, and what every figure must say about itself."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from campaign import write_campaign
from eebench_analysis import style
from eebench_analysis.exits import margin
from eebench_analysis.latency import bound, ecdf, mean_latency
from eebench_analysis.load import load, ok_points
from eebench_analysis.pareto import front, mixing_line
from eebench_analysis.points import by_threshold, mixed, select
from eebench_analysis.report import FIGURES
from eebench_analysis.style import log_ticks
from eebench_analysis.throughput import parts

matplotlib.use("Agg")


def test_front():
    cost = [1, 2, 3, 3, 4, np.nan]
    quality = [0.5, 0.7, 0.6, 0.8, 0.8, 0.9]
    assert list(front(cost, quality)) == [True, True, False, True, False, False]


def test_mixing_line_is_the_upper_hull():
    hull = mixing_line([3, 1, 2, 4, 2.5], [0.9, 0.5, 0.6, 0.85, 0.85])
    np.testing.assert_allclose(hull, [[1, 0.5], [2.5, 0.85], [3, 0.9]])


def one_point(time, jets):
    dims = ("exit", "sample")
    return xr.Dataset({"sample_answer_time": (dims, time), "sample_leaving": (dims, jets)})


def test_mean_latency_weighs_answers_by_jets():
    """Exit 0 answers 3 of 4 jets after 1 s, exit 1 the last after 5 s: mean 2 s in every batch."""
    time = np.array([[1.0] * 10, [5.0] * 10])
    jets = np.array([[3] * 10, [1] * 10])
    assert mean_latency(one_point(time, jets)) == pytest.approx((2.0, 2.0, 2.0))


def test_mean_latency_leaves_out_what_was_not_answered():
    time = np.array([[1.0, np.nan], [np.nan, 5.0]])
    jets = np.array([[4, -1], [-1, 4]])
    centre, low, high = mean_latency(one_point(time, jets))
    assert centre == pytest.approx(3.0)
    assert np.isnan(low) and np.isnan(high)  # two batches allow no interval


def test_mean_latency_interval_covers_the_true_mean():
    """About 95 % of 200 made-up measurements of 100 batches."""
    random = np.random.default_rng(8)
    covered = 0
    for trial in range(200):
        time = random.exponential(1.0, (1, 100))
        _, low, high = mean_latency(one_point(time, np.ones((1, 100), int)), seed=trial)
        covered += low <= 1.0 <= high
    assert 180 <= covered <= 199


def test_ecdf_counts_jets_not_batches():
    at, share = ecdf(np.array([[3.0, 1.0], [2.0, 9.0]]), np.array([[1, 2], [1, 0]]))
    np.testing.assert_allclose(at, [1, 2, 3])
    np.testing.assert_allclose(share, [0.5, 0.75, 1.0])


def test_widths_of_intervals():
    assert margin(100) == "9.6 points"
    assert bound(200) == pytest.approx(0.0960, abs=1e-4)
    assert bound(1) == 1.0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return load(write_campaign(tmp_path_factory.mktemp("campaign")))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_states_its_conditions(data, name):
    fig = FIGURES[name][0](data)
    note = " ".join(text.get_text().replace("\n", " ") for text in fig.texts)
    assert "OVERSUBSCRIBED" in note and "Test CPU" in note
    assert "effort quick (not official)" in note
    assert "replayed" in note or "measured" in note
    assert "95 %" in note
    legends = [axis.get_legend() for axis in fig.axes if axis.get_legend()]
    sizes = note + " ".join(text.get_text() for legend in legends for text in legend.get_texts())
    sizes += " ".join(axis.get_title() for axis in fig.axes)
    assert "jets" in sizes or "batches" in sizes
    for axis in fig.axes:
        if axis.get_label() == "<colorbar>":
            assert axis.get_ylabel()
            continue
        assert axis.get_xlabel() and axis.get_title()
        if "latency" in axis.get_xlabel():
            assert "[ms]" in axis.get_xlabel()
    plt.close(fig)


def legend_of(fig):
    (legend,) = fig.legends
    return texts(legend)


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("name", ["accuracy_multiply_adds", "accuracy_latency"])
def test_a_rule_of_one_panel_alone_is_in_the_legend(data, name):
    points = ok_points(data)
    first = points["model"].values == "particlenet"
    fig = FIGURES[name][0](points.isel(point=~(first & (points["rule"].values == "entropy"))))
    assert {"confidence", "entropy", "fixed exits"} <= set(legend_of(fig))
    plt.close(fig)


@pytest.mark.parametrize("name", ["latency", "latency_exit"])
def test_percentiles_lie_on_their_curve(data, name):
    fig = FIGURES[name][0](data)
    found = 0
    for axis in fig.axes:
        curves = {line.get_color(): line.get_xydata() for line in axis.lines if len(line.get_xdata()) > 1}
        for line in axis.lines:
            if len(line.get_xdata()) == 1:
                found += 1
                (at, share), steps = line.get_xydata()[0], curves[line.get_color()]
                assert steps[steps[:, 0] < at][:, 1].max(initial=0) < share <= steps[steps[:, 0] <= at][:, 1].max()
    assert found > 4
    assert {"p50", "p90", "p99"} <= set(legend_of(fig))
    plt.close(fig)


@pytest.mark.parametrize("low, high", [(40, 45), (50, 95), (3, 40), (0.05, 50), (0.02, 3000)])
def test_labels_of_a_logarithmic_axis_are_several_and_apart(low, high):
    fig, axis = plt.subplots(figsize=(4.6, 3.6))
    axis.plot([low, high], [0, 1])
    log_ticks(axis)
    fig.canvas.draw()
    ends = axis.get_window_extent()
    boxes = [label.get_window_extent() for label in axis.get_xticklabels() if label.get_text()]
    boxes = sorted((box for box in boxes if ends.x0 <= (box.x0 + box.x1) / 2 <= ends.x1), key=lambda box: box.x0)
    assert len(boxes) >= 3
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:]))
    plt.close(fig)


def test_thresholds_at_which_all_jets_leave_at_one_exit_are_not_picked(data):
    points = select(ok_points(data), model="particlenet", rule="confidence", batch=1)
    points["exit_fraction"][-2:] = [1.0, 0.0, 0.0, np.nan]
    assert mixed(points).sizes["point"] == points.sizes["point"] - 2
    points["exit_fraction"][:] = [1.0, 0.0, 0.0, np.nan]
    assert mixed(points).sizes["point"] == points.sizes["point"]


@pytest.mark.parametrize("rules", [["confidence"], ["confidence", "entropy"]])
def test_rules_with_thresholds_for_each_exit_alone_still_draw(data, rules):
    shared = np.where(np.isin(data["rule"].values, rules), np.nan, data["threshold"].values)
    changed = data.assign(threshold=("point", shared))
    for draw, *_ in FIGURES.values():
        fig = draw(changed)
        ticks = [label.get_text() for axis in fig.axes for label in axis.get_xticklabels()]
        assert not any("nan" in text for text in [*ticks, *(text for legend in fig.legends for text in texts(legend))])
        plt.close(fig)


def test_drawing_leaves_the_callers_style_alone(data):
    before = dict(matplotlib.rcParams)
    for draw, _ in FIGURES.values():
        plt.close(draw(data))
    assert dict(matplotlib.rcParams) == before


def test_failed_points_are_not_drawn(tmp_path):
    data = load(write_campaign(tmp_path))
    data["accuracy"][-2] = 7.0
    fig = FIGURES["accuracy_multiply_adds"][0](data)
    assert all(axis.get_ylim()[1] < 1.0 for axis in fig.axes)
    plt.close(fig)


def test_one_network_without_rules_still_draws(tmp_path):
    data = load(write_campaign(tmp_path))
    lone = select(select(data, model="particlenet"), rule="full")
    for draw, _ in FIGURES.values():
        plt.close(draw(lone))


def test_an_exit_that_nobody_takes_is_not_in_the_time_of_a_batch(data):
    row = select(ok_points(data), model="particlenet", rule="full", batch=64).isel(point=0)
    row["segment_time"][:], row["head_time"][:] = [0.5, 0.25, 0.125, np.nan], [np.nan, np.nan, 0.0625, np.nan]
    assert parts(row.assign(compact_time=0.03125)) == [0.875, 0.0625, 0.03125]


def heights(axis, marker):
    """Of the marks of one kind, by place."""
    lines = [line for line in axis.lines if line.get_marker() == marker]
    return {float(x): float(y) for line in lines for x, y in zip(*line.get_data()) if np.isfinite(y)}


def test_a_threshold_for_each_exit_is_drawn_where_there_is_no_other(data):
    own = data.copy(deep=True)
    ruled = ~np.isin(own["rule"].values, ("full", "fixed"))
    own["threshold"][ruled] = np.nan
    own["thresholds"][ruled, 0] -= 0.1
    for name in ("exit_fractions", "exit_fractions_multiplicity", "latency", "latency_exit"):
        fig = FIGURES[name][0](own)
        drawn = [axis for axis in fig.axes if axis.patches or len(axis.lines) > 1]
        assert drawn, name
        plt.close(fig)
    fig = FIGURES["exit_fractions"][0](own)
    axis = next(axis for axis in fig.axes if axis.get_title() == "particlenet: entropy")
    labels = [tick.get_text() for tick in axis.get_xticklabels()]
    assert labels and all(len(label.split()) == 2 for label in labels)
    plt.close(fig)


def test_throughput_stands_at_its_batch(data):
    fig = FIGURES["throughput"][0](data)
    axis = next(axis for axis in fig.axes if axis.get_title() == "part-small, offline")
    (at, shown), *others = heights(axis, "*").items()
    row = select(ok_points(data), model="part-small", scenario="offline", rule="full").isel(point=0)
    assert others == [] and shown == pytest.approx(float(row["throughput"]))
    assert axis.get_xticklabels()[round(at)].get_text() == "64" and "[jets/s]" in axis.get_ylabel()
    plt.close(fig)


def test_risk_is_what_accuracy_leaves(data):
    fig = FIGURES["risk"][0](data)
    axis = next(axis for axis in fig.axes if axis.get_title() == "particlenet: entropy")
    points = by_threshold(select(ok_points(data), model="particlenet", batch=1), "entropy")
    threshold = points["threshold"].values
    for marker, values in (
        ("*", 1 - points["accuracy"].values),
        ("o", 1 - points["exit_accuracy"].values[:, 0]),
        ("x", points["calibration_error"].values),
    ):
        shown = heights(axis, marker)
        for at, value in zip(threshold, values):
            assert np.isnan(value) or shown[at] == pytest.approx(value)
    assert not heights(axis, style.MARKERS[3])  # it has three exits
    plt.close(fig)
