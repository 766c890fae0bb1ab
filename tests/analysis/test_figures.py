"""The arithmetic behind the figures, and what every figure must say about itself."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from campaign import write_campaign
from conftest import ROOT
from eebench_analysis.__main__ import main
from eebench_analysis.exits import margin
from eebench_analysis.latency import bound, ecdf, mean_latency
from eebench_analysis.load import load, ok_points
from eebench_analysis.pareto import front, mixing_line
from eebench_analysis.points import given, mixed, select
from eebench_analysis.report import FIGURES, rule_text, table, thresholds_text
from eebench_analysis.style import log_ticks

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
        assert axis.get_xlabel() and axis.get_title()
        if "latency" in axis.get_xlabel():
            assert "[ms]" in axis.get_xlabel()
    plt.close(fig)


def legend_of(fig):
    (legend,) = fig.legends
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
        plt.close(draw(changed))


def test_files_of_the_first_format_still_draw(data):
    old = data.drop_vars([name for name in data if name.startswith("accuracy_loss") or name == "selection"])
    assert given(old) is old
    for draw, _ in FIGURES.values():
        plt.close(draw(old))


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


def test_table_has_baselines_and_the_front_only(data):
    lines = table(data)[4:]
    points = ok_points(data)
    assert sum("| full |" in line for line in lines) == 2
    assert sum("| fixed exit " in line for line in lines) == 3 + 4
    assert len(lines) < points.sizes["point"] / 2


def test_report_writes_page_and_pictures(tmp_path, capsys):
    write_campaign(tmp_path / "c")
    assert main(["report", str(tmp_path)]) == 0
    page = tmp_path / "c" / "report" / "report.md"
    assert capsys.readouterr().out.strip() == str(page)
    text = page.read_text()
    for name in FIGURES:
        picture = page.parent / f"{name}.png"
        assert picture.read_bytes()[:4] == b"\x89PNG" and picture.stat().st_size > 10_000
        assert picture.name in text
    assert "1 failed, 1 missing" in text


def test_report_of_chosen_thresholds(tmp_path):
    write_campaign(tmp_path / "c", choosing_data="jets_choose.h5")
    assert main(["report", str(tmp_path)]) == 0
    lines = (tmp_path / "c" / "report" / "report.md").read_text().splitlines()
    rows = lines[lines.index("## Chosen thresholds") :]
    assert "on the jets of jets_choose.h5" in rows[2] and "on those of jets_test.h5" in rows[2]
    assert rows[6].startswith("| particlenet | full | — | — | — | — | — | 0.")
    assert [row.split(" | ")[1] for row in rows[7:10]] == ["fixed exit 0", "fixed exit 1", "fixed exit 2"]
    rest = "0.8300 | 1.00 [0.20, 1.80] | 0.625 | 0.8000 |"
    assert rows[10:12] == [
        f"| particlenet | confidence | shared | 0.5 | 0.8125 | 0.8375 | 0.500 | {rest}",
        f"| particlenet | confidence | per_exit | 0.5 | 0.75 0.5 | 0.8350 | 0.500 | {rest}",
    ]
    assert rows[12].startswith("| part-small | full |")
    front_rows = lines[: lines.index("## Chosen thresholds")]
    assert sum(line.startswith("| particlenet | confidence | 0.75 0.5 | 0.8300 ") for line in front_rows) == 1
    assert "biased" not in rows[2]


def test_an_exit_that_all_jets_pass_by_has_the_threshold_never(data):
    row = select(data, rule="confidence").isel(point=0)
    for shared, each, text in ((np.nan, [np.inf, 0.5], "never 0.5"), (np.inf, [np.inf, np.inf], "never")):
        padded = np.append(each, [np.nan, np.nan])
        row = row.assign(threshold=shared, thresholds=("exit", padded))
        assert thresholds_text(row) == text
    assert rule_text(row.assign(rule="vote|exit")) == "vote\\|exit"


def test_report_says_where_gates_know_the_jets_of_the_choice(tmp_path):
    write_campaign(tmp_path, choosing_data="jets_choose.h5", gates_fitted_on_choosing_data="part-small")
    assert main(["report", str(tmp_path)]) == 0
    text = (tmp_path / "report" / "report.md").read_text()
    assert "The gates of part-small were fitted on the same jets" in text and "biased" in text


def test_report_without_chosen_thresholds_has_no_table_of_them(tmp_path):
    write_campaign(tmp_path)
    assert main(["report", str(tmp_path)]) == 0
    assert "Chosen" not in (tmp_path / "report" / "report.md").read_text()


def test_report_of_the_example(tmp_path):
    example = ROOT / "results" / "example"
    if not example.is_dir():
        pytest.skip("results/example is not there")
    assert main(["report", str(example), "-o", str(tmp_path)]) == 0
    assert (tmp_path / "report.md").is_file()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["reprot", "c"], ["'reprot'", "did you mean 'report'"]),
        (["report", "c", "--outpt", "x"], ["--outpt", "did you mean '--output'"]),
        (["convert", "a", "--clases", "b", "-o", "c"], ["--clases", "did you mean '--classes'"]),
        (["report"], ["DIR", "report --help"]),
        (["report", "c", "-o"], ["-o/--output: expected one argument;"]),
        ([], ["COMMAND"]),
        (["columns", "a.h5", "-o", "a.root", "--exit", "-1"], ["--exit", "invalid choice"]),
        (["project"], ["ACTION", "project --help"]),
        (["convert", "a", "-o", "/dev/null"], ["/dev/null: is no ordinary file"]),
    ],
)
def test_wrong_usage_is_one_line_and_2(capsys, arguments, words):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    for word in words:
        assert word in err


def test_refuses_a_file_as_folder_of_the_report(tmp_path, capsys):
    write_campaign(tmp_path / "c")
    (tmp_path / "file").touch()
    assert main(["report", str(tmp_path / "c"), "-o", str(tmp_path / "file")]) == 2
    assert "file: no folder" in capsys.readouterr().err
