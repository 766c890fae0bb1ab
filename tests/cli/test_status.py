"""`eebench status` that is watched: terminal and page follow a running campaign, and end with it."""

import json
import os
import re
import subprocess
import time

import pytest
from jobs import JETS, Job

SECONDS = 120
LAG = 5  # most seconds from the journal to the page
SUITE = """
name = "watched"
data = "{jets}"
run_jets = 64
effort = "quick"
[models.tiny]
weights = "{folder}/trained/weights.h5"
[axes]
rule = "margin"
threshold = [0.1, 0.2, 0.3]
batch = 16
scenario = "offline"
"""


@pytest.fixture
def planned(tiny, tmp_path):
    (tmp_path / "watched.toml").write_text(SUITE.format(jets=JETS, folder=tiny))
    arguments = ["plan", "--suite", "watched.toml", "--shards", 2, "-o", "out"]
    code, _, err = Job(tmp_path, *arguments, ranks=1).finish()
    assert code == 0, err
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    return tmp_path, len(manifest["points"])


def test_a_watched_page_follows_the_campaign(planned):
    folder, points = planned
    page = folder / "page.html"
    watching = subprocess.Popen(
        [os.environ["EEBENCH_PROGRAM"], "status", "out", "--watch", "--page", "page.html"],
        cwd=folder, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def journaled():
        return sum(path.read_text().count("\n") for path in (folder / "out/tasks").glob("*/journal.jsonl"))

    def shown():
        return int(re.search(r"(\d+) of \d+ points measured", page.read_text())[1]) if page.exists() else -1

    seen = {journaled: {}, shown: {}}

    def look():
        for count, times in seen.items():
            for n in range(count() + 1):
                times.setdefault(n, time.monotonic())
        time.sleep(0.05)

    end = time.monotonic() + SECONDS
    for shard in (0, 1):
        job = Job(folder, "bench", "-o", "out", "--shard", f"{shard}/2", ranks=1)
        while job.process.poll() is None and time.monotonic() < end:
            assert not page.exists() or 'http-equiv="refresh" content="2"' in page.read_text() or shown() == points
            look()
        code, _, err = job.finish(1)
        assert code == 0, err
    printed, _ = watching.communicate(timeout=LAG)
    look()
    assert watching.returncode == 0
    lags = [seen[shown][n] - seen[journaled][n] for n in range(1, points + 1)]
    assert max(lags) < LAG, lags
    assert "http-equiv" not in page.read_text() and "All done: <code>eebench merge out</code>" in page.read_text()
    assert printed.endswith("All done: eebench merge out\n") and printed.count("points measured") > 2


def test_a_page_is_written_once_where_nobody_watches(planned, eebench):
    end = eebench("status", "out", "--page", "page.html")
    assert end.code == 0 and "Not begun:\n    sbatch --array=0-1 " in end.out
    assert "<code>sbatch --array=0-1 --nodes=1 --ntasks=" in (planned[0] / "page.html").read_text()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--page", "none/page.html"], "none/page.html"),
        (["--watch=0"], "--watch"),
        (["--watch=soon"], "--watch"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(planned, eebench, arguments, words):
    end = eebench("status", "out", *arguments)
    assert end.code == 2 and words in end.err.strip().splitlines()[-1]
