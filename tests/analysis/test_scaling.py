"""The model of a step: what it was made from comes back, bands hold what is left out, wrong files."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from eebench_analysis import machine, scaling, scaling_figures
from eebench_analysis.__main__ import main

C0, C1, I, W, ALPHA, BETA = 2e-3, 5e-4, 1e-5, 4e-4, 2e-5, 1e-9
SIZE = 400_000.0


def dataset(ranks, jets, stage="train", size=SIZE, noise=0.0, samples=25, seed=1):
    """Points of a machine that follows the model of a tree."""
    random = np.random.default_rng(seed)
    ranks = np.asarray(ranks, float)
    jets = np.full_like(ranks, jets) if np.isscalar(jets) else np.asarray(jets, float)
    size = np.broadcast_to(np.asarray(size, float), ranks.shape)
    alone = stage == "allreduce"
    parts = {
        "compute": (0 if alone else C0 + C1 * jets / ranks),
        "input": (0 if alone else I * jets / ranks),
        "wait": (0 if alone else W * np.sqrt(2 * np.log(ranks))),
        "communication": np.where(ranks > 1, (ALPHA + BETA * size) * np.log2(ranks), 0),
    }
    parts = {name: np.broadcast_to(part, ranks.shape) for name, part in parts.items()}
    factor = np.exp(noise * random.standard_normal((len(ranks), samples)))
    steps = sum(parts.values())[:, None] * factor
    rank = np.arange(int(ranks.max()))
    present = np.where(rank[None, :] < ranks[:, None], factor.mean(1)[:, None], np.nan)
    variables = {f"{name}_time": (("point", "rank"), part[:, None] * present) for name, part in parts.items()}
    variables |= {
        "ranks": ("point", ranks), "jets": ("point", 0 * jets if alone else jets), "bytes": ("point", size),
        "oversubscribed": ("point", 0 * ranks), "sample_step_time": (("point", "sample"), steps),
        "step_time": ("point", np.median(steps, 1), {"mark": "measured"}),
    }  # fmt: skip
    return xr.Dataset(variables, attrs={"format": "eebench scaling", "stage": stage, "mode": "strong", "cpu": "none"})


def sums(ranks=(2, 4, 8), sizes=(8.0, 4096.0, 1e6)):
    pairs = [(n, b) for b in sizes for n in ranks]
    return dataset([n for n, _ in pairs], 0.0, "allreduce", [b for _, b in pairs])


def test_the_coefficients_come_back():
    points = scaling.points_of(dataset([1, 2, 4, 8], 256.0))
    model = scaling.Model(points, scaling.points_of(sums()))
    found = (model.c0, model.c1, model.i, model.w, model.alpha, model.beta)
    np.testing.assert_allclose(found, (C0, C1, I, W, ALPHA, BETA), rtol=1e-6)
    assert model.form == "tree"
    np.testing.assert_allclose(
        model.step(points["ranks"], points["jets"], SIZE), points["samples"].mean(1), rtol=1e-9
    )


def test_coefficients_are_never_negative():
    falling = scaling.least_squares((np.ones(3), np.arange(1.0, 4.0)), np.array([3.0, 2.0, 1.0]))[0]
    assert (falling >= 0).all() and falling[1] == 0


def test_bands_hold_what_was_left_out():
    held = []
    for seed in range(10):
        points = scaling.points_of(dataset([1, 2, 3, 4, 6, 8], 256.0, noise=0.05, seed=seed))
        rows = scaling.validation(points, None)
        assert [row[0] for row in rows] == [3, 4, 6, 8]
        held += [low <= measured <= high for _, measured, _, low, high in rows]
        for _, measured, predicted, low, high in rows[1:]:
            assert low <= predicted <= high and predicted == pytest.approx(measured, rel=0.25)
    assert np.mean(held) > 0.6


def test_the_centre_lies_in_its_band():
    """Also where every step took longer than its parts add up to."""
    points = scaling.points_of(dataset([1, 2, 4, 8], 256.0, noise=0.02))
    points["samples"] = 1.5 * points["samples"]
    fitted = scaling.Model(points).step(points["ranks"], points["jets"], points["bytes"])
    assert (points["samples"].mean(1) > 1.2 * fitted).all()
    centre, low, high = scaling.predict(points, None, points["ranks"], points["jets"], SIZE)
    assert (low <= centre).all() and (centre <= high).all()
    np.testing.assert_allclose(centre, points["samples"].mean(1), rtol=0.1)


def test_two_numbers_of_ranks_leave_the_form_open(tmp_path, capsys):
    """The band then spans ring and tree, which are far apart where most of a step is the all-reduce of many ranks."""
    points, two = scaling.points_of(dataset([1, 2, 4], 4.0)), scaling.points_of(sums(ranks=(2,)))
    ring, tree = (scaling.Model(points, two, form).step(1024, 1.0, 8.0) for form in ("ring", "tree"))
    assert ring > 2 * tree
    _, low, high = scaling.predict(points, two, [1024], 1.0, 8.0)
    assert low[0] < 1.1 * tree and high[0] > 0.9 * ring
    _, low, high = scaling.predict(points, scaling.points_of(sums()), [1024], 1.0, 8.0)
    assert 0.9 * tree < low[0] and high[0] < 1.1 * tree
    dataset([1, 2, 4], 256.0).to_netcdf(tmp_path / "s.h5", engine="h5netcdf")
    for ranks, said in (((2, 4), True), ((2, 4, 8), False)):
        sums(ranks).to_netcdf(tmp_path / "sums.h5", engine="h5netcdf")
        arguments = [str(tmp_path / "s.h5"), "--sums", str(tmp_path / "sums.h5"), "-o", str(tmp_path / "f.png")]
        assert main(["scaling", *arguments]) == 0
        assert ("undetermined" in capsys.readouterr().out) == said


def test_ranks_that_shared_cores_do_not_count():
    data = dataset([1, 2, 3, 4], 256.0)
    data["oversubscribed"][3] = 1
    assert list(scaling.points_of(data)["ranks"]) == [1, 2, 3]


def test_tables_and_figure(tmp_path, capsys):
    dataset([1, 2, 4], 256.0, noise=0.02).to_netcdf(tmp_path / "s.h5", engine="h5netcdf")
    sums().to_netcdf(tmp_path / "sums.h5", engine="h5netcdf")
    output = tmp_path / "figure.png"
    arguments = ["scaling", str(tmp_path / "s.h5"), "--sums", str(tmp_path / "sums.h5"), "--ranks", "16", "-o", str(output)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ") and "ranks" not in line]
    assert rows == ["4", "1", "2", "4", "16"]
    assert output.stat().st_size > 10_000


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d.isel(point=slice(2)), "2 numbers of ranks had cores of their own, a fit takes 3"),
        (lambda d: d.assign_attrs(stage="allreduce"), "is of --stage allreduce"),
        (lambda d: d.assign_attrs(format="other"), "not written by eebench scale"),
    ],
)
def test_wrong_files(tmp_path, capsys, change, words):
    change(dataset([1, 2, 4], 256.0)).to_netcdf(tmp_path / "s.h5", engine="h5netcdf")
    assert main(["scaling", str(tmp_path / "s.h5"), "-o", str(tmp_path / "f.png")]) == 2
    assert words in capsys.readouterr().err
    assert main(["scaling", str(tmp_path / "none.h5"), "-o", str(tmp_path / "f.png")]) == 2
    assert "none.h5: not a readable file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "asked, words",
    [
        (["-o", "{folder}/f.txt"], "f.txt: a figure's name ends in .png, .pdf, .svg"),
        (["-o", "{folder}/f"], "f: a figure's name ends in"),
        (["-o", "{folder}/f.png", "--ranks", "16,1000"], "--ranks 1000: a step had 64 jets, fewer than the 1000 ranks"),
    ],
)
def test_wrong_requests(tmp_path, capsys, asked, words):
    dataset([1, 2, 4], 64.0).to_netcdf(tmp_path / "s.h5", engine="h5netcdf")
    assert main(["scaling", str(tmp_path / "s.h5"), *(word.format(folder=tmp_path) for word in asked)]) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.count("\n") == 1 and captured.out == ""


MACHINE = """
name = "Four"
nodes = 8
ranks_per_node = 4
[inter_node]
latency_us = [1.0, 4.0]
bandwidth_gb_s = [10.0, 40.0]
[intra_node]
latency_us = [1.0, 1.0]
bandwidth_gb_s = [100.0, 100.0]
"""
MACHINES = sorted((Path(scaling.__file__).parents[2] / "configs/machines").glob("*.toml"))


def described(tmp_path, text=MACHINE):
    path = tmp_path / "machine.toml"
    path.write_text(text)
    return path


def test_a_ring_or_a_tree_whichever_is_faster():
    # 8 bytes over 8 ranks at 1 us and 1 ns a byte: the tree's 3 messages, not the ring's 14.
    assert machine.all_reduce(8, 8.0, 1e-6, 1e-9) == pytest.approx(3 * (1e-6 + 8e-9))
    # 80 MB: the ring's 2 * 7 / 8 of the bytes, not the tree's 3 times all.
    assert machine.all_reduce(8, 80e6, 1e-6, 1e-9) == pytest.approx(14e-6 + 1.75 * 80e-3)
    assert machine.all_reduce(1, 80e6, 1e-6, 1e-9) == machine.all_reduce(8, 0.0, 1e-6, 1e-9) == 0.0


def test_a_step_on_nodes_by_hand(tmp_path):
    model = scaling.Model(scaling.points_of(dataset([1, 2, 4, 8], 256.0)), scaling.points_of(sums()))
    four = machine.read_machine(described(tmp_path))
    # Four ranks of each of two nodes, 32 jets each. Within a node a ring of 6 messages and 2 * 3 / 4 of the bytes at
    # 100 GB/s; between two nodes 2 us, the mean of 1 and 4, and all bytes once at 20 GB/s: of a tree, a ring has 2 messages.
    within = 6e-6 + 1.5 * SIZE / 100e9
    assert within > (tree := 2 * (1e-6 + SIZE / 100e9))
    between = 2e-6 + SIZE / 20e9
    waiting = W * np.sqrt(2 * np.log(8))
    expected = C0 + (C1 + I) * 32 + waiting + tree + between
    assert model.step_on(four, 2, 32.0, SIZE) == pytest.approx(expected, rel=1e-6)
    slowest = expected - between + 4e-6 + SIZE / 10e9
    assert model.step_on(four, 2, 32.0, SIZE, share=1.0) == pytest.approx(slowest, rel=1e-6)
    twice = machine.read_machine(described(tmp_path, "compute_ratio = 2\n" + MACHINE))
    assert model.step_on(twice, 2, 32.0, SIZE) == pytest.approx(expected + C0 + C1 * 32, rel=1e-6)
    assert model.step_on(four, 2, 32.0, 0.0) == pytest.approx(C0 + (C1 + I) * 32 + waiting, rel=1e-6)
    as_here = machine.read_machine(described(tmp_path, MACHINE.split("[intra_node]")[0]))
    fitted = 2 * (ALPHA + BETA * SIZE)  # log2 of four ranks
    assert model.step_on(as_here, 2, 32.0, SIZE) == pytest.approx(expected - tree + fitted, rel=1e-6)
    assert model.step_on(as_here, 2, 32.0, 0.0) == pytest.approx(C0 + (C1 + I) * 32 + waiting, rel=1e-6)


def test_the_band_holds_what_the_description_leaves_open(tmp_path):
    points, alone = scaling.points_of(dataset([1, 2, 4], 256.0)), scaling.points_of(sums())
    four = machine.read_machine(described(tmp_path))
    model = scaling.Model(points, alone)
    size = 400e6  # nearly all of the step is the all-reduce
    step, low, high = scaling.predict_on(four, points, alone, [8], [32.0], size)
    assert step[0] == pytest.approx(model.step_on(four, 8, 32.0, size), rel=0.1)
    least, most = (model.step_on(four, 8, 32.0, size, share) for share in (0.0, 1.0))
    assert least < low[0] < 1.1 * least and 0.9 * most < high[0] < most


def test_nodes_are_tabled_and_drawn_apart(tmp_path, capsys):
    dataset([1, 2, 4], 256.0, noise=0.02).assign_attrs(device="cpu").to_netcdf(tmp_path / "s.h5", engine="h5netcdf")
    output = tmp_path / "figure.png"
    arguments = ["scaling", str(tmp_path / "s.h5"), "-o", str(output)]
    asked = ["--machine", str(described(tmp_path)), "--nodes", "4,1"]
    assert main(arguments + asked) == 0
    before, after = capsys.readouterr().out.split("Extrapolated to Four, not measured")
    assert "extrapolated" not in before and "none, cpu; computing times 1" in after
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in after.splitlines() if line.startswith("| ")]
    assert rows[1:] == [["1", "4", "64"], ["4", "16", "16"]]
    data = scaling.read_scaling(tmp_path / "s.h5", alone=False)
    points = scaling.points_of(data)
    figure = scaling.draw(
        data, points, np.array([1, 2, 4.0]), points["jets"], scaling.predict(points, None, np.array([1, 2, 4.0]),
        points["jets"], SIZE), [1, 4], scaling.extrapolation(described(tmp_path), [1, 4], data, points, None),
    )  # fmt: skip
    labels = [[line.get_label() for line in axis.lines if line.get_label()[0] != "_"] for axis in figure.axes]
    assert [label for panel in labels[:2] for label in panel if "extra" in label] == []
    assert all("measured" not in label for panel in labels[2:] for label in panel)
    assert "nothing measured there" in " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    plt.close(figure)


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_machines_that_travel_along(path):
    found = machine.read_machine(path)
    assert found.nodes > 1000 and found.compute_ratio == 1
    assert machine.all_reduce(2, 1e9, *found.inter_node.between(0.5)) < 0.1


@pytest.mark.parametrize(
    "asked, text, words",
    [
        (["--nodes", "2"], MACHINE, "--machine and --nodes belong together"),
        (["--machine", "{path}"], MACHINE, "--machine and --nodes belong together"),
        (["--machine", "{path}", "--nodes", "9"], MACHINE, "--nodes 9: Four has 8"),
        (["--machine", "{path}", "--nodes", "8"], MACHINE.replace("ranks_per_node = 4", "ranks_per_node = 64"), "fewer than the 512 ranks"),
        (["--machine", "{path}", "--nodes", "2"], MACHINE.replace("nodes = 8", "nodes = 0"), "nodes must be a positive whole number"),
        (["--machine", "{path}", "--nodes", "2"], MACHINE.replace("[1.0, 4.0]", "[4.0, 1.0]"), "latency_us must be [least, most]"),
        (["--machine", "{path}", "--nodes", "2"], MACHINE.replace("latency_us = [1.0, 4.0]", "latency = 1"), "[inter_node] latency is unknown"),
        (["--machine", "{path}", "--nodes", "2"], MACHINE.split("[inter_node]")[0], "[inter_node] is missing"),
        (["--machine", "{path}", "--nodes", "2"], "name =", "not TOML"),
    ],
)  # fmt: skip
def test_wrong_machines(tmp_path, capsys, asked, text, words):
    dataset([1, 2, 4], 256.0).to_netcdf(tmp_path / "s.h5", engine="h5netcdf")
    path = described(tmp_path, text)
    arguments = [word.format(path=path) for word in asked]
    assert main(["scaling", str(tmp_path / "s.h5"), "-o", str(tmp_path / "f.png"), *arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.count("\n") == 1 and captured.out == ""


def with_results(data):
    """And what eebench scale derives from its times."""
    ranks, step = data["ranks"], data["step_time"]
    speed_up = float(step[0]) / step
    values = {"step_time": step, "speed_up": speed_up, "efficiency": speed_up / (ranks / float(ranks[0]))}
    for name, value in values.items():
        data = data.assign({name: value, f"{name}_ci_low": 0.9 * value, f"{name}_ci_high": 1.1 * value})
    data["step_time"].attrs["mark"] = "emulated"
    data["bus_bandwidth"] = 2 * (ranks - 1) / ranks * data["bytes"] / step
    data["throughput"] = data["jets"] / step
    return data.assign_attrs(device="cpu", threads_per_rank=1, cores=4)


def test_parts_stand_on_one_another_and_shared_cores_are_marked():
    data = with_results(dataset([1, 2, 4, 8], 256.0))
    data["oversubscribed"][3] = 1
    fig = scaling_figures.steps(data)
    split, speed, efficiency = fig.axes
    tops = [bar.get_y() + bar.get_height() for bar in split.patches]
    np.testing.assert_allclose(tops[-4:], 1e3 * data["step_time"], rtol=1e-9)
    assert [label.get_text() for label in split.get_xticklabels()] == ["1", "2", "4", "8*"]
    ideal, measured = speed.lines[0].get_ydata(), speed.lines[1].get_ydata()
    np.testing.assert_allclose(ideal, [1, 2, 4, 8])
    np.testing.assert_allclose(measured, data["speed_up"])
    np.testing.assert_allclose(efficiency.lines[1].get_ydata(), data["efficiency"])
    note = " ".join(text.get_text().replace("\n", " ") for text in fig.texts)
    assert "emulated (ranks slept" in note and "n = 25 steps" in note and "95 %" in note and "none, cpu" in note
    plt.close(fig)


def test_bandwidth_has_a_series_for_each_number_of_ranks():
    data = with_results(sums(ranks=(2, 4)))
    fig = scaling_figures.bandwidth(data)
    (axis,), (legend,) = fig.axes, fig.legends
    assert [text.get_text() for text in legend.get_texts()] == ["2 ranks", "4 ranks"]
    two = data.isel(point=np.flatnonzero(data["ranks"].values == 2))
    np.testing.assert_allclose(axis.lines[0].get_xydata(), np.stack([two["bytes"], two["bus_bandwidth"] / 1e9], axis=1))
    plt.close(fig)
