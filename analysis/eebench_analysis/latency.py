"""How long a jet waits for its answer: from the hand-over of its batch, never time divided by batch."""

import numpy as np

from . import style
from .load import ok_points
from .points import one_job, given, in_order, mixed, panels, rules, select, spread, thresholds_of, unique, which_job

RESAMPLES = 500
PERCENTILE_MARKERS = {50: "o", 90: "s", 99: "D"}
PERCENTILES = {
    f"p{percentile}": style.mark(style.GREY, marker, markerfacecolor="white")
    for percentile, marker in PERCENTILE_MARKERS.items()
}


def answers(point):
    """Times [s] and jets of every answer of one point, [exit, batch]; exits nobody took weigh 0."""
    time = point["sample_answer_time"].values.astype(float)
    jets = np.where(np.isfinite(time), np.maximum(point["sample_leaving"].values, 0), 0)
    return np.nan_to_num(time), jets.astype(float)


def kept_batches(point):
    """Timed batches in the file, of `n_samples` the first."""
    return int(np.isfinite(point["sample_time"].values).sum())


def mean_latency(point, seed=1):
    """Mean over jets [s] with a 95 % bootstrap interval over batches; NaN where nothing was timed."""
    time, jets = answers(point)
    weight = jets.sum(axis=0)
    total = (time * jets).sum(axis=0)[weight > 0]
    weight = weight[weight > 0]
    if len(weight) == 0:
        return np.nan, np.nan, np.nan
    centre = total.sum() / weight.sum()
    if len(weight) < 8:
        return centre, np.nan, np.nan
    picks = np.random.default_rng(seed).integers(0, len(weight), (RESAMPLES, len(weight)))
    means = total[picks].sum(axis=1) / weight[picks].sum(axis=1)
    return centre, *np.quantile(means, [0.025, 0.975])


def ecdf(time, jets):
    """Sorted times and the share of jets that have their answer by then."""
    time, jets = np.ravel(time), np.ravel(jets)
    time, jets = time[jets > 0], jets[jets > 0]
    order = np.argsort(time)
    return time[order], np.cumsum(jets[order]) / jets.sum() if len(time) else jets


@style.styled
def distributions(data):
    """Share of jets answered within a time: the full network and three thresholds of one rule."""
    points = one_job(ok_points(data))
    shown = panels(points)
    fig, axes = style.grid([len(shown)], width=4.6, columns=len(unique(points, "model")))
    looks = {"full network": {"color": "#222222", "linestyle": "-"}}
    for axis, (model, scenario, batch) in zip(axes, shown):
        chosen = select(points, model=model, scenario=scenario, batch=batch)
        curves = [(row, "full network") for row in rows(select(chosen, rule="full"))]
        for row in rows(spread(of_first_rule(chosen))):
            curves.append((row, f"{row['rule'].item()} at {thresholds_of(row)}"))
        for row, label in curves:
            look = looks.setdefault(label, style.line(len(looks) - 1))
            curve(axis, *answers(row), look, row["latency"])
        finish(axis, f"{model}, {scenario}, batch {batch} ({span(kept_batches(row) for row, _ in curves)} batches)")
    style.legend(fig, {label: style.key(look) for label, look in looks.items()} | PERCENTILES)
    conditions(fig, data)
    return fig


@style.styled
def by_exit(data):
    """The same, apart for the jets of each exit, at the middle threshold of one rule."""
    points = one_job(ok_points(data))
    shown = [key for key in panels(points) if rules(given(select(points, model=key[0])))]
    fig, axes = style.grid([len(shown)], width=4.6, columns=len(unique(points, "model")))
    for axis, (model, scenario, batch) in zip(axes, shown):
        ordered = of_first_rule(select(points, model=model, scenario=scenario, batch=batch))
        if ordered.sizes["point"] == 0:
            continue
        row = ordered.isel(point=ordered.sizes["point"] // 2)
        time, jets = answers(row)
        exits = range(int(row["exits"]))
        for k in exits:
            curve(axis, time[k], jets[k], style.line(k), row["latency_exit"].isel(exit=k))
        batches = " / ".join(str(int((jets[k] > 0).sum())) for k in exits)
        title = f"{model}, {scenario}, batch {batch}: {row['rule'].item()} at {thresholds_of(row)}"
        finish(axis, f"{title}\nexits answered in {batches} batches")
    deepest = int(points["exits"].max())
    style.legend(fig, {f"exit {k}": style.key(style.line(k)) for k in range(deepest)} | PERCENTILES)
    conditions(fig, data)
    return fig


def of_first_rule(points):
    """The first rule's points by threshold: of the thresholds given, those that use several exits."""
    names = rules(given(points))
    return mixed(in_order(given(points), names[0])) if names else points.isel(point=[])


def span(numbers):
    """"16" or "16 to 20"."""
    numbers = sorted(set(numbers))
    return " to ".join(str(number) for number in (numbers[:1] + numbers[1:][-1:]))


def bound(batches):
    """Half-width, at one time, of a 95 % interval of a curve that averages `batches` batches."""
    return min(1.0, np.sqrt(np.log(2 / 0.05) / (2 * batches))) if batches else 1.0


def rows(points):
    return [points.isel(point=index) for index in range(points.sizes["point"])]


def curve(axis, time, jets, look, stored):
    """A step function, and on it the percentiles that the file has: those with batches enough."""
    at, share = ecdf(time, jets)
    if len(at):
        axis.step(1e3 * np.r_[at[0], at], np.r_[0, share], where="post", **look)
        for percentile, marker in PERCENTILE_MARKERS.items():
            if np.isfinite(float(stored.sel(percentile=percentile))):
                where = at[np.searchsorted(share, percentile / 100 - 1e-12)]
                axis.plot(1e3 * where, percentile / 100, marker, color=look["color"], markerfacecolor="white")


def finish(axis, title):
    axis.set_title(title)
    style.log_ticks(axis)
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("latency of a jet [ms]")
    axis.set_ylabel("share of jets answered")


def conditions(fig, data):
    style.footnote(
        fig,
        data,
        f"measured{which_job(data)}, from hand-over of the batch to the jet's answer, slowest rank; a curve of 10, 100, "
        "1000 batches is "
        f"within ±{bound(10):.2f}, {bound(100):.2f}, {bound(1000):.2f} at 95 % (Hoeffding, at each time); marks on "
        "the curves where there are batches enough for a percentile",
    )
