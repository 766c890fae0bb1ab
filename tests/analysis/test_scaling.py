"""The model of a step: what it was made from comes back, bands hold what is left out, wrong files."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from eebench_analysis import scaling, scaling_figures
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
