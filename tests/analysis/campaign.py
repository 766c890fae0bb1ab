"""A small made-up campaign in the layout of results/README.md, for tests of reading and drawing."""

import json

import numpy as np
import xarray as xr

EDGES = np.array([20, 30, 40, 50, 60, 80, 128])
PERCENTILES = np.array([50, 90, 99])
CLASSES = ["QCD", "Hbb", "Tbl"]
ENUMERATIONS = {
    "state": ("pending", "ok", "failed"),
    "model": ("particlenet", "part-small"),
    "rule": ("full", "fixed", "confidence", "entropy"),
    "scenario": ("offline", "single_stream"),
    "stop_reason": ("converged", "timeout", "budget"),
    "selection": ("given", "shared", "per_exit"),
}
EXITS = {"particlenet": 3, "part-small": 4}
COST = {"particlenet": 180e6, "part-small": 11e6}
FLOORS = {50: 11, 90: 64, 99: 662}
RANKS = 3


def settings():
    for model in EXITS:
        for batch in (1, 64):
            yield model, batch, "full", EXITS[model] - 1, np.nan
            for fixed in range(EXITS[model]):
                yield model, batch, "fixed", fixed, np.nan
            for rule, thresholds in (
                ("confidence", np.arange(0.5, 0.96, 0.09)),
                ("entropy", (0.1, 0.3, 0.5)),
            ):
                for threshold in thresholds:
                    yield model, batch, rule, -1, threshold


def simulate(model, rule, fixed, threshold, random):
    """Exit index, correctness and multiplicity of 2000 made-up jets."""
    jets, exits = 2000, EXITS[model]
    hardness = random.uniform(size=jets)
    multiplicity = np.clip(random.normal(40, 15, jets), 5, 128).astype(int)
    reach = np.linspace(0.7, 0.86, exits)
    score = np.clip(1 - hardness[:, None] * 0.7 + random.normal(0, 0.1, (jets, exits)) + reach - 0.9, 0, 1)
    if rule in ("full", "fixed"):
        taken = np.full(jets, fixed)
    else:
        leave = score > threshold if rule == "confidence" else score > 1 - threshold
        leave[:, -1] = True
        taken = leave.argmax(axis=1)
    correct = hardness + random.normal(0, 0.02, jets) < reach[taken]
    return taken, correct, multiplicity


def wilson(k, n):
    z2, p = 1.96**2, k / n
    centre, half = (
        (p + z2 / 2 / n) / (1 + z2 / n),
        1.96 * np.sqrt(p * (1 - p) / n + z2 / 4 / n**2) / (1 + z2 / n),
    )
    return centre - half, centre + half


def make_point(model, batch, rule, fixed, threshold, random, exits=4, samples=40):
    taken, correct, multiplicity = simulate(model, rule, fixed, threshold, random)
    own, jets = EXITS[model], len(taken)
    bins = np.searchsorted(EDGES, multiplicity)
    exit_cost = COST[model] * np.linspace(0.3, 1.02, own)
    mean = exit_cost[taken].mean() if rule != "full" else COST[model]
    low, high = wilson(correct.sum(), jets)
    time = np.full((exits, samples), np.nan)
    leaving = np.full((exits, samples), -1)
    seconds = COST[model] * batch * 2e-11 * random.lognormal(0, 0.08, samples) + 2e-4
    for exit_index in range(own):
        drawn = random.choice(taken, (samples, batch))
        leaving[exit_index] = (drawn == exit_index).sum(1)
        time[exit_index] = np.where(leaving[exit_index] > 0, seconds * (exit_index + 1) / own, np.nan)
    pad = lambda values: np.concatenate([values, np.full(exits - len(values), np.nan)])  # noqa: E731
    fraction = pad(np.bincount(taken, minlength=own) / jets)
    per_bin = np.stack(
        [pad(np.bincount(taken[bins == b], minlength=own) / max((bins == b).sum(), 1)) for b in range(7)]
    )
    flat, weight = time[leaving > 0], leaving[leaving > 0]
    order = np.argsort(flat)
    share = np.cumsum(weight[order]) / weight.sum()
    quantile = [
        flat[order][min(np.searchsorted(share, p / 100), len(flat) - 1)] if samples >= FLOORS[p] else np.nan
        for p in PERCENTILES
    ]
    right = np.array([correct[taken == k].mean() if (taken == k).any() else np.nan for k in range(own)])
    median = np.median(seconds)
    values = {
        "state": 1, "model": list(EXITS).index(model), "rule": ENUMERATIONS["rule"].index(rule),
        "scenario": 1 if batch == 1 else 0, "batch": batch, "fixed_exit": fixed, "threshold": threshold,
        "thresholds": pad(np.full(own - 1, threshold)), "exits": own, "jets": jets,
        "selection": 0, "max_loss": np.nan, "chosen_accuracy": np.nan, "chosen_cost": np.nan,
        "accuracy": correct.mean(), "accuracy_ci_low": low, "accuracy_ci_high": high,
        "accuracy_loss": 0.01, "accuracy_loss_ci_low": 0.002, "accuracy_loss_ci_high": 0.018,
        "auc": 0.98, "auc_ci_low": 0.979, "auc_ci_high": 0.981,
        "exit_fraction": fraction, "exit_fraction_multiplicity": per_bin,
        "jets_multiplicity": np.bincount(bins, minlength=7),
        "multiply_adds": mean, "relative_cost": mean / COST[model], "accuracy_mixing": 0.8,
        "calibration_error": 0.02, "exit_calibration_error": pad(np.full(own, 0.03)),
        "exit_accuracy": pad(right), "exit_accuracy_ci_low": pad(right - 0.02), "exit_accuracy_ci_high": pad(right + 0.02),
        "batch_time": median, "batch_time_ci_low": 0.99 * median, "batch_time_ci_high": 1.01 * median,
        "batch_time_rank": median * np.linspace(0.9, 1.0, RANKS), "sample_rank": RANKS - 1,
        "throughput": RANKS * batch / median, "throughput_ci_low": 0.98 * RANKS * batch / median,
        "throughput_ci_high": 1.02 * RANKS * batch / median,
        "segment_time": pad(np.full(own, 0.7 * median / own)), "head_time": pad(np.full(own, 0.2 * median / own)),
        "compact_time": 0.05 * median, "latency": np.array(quantile),
        "latency_exit": np.tile(quantile, (exits, 1)),
        "n_samples": 3 * samples, "jets_run": 500, "stop_reason": 0, "sample_time": seconds.astype(np.float32),
        "sample_answer_time": time.astype(np.float32), "sample_leaving": leaving.astype(np.int32),
    }  # fmt: skip
    return values


def choices(random):
    """Two points with thresholds chosen on other jets, with round numbers."""
    chosen = {"max_loss": 0.005, "accuracy": 0.83, "chosen_cost": 0.5, "relative_cost": 0.625}
    shared = make_point("particlenet", 64, "confidence", -1, 0.8125, random) | chosen
    each = make_point("particlenet", 64, "confidence", -1, np.nan, random) | chosen
    each["thresholds"] = np.array([0.75, 0.5, np.nan, np.nan])
    # As few multiply-adds as nothing else has: the table of the front shows this point too.
    return [
        shared | {"selection": 1, "chosen_accuracy": 0.8375},
        each | {"selection": 2, "chosen_accuracy": 0.835, "multiply_adds": 1e6},
    ]


DIMENSIONS = {
    "thresholds": ("exit",), "exit_fraction": ("exit",), "exit_fraction_multiplicity": ("multiplicity", "exit"),
    "jets_multiplicity": ("multiplicity",), "latency": ("percentile",), "latency_exit": ("exit", "percentile"),
    "exit_calibration_error": ("exit",), "exit_accuracy": ("exit",), "exit_accuracy_ci_low": ("exit",),
    "exit_accuracy_ci_high": ("exit",), "batch_time_rank": ("rank",), "segment_time": ("exit",), "head_time": ("exit",),
    "sample_time": ("sample",), "sample_answer_time": ("exit", "sample"), "sample_leaving": ("exit", "sample"),
}  # fmt: skip


def write_campaign(folder, task=0, seed=4, **attributes):
    """Writes folder/tasks/<task>/task.h5 and its journal; its last two points are failed and pending, the
    others were measured from the last to the first.

    With the attribute choosing_data, its first points have thresholds chosen there.
    """
    random = np.random.default_rng(seed)
    points = choices(random) if "choosing_data" in attributes else []
    points += [make_point(*setting, random) for setting in settings()]
    points[-1]["state"], points[-2]["state"] = 0, 2
    for index, point in enumerate(points):
        point["point_id"] = np.bytes_(f"{task:08x}{index:08x}")
    variables = {}
    for name in points[0]:
        stacked = np.stack([np.asarray(point[name]) for point in points])
        attrs = {"units": "1", "long_name": name, "mark": "record"}
        if name in ENUMERATIONS:
            stacked = stacked.astype(np.uint8)
            attrs["_FillValue"] = np.uint8(255)
            attrs["flag_values"] = np.arange(len(ENUMERATIONS[name]), dtype=np.uint8)
            attrs["flag_meanings"] = " ".join(ENUMERATIONS[name])
        elif np.issubdtype(stacked.dtype, np.integer):
            attrs["_FillValue"] = stacked.dtype.type(-1)
        variables[name] = (("point", *DIMENSIONS.get(name, ())), stacked, attrs)
    data = xr.Dataset(
        variables,
        {
            "point": np.arange(len(points)), "exit": np.arange(4), "percentile": PERCENTILES,
            "multiplicity": EDGES, "rank": np.arange(RANKS), "sample": np.arange(40),
        },
        {
            "schema_version": "1.4", "campaign": "test-campaign", "suite": "test", "effort": "quick",
            "cpu": "Test CPU", "device": "cpu", "mpi_size": RANKS, "threads_per_rank": 1, "cores": 2,
            "oversubscribed": 1, "data": "jets_test.h5", "eebench_version": "0.1.0", **attributes,
        },
    )  # fmt: skip
    path = folder / "tasks" / f"{task:04d}"
    path.mkdir(parents=True)
    data.to_netcdf(path / "task.h5", engine="h5netcdf")
    (path / "journal.jsonl").write_text("".join(journal_lines(points)))
    return folder


def journal_lines(points):
    for index in range(len(points) - 2, -1, -1):
        entry = {"id": points[index]["point_id"].decode(), "point": index, "state": "ok"}
        if points[index]["state"] == 2:
            entry |= {"state": "failed", "error": "disk <full>"}
        yield json.dumps(entry) + "\n"
