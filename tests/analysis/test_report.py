"""The report: one page that needs nothing beside itself, and what stands in it."""

from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
import xarray as xr
from campaign import write_campaign
from conftest import ROOT
from eebench_analysis.__main__ import main
from eebench_analysis.load import load, ok_points
from eebench_analysis.points import select, thresholds_of
from eebench_analysis.report import FIGURES, failed_points, with_interval

matplotlib.use("Agg")


class Page(HTMLParser):
    """Tables (rows of cells) and paragraphs by heading, all words, and everything a browser would fetch."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.paragraphs, self.words, self.pictures, self.fetched = {}, {}, "", 0, []
        self._heading, self._in = "", ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self._in = tag
        if tag == "tr":
            self.tables.setdefault(self._heading, []).append([])
        elif tag in ("td", "th"):
            self.tables[self._heading][-1].append("")
        for name, value in attributes:
            if name in ("src", "href", "srcset", "data", "action"):
                self.pictures += value.startswith("data:image/png;base64,")
                self.fetched += [] if value.startswith("data:") else [value]

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, text):
        self.words += text
        if self._in == "h2":
            self._heading = text
        elif self._in == "p":
            self.paragraphs[self._heading] = text
        elif self._in in ("td", "th"):
            self.tables[self._heading][-1][-1] += text


def report(folder, *options):
    assert main(["report", str(folder), *options]) == 0
    return (folder / "report" / "report.html").read_text()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A campaign's folder and its page."""
    folder = write_campaign(tmp_path_factory.mktemp("report") / "c")
    return folder, report(folder)


def test_writes_page_and_pictures(tmp_path, capsys):
    write_campaign(tmp_path / "c")
    assert main(["report", str(tmp_path)]) == 0
    folder = tmp_path / "c" / "report"
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    assert {file.name for file in folder.iterdir()} == {"report.html"} | {f"{name}.png" for name in FIGURES}
    for name in FIGURES:
        picture = (folder / f"{name}.png").read_bytes()
        assert picture[:4] == b"\x89PNG" and len(picture) > 10_000


def test_page_needs_nothing_beside_itself(written):
    _, text = written
    page = Page(text)
    assert page.pictures == len(FIGURES) and page.fetched == []
    assert "<script" not in text and "<link" not in text and "@import" not in text and "url(" not in text
    assert 'name="viewport"' in text


def test_page_says_what_a_reader_must_know(written):
    words = Page(written[1]).words
    assert "52 measured, 1 failed, 1 missing" in words and "Incomplete: 1 failed, 1 missing of 54 points" in words
    assert "Test CPU" in words and "Oversubscribed, more threads" in words and "Not official: effort quick" in words


def test_complete_official_runs_carry_no_warning(tmp_path):
    file = write_campaign(tmp_path, oversubscribed=0, effort="official") / "tasks/0000/task.h5"
    with xr.open_dataset(file, engine="h5netcdf") as data:
        data = data.load()
    data["state"][:] = 1
    data.to_netcdf(file, engine="h5netcdf")
    file.with_name("journal.jsonl").unlink()
    text = report(tmp_path)
    assert 'class="warning"' not in text and "Points that failed" not in text


def test_failed_points_are_named_with_their_error(written):
    header, row = Page(written[1]).tables["Points that failed"]
    assert header[-1] == "error" and row == ["part-small", "entropy", "0.3", "offline", "64", "3 ranks × 1 thread", "0", "disk <full>"]


def test_failed_points_of_several_jobs_are_told_apart(tmp_path):
    """Jobs and repeats share point ids; and an id of the journal that the file lacks is no failure to look up."""
    for task, error in enumerate(("first", "second")):
        folder = write_campaign(tmp_path / f"task{task}") / "tasks/0000"
        with xr.open_dataset(folder / "task.h5", engine="h5netcdf", mask_and_scale=False) as data:
            data = data.load()
        for name, value in {"ranks": task + 1, "threads": 1, "nodes": 1, "repeat": 4 * task, "oversubscribed": 0}.items():
            data[name] = ("point", np.full(data.sizes["point"], value))
        data.to_netcdf(folder / "task.h5", engine="h5netcdf")
        journal = (folder / "journal.jsonl").read_text().replace("disk <full>", error)
        (folder / "journal.jsonl").write_text(journal + '{"id":"not there","state":"failed","error":"?"}\n')
        (tmp_path / "c/tasks").mkdir(parents=True, exist_ok=True)
        folder.rename(tmp_path / f"c/tasks/{task:04d}")
    _, *rows = Page("".join(failed_points(load(tmp_path / "c")))).tables["Points that failed"]
    assert [row[-3:] for row in rows] == [["1 rank × 1 thread", "0", "first"], ["2 ranks × 1 thread", "4", "second"]]


def test_table_has_baselines_and_the_front_only(written):
    folder, text = written
    _, *rows = Page(text).tables["Accuracy and cost"]
    assert sum(row[1] == "full" for row in rows) == 2
    assert sum(row[1].startswith("fixed exit ") for row in rows) == 3 + 4
    assert len(rows) < ok_points(load(folder)).sizes["point"] / 2
    assert all(row[3].count("[") == 1 for row in rows)


def test_table_of_times_has_every_measured_point(written):
    folder, text = written
    _, *rows = Page(text).tables["Times"]
    assert len(rows) == ok_points(load(folder)).sizes["point"]
    assert all("[" in row[8] and "[" in row[9] for row in rows)
    assert {row[12] for row in rows} == {"—"}  # 40 batches are too few for p99


def test_chosen_thresholds(tmp_path):
    page = Page(report(write_campaign(tmp_path, choosing_data="jets_choose.h5")))
    words = page.paragraphs["Chosen thresholds"]
    assert "on the jets of jets_choose.h5" in words and "on those of jets_test.h5" in words and "biased" not in words
    _, *rows = page.tables["Chosen thresholds"]
    assert rows[0][:7] == ["particlenet", "full"] + ["—"] * 5
    assert [row[1] for row in rows[1:4]] == ["fixed exit 0", "fixed exit 1", "fixed exit 2"]
    rest = ["0.8300", "1.00 [0.20, 1.80]", "0.625", "0.8000"]
    assert rows[4:6] == [
        ["particlenet", "confidence", "shared", "0.5", "0.8125", "0.8375", "0.500", *rest],
        ["particlenet", "confidence", "per_exit", "0.5", "0.75 0.5", "0.8350", "0.500", *rest],
    ]
    assert rows[6][:2] == ["part-small", "full"]
    front = page.tables["Accuracy and cost"]
    assert sum(row[:3] == ["particlenet", "confidence", "0.75 0.5"] for row in front) == 1


def test_says_where_gates_know_the_jets_of_the_choice(tmp_path):
    write_campaign(tmp_path, choosing_data="jets_choose.h5", gates_fitted_on_choosing_data="part-small")
    words = Page(report(tmp_path)).words
    assert "The gates of part-small were fitted on the same jets" in words and "biased" in words


def test_without_chosen_thresholds_there_is_no_table_of_them(written):
    assert "Chosen thresholds" not in written[1]


def test_provenance_is_there_and_escaped(tmp_path):
    text = report(write_campaign(tmp_path, config_toml="name = 'a<b>'\n[axes]\n", cpu="<i>"))
    assert "<i>" not in text and "a<b>" not in text
    assert "name = 'a<b>'\n[axes]" in Page(text).words


def test_an_exit_that_all_jets_pass_by_has_the_threshold_never(written):
    row = select(load(written[0]), rule="confidence").isel(point=0)
    for shared, each, text in ((np.nan, [np.inf, 0.5], "never 0.5"), (np.inf, [np.inf, np.inf], "never")):
        padded = np.append(each, [np.nan, np.nan])
        row = row.assign(threshold=shared, thresholds=("exit", padded))
        assert thresholds_of(row) == text


def test_numbers_without_interval_show_none(written):
    row = load(written[0]).isel(point=0).assign(accuracy=0.5, accuracy_ci_low=np.nan)
    assert with_interval(row, "accuracy", "{:.2f}") == "0.50"
    older = row.drop_vars([name for name in row.variables if name.startswith("throughput")])
    assert with_interval(older, "throughput", "{:.2f}") == "—"


def test_report_of_the_example(tmp_path):
    example = ROOT / "results" / "example"
    if not example.is_dir():
        pytest.skip("results/example is not there")
    assert main(["report", str(example), "-o", str(tmp_path)]) == 0
    assert Page((tmp_path / "report.html").read_text()).pictures == len(FIGURES)


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
