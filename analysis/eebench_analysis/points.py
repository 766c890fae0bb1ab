"""Picks points of a campaign for a figure."""

import numpy as np

from .load import job_sizes, job_text

BASELINES = ("full", "fixed")


def select(data, **equal):
    """Points whose variables equal the given values, e.g. select(data, model="part", batch=1)."""
    keep = np.ones(data.sizes["point"], bool)
    for name, value in equal.items():
        keep &= data[name].values == value
    return data.isel(point=np.flatnonzero(keep))


def unique(data, name):
    """Values of a setting in the order in which they first appear."""
    return list(dict.fromkeys(data[name].values.tolist()))


def rules(data):
    return [rule for rule in unique(data, "rule") if rule not in BASELINES]


def leaving(data):
    """The points where jets really leave, and baselines."""
    return select(data, executor="leaving") if "executor" in data else data


def once(data):
    """One point for each network, rule and thresholds: replayed numbers do not depend on batches, nor, but for cost, on who
    leaves."""
    data = leaving(data)
    seen = {}
    for index in range(data.sizes["point"]):
        key = (
            data["model"].values[index],
            data["rule"].values[index],
            int(data["fixed_exit"].values[index]),
            data["thresholds"].values[index].tobytes(),
        )
        seen.setdefault(key, index)
    return data.isel(point=list(seen.values()))


def jobs(data):
    return sorted(set(job_sizes(data)))


def of_job(data, size):
    return data.isel(point=np.flatnonzero([own == size for own in job_sizes(data)]))


def one_job(data):
    """Of points where jets leave, measured in jobs of several sizes and in several processes, those of the first of both."""
    data = leaving(data)
    data = of_job(data, jobs(data)[0]) if len(jobs(data)) > 1 else data
    return select(data, repeat=data["repeat"].values.min()) if repeats(data) > 1 else data


def repeats(data):
    return len(np.unique(data["repeat"].values)) if "repeat" in data else 1


def which_job(data):
    """For a footnote."""
    size = f" by {job_text(jobs(data)[0])}" if len(jobs(data)) > 1 else ""
    return size + (f" in the first of {repeats(data)} processes" if repeats(data) > 1 else "")


def by_threshold(data, rule):
    """The points of a rule with one shared threshold that jets can reach, in rising threshold."""
    chosen = select(data, rule=rule)
    chosen = chosen.isel(point=np.flatnonzero(np.isfinite(chosen["threshold"].values)))
    return chosen.isel(point=np.argsort(chosen["threshold"].values, kind="stable"))


def rules_by_threshold(data):
    """The rules that have such points."""
    return [rule for rule in rules(data) if by_threshold(data, rule).sizes["point"]]


def in_order(data, rule):
    """The points of a rule that jets can reach: one shared threshold, rising; then one for each exit, by rising cost."""
    chosen = select(data, rule=rule)
    chosen = chosen.isel(point=np.flatnonzero(~np.isinf(chosen["threshold"].values)))
    shared = np.nan_to_num(chosen["threshold"].values, nan=np.inf)
    return chosen.isel(point=np.lexsort((chosen["multiply_adds"].values, shared)))


def rule_text(row):
    rule = row["rule"].item()
    return f"fixed exit {int(row['fixed_exit'])}" if rule == "fixed" else rule


def thresholds_of(row):
    """One number where the early exits share it, else one for each; of baselines a dash."""
    if row["rule"].item() in BASELINES:
        return "—"
    if not np.isnan(row["threshold"]):
        return threshold_text(float(row["threshold"]))
    own = row["thresholds"].values
    return " ".join(threshold_text(value) for value in own[~np.isnan(own)])


def given(data):
    """The points of thresholds that were given, not chosen on other jets."""
    return select(data, selection="given") if "selection" in data else data


def mixed(data):
    """The points where jets leave at more than one exit; all where there are none."""
    keep = np.nanmax(data["exit_fraction"].values, axis=1, initial=0) < 1
    return data.isel(point=np.flatnonzero(keep)) if keep.any() else data


def column(data, name):
    """Values of a variable, NaN where the file is older than the variable."""
    return data[name].values if name in data else np.full(data["state"].shape, np.nan)


def spread(data, count=3):
    """At most `count` points, evenly from the first to the last."""
    n = data.sizes["point"]
    return data.isel(point=np.unique(np.linspace(0, n - 1, min(n, count)).round().astype(int)))


def threshold_text(value):
    return "never" if np.isinf(value) else f"{value:.6g}"


def thresholds_text(texts):
    """Of all early exits: one, where they are the same."""
    texts = list(texts)
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)


def panels(points):
    """(network, scenario, batch) of the timed points, in rising batch size."""
    keys = zip(points["model"].values, points["scenario"].values, points["batch"].values.tolist())
    return sorted(dict.fromkeys(keys), key=lambda key: (key[2], key[1]))
