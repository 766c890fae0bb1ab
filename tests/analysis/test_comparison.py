"""The words of `eebench compare` are read and drawn as they are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from campaign import write_campaign
from conftest import ROOT
from eebench_analysis.comparison import LOOKS, compare, forest, labels, ratio, read
from eebench_analysis.errors import ProgramError
from eebench_analysis.load import load, ok_points

TEXT = """\
| model      | rule         | threshold | scenario | batch [jets] | repeats |     a [ms] |     b [ms] |                b / a |       p | verdict |
|:-----------|:-------------|:----------|:---------|-------------:|--------:|-----------:|-----------:|---------------------:|--------:|:--------|
| part-small | full         | exit 2    | offline  |           64 |    9, 9 |      12.50 |      15.00 | 1.200 [1.150, 1.250] | 0.00041 | SLOW    |
| part-small | entropy\\|vote | 0.7       | offline  |           64 |    9, 9 |      12.50 |      12.51 | 1.001 [0.990, 1.012] |    0.93 | SAME    |
| part-small | confidence   | 0.7       | offline  |           64 |    1, 9 |      12.50 |      12.00 |                0.960 |       1 | AMBG    |

Median time of a batch over repeats. SAME 1, FAST 0, SLOW 1, AMBG 1. A verdict takes 9 repeats on both sides.
The campaigns differ in governor: powersave, performance.
"""


def test_rows_and_notes_are_read():
    rows, notes = read(TEXT)
    assert [row["verdict"] for row in rows] == ["SLOW", "SAME", "AMBG"] and rows[1]["rule"] == "entropy|vote"
    assert ratio(rows[0]) == [1.2, 1.15, 1.25]
    np.testing.assert_array_equal(ratio(rows[2]), [0.96, np.nan, np.nan])
    assert len(notes) == 2 and notes[1].startswith("The campaigns differ in governor")


def test_labels_tell_points_apart():
    rows, _ = read(TEXT)
    assert labels(rows)[0] == "part-small  full exit 2  offline 64"
    rows = [rows[0] | {"executor": executor, "job": job} for executor, job in (("leaving", "1 rank"), ("whole", "1 rank"))]
    assert labels(rows) == [f"part-small  full exit 2  offline 64  {executor}" for executor in ("leaving", "whole")]
    rows.append(rows[0] | {"job": "2 ranks"})
    assert labels(rows)[::2] == [f"part-small  full exit 2  offline 64  leaving  {job}" for job in ("1 rank", "2 ranks")]


def test_forest_shows_every_verdict_and_both_machines(tmp_path):
    before = load(write_campaign(tmp_path / "a", cpu="Old CPU"))
    after = load(write_campaign(tmp_path / "b", cpu="New CPU", effort="official"))
    fig = forest(*read(TEXT), before, after)
    (axis,) = fig.axes
    assert axis.get_title() == "3 points: 1 SAME, 0 FAST, 1 SLOW, 1 AMBG"
    shown = {line.get_marker(): (float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axis.lines[:3]}
    places = {"SLOW": (1.2, 0), "SAME": (1.001, 1), "AMBG": (0.96, 2)}
    assert shown == {LOOKS[verdict]["marker"]: place for verdict, place in places.items()}
    note = " ".join(text.get_text().replace("\n", " ") for text in fig.texts)
    for words in ("before: Old CPU", "after: New CPU", "effort official", "95 %", "differ in governor", "1, 9; 9, 9"):
        assert words in note
    plt.close(fig)


def test_a_campaign_is_as_fast_as_itself(program):
    rows, _ = compare(ROOT / "results/example", ROOT / "results/example")
    assert len(rows) == ok_points(load(ROOT / "results/example")).sizes["point"]
    assert all(ratio(row)[0] == 1 for row in rows) and {row["verdict"] for row in rows} <= set(LOOKS)
    assert len(set(labels(rows))) == len(rows)
    plt.close(forest(rows, [], *[load(ROOT / "results/example")] * 2))


def test_what_the_program_refuses_is_said(program, tmp_path):
    with pytest.raises(ProgramError, match="eebench compare: eebench: "):
        compare(ROOT / "results/example", tmp_path)
