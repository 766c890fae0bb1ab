"""eebench deploy: the answers of one process, figures that add up, deaths with a name, pieces, wrong plans."""

import os
import shutil
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from conftest import start
from jobs import Job

SOURCE = Path(os.environ["EEBENCH_SOURCE_DIR"])
JETS = SOURCE / "tests/data/jets_test_250.h5"
WEIGHTS = SOURCE / "suites/assets/particlenet.h5"
LIMIT = 120
RULE = "p_max * (patience >= 0)"  # needs what exits before have said
THRESHOLDS = [0.9, 0.7]
# Segments and ranks of each tier.
TIERS = {
    "alone": [(3, 1)],
    "1+1": [(1, 1), (2, 1)],
    "2+1": [(2, 2), (1, 1)],
    "1+2": [(1, 1), (2, 2)],
    "1+1+1": [(1, 1), (1, 1), (1, 1)],
    "2+1+1": [(1, 2), (1, 1), (1, 1)],
}
NAMES = ["device", "edge", "server"]
DEATH = 30  # s, in which a job must have ended


def plan_of(tiers, link="", **changed):
    """Text of a plan; `link` for all tiers but the first."""
    top = {"weights": WEIGHTS, "data": JETS, "jets": LIMIT, "rule": RULE, "batch": 16} | changed
    lines = [f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"' for key, value in top.items()]
    thresholds = [*THRESHOLDS, None]
    for number, (segments, ranks) in enumerate(tiers):
        own = [value for value in thresholds[:segments] if value is not None]
        thresholds = thresholds[segments:]
        lines += ["[[tiers]]", f'name = "{NAMES[number]}"', f"segments = {segments}", f"ranks = {ranks}"]
        lines += [f"threshold = {own}"] if own else []
        lines += [f"link = {link}"] if link and number > 0 else []
    return "\n".join(lines) + "\n"


@pytest.fixture
def deploy(eebench, tmp_path):
    """Runs a plan and opens what it wrote."""

    def run(tiers, *arguments, link="", **changed):
        (tmp_path / "plan.toml").write_text(plan_of(tiers, link, **changed))
        ranks = sum(ranks for _, ranks in tiers)
        end = eebench("deploy", "--plan", "plan.toml", *arguments, "-o", "out.h5", ranks=ranks if ranks > 1 else 0)
        assert end.code == 0, end.err
        with xarray.open_dataset(tmp_path / "out.h5", engine="h5netcdf") as file:
            return end, file.load()

    return run


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """What one process says."""
    folder = tmp_path_factory.mktemp("alone")
    arguments = [
        *["predict", "--weights", WEIGHTS, "--data", JETS, "--limit", str(LIMIT), "--batch", "50"],
        *["--rule", RULE, "--threshold", ",".join(map(str, THRESHOLDS)), "-o", "alone.h5"],
    ]
    end = start("EEBENCH_PROGRAM", arguments, 0, folder, {})
    assert end.code == 0, end.err
    with xarray.open_dataset(folder / "alone.h5", engine="h5netcdf") as file:
        return file.load()


def assert_same_answers(file, predicted):
    for name in ("logits", "exit_index", "label"):
        assert file[name].dims == predicted[name].dims and file[name].dtype == predicted[name].dtype
        assert (file[name].values == predicted[name].values).all(), name
        assert file[name].attrs["mark"] == predicted[name].attrs["mark"] if name != "label" else True
    for name in ("weights_sha256", "data_sha256", "rule", "jets", "jets_cut", "format"):
        assert file.attrs[name] == predicted.attrs[name]
    assert (file.attrs["thresholds"] == predicted.attrs["thresholds"]).all()


def rows_of(table):
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    header, _, *rest = rows
    return {row[0]: dict(zip(header, row)) for row in rest}


@pytest.mark.parametrize("tiers", TIERS)
def test_tiers_say_what_one_process_says(deploy, predicted, tiers):
    end, file = deploy(TIERS[tiers])
    assert len(set(predicted.exit_index.values)) == 3
    assert_same_answers(file, predicted)

    # The figures follow from the answers.
    last = np.cumsum([segments for segments, _ in TIERS[tiers]])
    tier = np.searchsorted(last, file.exit_index.values, side="right")
    right = file.logits.values.argmax(1) == file.label.values
    rows = rows_of(end.out)
    assert [name.decode() for name in file.tier.values] == NAMES[: len(last)] == list(rows)[:-1]
    for number in range(len(last)):
        assert file.answered.values[number] == (tier == number).sum()
        assert file.entered.values[number] == (tier >= number).sum()
        assert file.accuracy.values[number] == pytest.approx(right[tier == number].mean())
        row = rows[NAMES[number]]
        assert row["jets in"] == str((tier >= number).sum())
        assert float(row["share answered [%]"]) == pytest.approx(100 * (tier == number).mean(), rel=1e-3)
        assert float(row["accuracy"]) == pytest.approx(right[tier == number].mean(), rel=1e-3)
    assert float(rows["all"]["accuracy"]) == pytest.approx(right.mean(), rel=1e-3)
    assert file.sent_bytes.values[-1] == 0
    # A jet that goes on takes at least its features of one particle along.
    assert (file.sent_bytes.values[:-1] > 4 * 64 * file.entered.values[1:]).all()
    assert file.latency_jet.shape == (LIMIT,)
    assert (file.latency_jet.values > 0).all() and file.latency_jet.attrs["mark"] == "measured"
    assert file.attrs["throughput"] == pytest.approx(LIMIT / file.attrs["seconds"])
    assert file.attrs["mark"] == "measured"
    # At its origin no jet may wait longer than the whole run.
    assert file.latency_jet.values.max() <= file.attrs["seconds"]
    assert "emulated" not in end.out
    assert ("More ranks than cores: " in end.out) == bool(file.attrs["oversubscribed"])


def test_more_threads_than_cores_are_told(deploy):
    # Of this thread's cores, as the program counts them.
    end, _ = deploy(TIERS["alone"], "--threads", str(len(os.sched_getaffinity(0)) + 1), jets=16)
    assert "More ranks than cores: times say how the program behaves" in end.out


def test_times_over_emulated_links_are_marked(deploy, predicted):
    link = "{latency_ms = 40, bandwidth_mbit = 200}"
    end, file = deploy(TIERS["1+1+1"], link=link)
    assert_same_answers(file, predicted)
    assert "over emulated links" in end.out
    for name in ("latency_jet", "latency", "latency_tier", "compute_time", "blocked_time"):
        assert file[name].attrs["mark"] == "emulated"
    # There and back: one hop to the edge, two to the server.
    for exit in range(3):
        assert file.latency_jet.values[predicted.exit_index == exit].min() >= 0.08 * exit
    assert list(file.link_latency.values) == pytest.approx([0, 0.04, 0.04])
    assert list(file.link_bandwidth.values) == pytest.approx([np.inf, 2.5e7, 2.5e7])


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_tier_that_dies_ends_the_job_with_its_name(tmp_path, victim):
    # So slow a link that all wait for each other.
    (tmp_path / "plan.toml").write_text(plan_of(TIERS["1+1+1"], "{latency_ms = 60000}"))
    job = Job(tmp_path, "deploy", "--plan", "plan.toml", "-o", "out.h5", ranks=3)
    for line in job.process.stderr:
        if "answered" in line:
            break
    time.sleep(1)
    begin = time.monotonic()
    os.kill(job.ranks()[victim], signal.SIGKILL)
    code, _, err = job.finish()
    assert code != 0 and time.monotonic() - begin < DEATH
    named = [line for line in err.splitlines() if "is gone" in line]
    assert len(named) == 1 and named[0].startswith(f"[eebench] rank {victim}/3 host=")
    assert f"tier={NAMES[victim]} is gone" in named[0]
    assert not (tmp_path / "out.h5").exists()


def test_a_tier_that_fails_ends_the_job_with_its_name(eebench, tmp_path):
    with h5py.File(JETS) as jets, h5py.File(tmp_path / "jets.h5", "w") as spoilt:
        for name in jets:
            spoilt[name] = jets[name][:]
        spoilt.attrs["classes"] = jets.attrs["classes"]
        spoilt["part_energy"][-1] = np.nan  # read by the second rank of the first tier alone
    (tmp_path / "plan.toml").write_text(plan_of(TIERS["2+1"], data="jets.h5", jets=0))
    end = eebench("deploy", "--plan", "plan.toml", "-o", "out.h5", ranks=3)
    assert end.code == 2 and end.seconds < DEATH
    (line,) = [line for line in end.error_lines() if "jets.h5" in line]
    assert line.startswith("[eebench] rank 1/3 host=") and "tier=device" in line


def test_each_tier_runs_from_its_own_piece(eebench, deploy, predicted, tmp_path):
    (tmp_path / "plan.toml").write_text(plan_of(TIERS["1+1+1"]))
    end = eebench("deploy", "--plan", "plan.toml", "--save", "pieces")
    assert end.code == 0, end.err
    assert "pieces = " in end.out
    names = []
    for tier in NAMES:
        with h5py.File(tmp_path / f"pieces/{tier}.h5") as file:
            names += list(file["weights"])
            assert file.attrs["whole_sha256"].decode() == predicted.attrs["weights_sha256"]
    with h5py.File(WEIGHTS) as file:
        assert sorted(names) == sorted(file["weights"])  # each tensor once
    plan = plan_of(TIERS["1+1+1"], pieces="pieces").replace(f'weights = "{WEIGHTS}"\n', "")
    (tmp_path / "cut.toml").write_text(plan)
    end = eebench("deploy", "--plan", "cut.toml", "-o", "out.h5", ranks=3)
    assert end.code == 0, end.err
    with xarray.open_dataset(tmp_path / "out.h5", engine="h5netcdf") as file:
        assert_same_answers(file.load(), predicted)

    # Pieces of other cuts or networks do not pass for these.
    shutil.copyfile(tmp_path / "pieces/device.h5", tmp_path / "pieces/edge.h5")
    end = eebench("deploy", "--plan", "cut.toml", "-o", "out.h5", ranks=3)
    assert end.code == 2 and "edge.h5: weights of another network (missing" in end.err
    end = eebench("predict", "--weights", "pieces/device.h5", "--data", JETS, "-o", "no.h5")
    assert end.code == 2 and "device.h5 holds a piece of a network" in end.err
    (tmp_path / "whole.toml").write_text(plan)
    shutil.copyfile(WEIGHTS, tmp_path / "pieces/edge.h5")
    end = eebench("deploy", "--plan", "whole.toml", "-o", "out.h5", ranks=3)
    assert end.code == 2 and "edge.h5 holds a whole network" in end.err


def test_pieces_of_two_trainings_are_refused(eebench, tmp_path):
    (tmp_path / "plan.toml").write_text(plan_of(TIERS["1+1"]))
    assert eebench("deploy", "--plan", "plan.toml", "--save", "pieces").code == 0
    with h5py.File(tmp_path / "pieces/edge.h5", "r+") as file:
        file.attrs["whole_sha256"] = np.bytes_("0" * 64)
    plan = plan_of(TIERS["1+1"], pieces="pieces").replace(f'weights = "{WEIGHTS}"\n', "")
    (tmp_path / "plan.toml").write_text(plan)
    end = eebench("deploy", "--plan", "plan.toml", "-o", "out.h5", ranks=2)
    assert end.code == 2 and "has another one than" in end.err


def test_the_shipped_plan(eebench, tmp_path):
    end = eebench("deploy", "--plan", SOURCE / "configs/deploy/three_tiers.toml", "-o", "out.h5", ranks=4)
    assert end.code == 0, end.err
    rows = rows_of(end.out)
    assert list(rows) == [*NAMES, "all"] and rows["all"]["jets in"] == "2500"
    with xarray.open_dataset(tmp_path / "out.h5", engine="h5netcdf") as file:
        assert list(file.ranks.values) == [1, 1, 2]
        # 40 batches: enough for the median, too few for the others.
        assert (file.latency_tier.sel(percentile=50) > 0).all()
        assert np.isnan(file.latency_tier.sel(percentile=99)).all() and rows["all"]["latency p99 [ms]"] == "—"


def test_gates_travel_with_the_weights(eebench, deploy, tmp_path):
    _, file = deploy(TIERS["1+1"], rule="learned")
    end = eebench(
        *["predict", "--weights", WEIGHTS, "--data", JETS, "--limit", str(LIMIT)],
        *["--rule", "learned", "--threshold", ",".join(map(str, THRESHOLDS)), "-o", "alone.h5"],
    )
    assert end.code == 0, end.err
    with h5py.File(tmp_path / "alone.h5") as alone:
        assert len(set(alone["exit_index"])) == 3
        assert (file.exit_index.values == alone["exit_index"][:]).all()
        assert file.attrs["gates_sha256"] == alone.attrs["gates_sha256"].decode()


@pytest.mark.parametrize(
    "before, after, message",
    [
        ("ranks = 1", "ranks = 2", "the tiers have 3 ranks together, here are 2; start it with mpirun -n 3"),
        ("segments = 2", "segments = 1", "the tiers have 2 segments together, the network has 3"),
        ("batch = 16", "batsh = 16", "unknown key 'batsh' in plan.toml, line 5 (did you mean 'batch'?)"),
        ("threshold = [0.9]", "threshold = [0.9, 0.8]", "tier 'device': 2 given, but it has 1 early exits"),
        ("threshold = [0.9]", "threshold = -inf", "a threshold of the rule"),
        (str(WEIGHTS), "none.h5", "none.h5"),
        (str(JETS), "none.h5", "none.h5: no such file"),
        (RULE, "confidnce", "did you mean 'confidence'"),
        (RULE, "p_Tbq - 0.5", "no variable 'p_Tbq'"),
        ('"edge"', '"device"', "two tiers are called 'device'"),
    ],
)
def test_wrong_plans_are_one_line_and_2(eebench, tmp_path, before, after, message):
    text = plan_of(TIERS["1+1"])
    assert before in text
    (tmp_path / "plan.toml").write_text(text.replace(before, after, 1))
    end = eebench("deploy", "--plan", "plan.toml", "-o", "out.h5", ranks=2)
    assert end.code == 2, end.err
    (line,) = [line for line in end.err.splitlines() if line.startswith("eebench: ")]
    assert message in line
    assert list(tmp_path.iterdir()) == [tmp_path / "plan.toml"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--plan", "none.toml", "-o", "out.h5"], "none.toml"),
        (["-o", "out.h5"], "--plan is required"),
        (["--plan", "plan.toml"], "name either -o, a file for the answers, or --save"),
        (["--plan", "plan.toml", "-o", "no/out.h5"], "there is no folder"),
        (["--plan", "plan.toml", "-o", "plan.toml"], "may replace what is read"),
    ],
)
def test_wrong_options(eebench, tmp_path, arguments, message):
    (tmp_path / "plan.toml").write_text(plan_of(TIERS["alone"]))
    end = eebench("deploy", *arguments)
    assert end.code == 2 and message in end.err and len(end.err.splitlines()) == 1
