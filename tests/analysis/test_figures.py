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
from eebench_analysis.points import select
from eebench_analysis.report import FIGURES, table

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
