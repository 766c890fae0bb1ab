"""Everything that a campaign says about the time of one point."""

import numpy as np

from .errors import InputError
from .load import job_sizes, job_text
from .noise import FEWEST, median_interval
from .points import column, rule_text, thresholds_of
from .tables import markdown

LEVELS = (50, 90, 95, 99)
QUANTILES = (0, 5, 25, 50, 75, 95, 100)
REPLICAS = 2000


def describe(data, index):
    """What point `index` of load() was, and of its stored batch times: samples [s], mean, median, quantiles, and the
    intervals of median (order statistics) and mean (bootstrap) at 50, 90, 95 and 99 %; energy, where it was read."""
    if not 0 <= index < data.sizes["point"]:
        raise InputError(f"no point {index}; points are 0 to {data.sizes['point'] - 1}")
    row = data.isel(point=index)
    samples = row["sample_time"].values.astype(float)
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        raise InputError(f"point {index} is {row['state'].item() or 'missing'}: it has no times")
    return {
        "network": row["model"].item(),
        "rule": rule_text(row),
        "thresholds": thresholds_of(row),
        "scenario": row["scenario"].item(),
        "executor": row["executor"].item() if "executor" in row else "leaving",
        "batch": int(row["batch"]),
        "job": job_text(job_sizes(row)[0]),
        "batches": int(row["n_samples"]),
        "samples": samples,
        "mean": samples.mean(),
        "median": np.median(samples),
        "quantiles": {level: np.percentile(samples, level) for level in QUANTILES},
        "median_interval": {level: median_interval(samples, level) for level in LEVELS},
        "mean_interval": {level: mean_interval(samples, level) for level in LEVELS},
        "energy": float(column(row, "energy")),
        "jets_per_joule": float(column(row, "jets_per_joule")),
        "energy_counters": data.attrs.get("energy_counters", "absent: the file is older than format 1.6"),
    }


def mean_interval(samples, level):
    """Percentiles of the means of samples drawn with replacement; the same draws every time."""
    if len(samples) < FEWEST:
        return np.nan, np.nan
    random = np.random.default_rng(1)
    means = [random.choice(samples, len(samples)).mean() for _ in range(REPLICAS)]
    return tuple(np.percentile(means, [50 - level / 2, 50 + level / 2]))


def text(data, index):
    """The same as a table in milliseconds."""
    known = describe(data, index)
    what = ", ".join(str(known[name]) for name in ("network", "rule", "thresholds", "scenario", "executor"))
    rows = [(f"{level} % quantile", f"{1e3 * value:.4g}", "") for level, value in known["quantiles"].items()]
    for name in ("median", "mean"):
        for level, (low, high) in known[f"{name}_interval"].items():
            interval = f"{1e3 * low:.4g} to {1e3 * high:.4g}" if np.isfinite(low) else "too few batches"
            rows.append((f"{name}, {level} % interval", f"{1e3 * known[name]:.4g}", interval))
    energy = (
        f"{known['energy']:.4g} J in all passes, {known['jets_per_joule']:.4g} jets a joule ({known['energy_counters']})"
        if np.isfinite(known["energy"])
        else known["energy_counters"]
    )
    return "\n".join(
        (
            f"Point {index}: {what}, batch {known['batch']}, {known['job']}",
            "",
            markdown(("time of a batch", "ms", ""), rows),
            "",
            f"{len(known['samples'])} of {known['batches']} timed batches of the slowest rank are stored. Energy: {energy}",
        )
    )
