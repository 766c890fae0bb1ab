"""How long a jet waits for its answer: from the hand-over of its batch, never time divided by batch."""

import numpy as np

from . import style
from .load import ok_points
from .points import by_threshold, panels, rules, select, spread, threshold_text, unique

RESAMPLES = 500
PERCENTILE_MARKERS = {50: "o", 90: "s", 99: "D"}


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
    points = ok_points(data)
    shown = panels(points)
    fig, axes = style.grid([len(shown)], width=6.0, columns=len(unique(points, "model")))
    for axis, (model, scenario, batch) in zip(axes, shown):
        chosen = select(points, model=model, scenario=scenario, batch=batch)
        names = rules(chosen)
        curves = [(row, "full network", "#222222") for row in rows(select(chosen, rule="full"))]
        if names:
            for row, colour in zip(rows(spread(by_threshold(chosen, names[0]))), style.COLOURS):
                text = threshold_text(float(row["threshold"]))
                curves.append((row, f"{names[0]} at {text}", colour))
        for row, label, colour in curves:
            curve(axis, *answers(row), colour, f"{label} ({kept_batches(row)} batches)")
            for percentile, marker in PERCENTILE_MARKERS.items():
                at = 1e3 * float(row["latency"].sel(percentile=percentile))
                axis.plot(at, percentile / 100, marker, color=colour, markerfacecolor="white")
        finish(axis, f"{model}, {scenario}, batch {batch}")
    batches = min(kept_batches(row) for row in rows(points))
    conditions(
        fig,
        data,
        f"curves within ±{bound(batches):.2f} at 95 % for {batches} batches (Hoeffding, at each time); open marks, "
        "of all timed batches: p50 (circle), p90 (square), p99 (diamond), where there are batches enough",
    )
    return fig


@style.styled
def by_exit(data):
    """The same, apart for the jets of each exit, at the middle threshold of one rule."""
    points = ok_points(data)
    shown = [key for key in panels(points) if rules(select(points, model=key[0]))]
    fig, axes = style.grid([len(shown)], width=6.0, columns=len(unique(points, "model")))
    for axis, (model, scenario, batch) in zip(axes, shown):
        chosen = select(points, model=model, scenario=scenario, batch=batch)
        name = rules(chosen)[0]
        ordered = by_threshold(chosen, name)
        row = ordered.isel(point=ordered.sizes["point"] // 2)
        time, jets = answers(row)
        for exit_index in range(int(row["exits"])):
            batches = int((jets[exit_index] > 0).sum())
            if batches:
                colour = style.COLOURS[exit_index % 6]
                label = f"exit {exit_index} ({batches} batches, ±{bound(batches):.2f})"
                curve(axis, time[exit_index], jets[exit_index], colour, label)
                for percentile, marker in PERCENTILE_MARKERS.items():
                    at = 1e3 * float(row["latency_exit"].sel(percentile=percentile)[exit_index])
                    axis.plot(at, percentile / 100, marker, color=colour, markerfacecolor="white")
        text = threshold_text(float(row["threshold"]))
        finish(axis, f"{model}, {scenario}, batch {batch}: {name} at {text}")
    conditions(
        fig,
        data,
        "jets of an exit apart, ± as in the legend at 95 % (Hoeffding, at each time); open marks, of all timed "
        "batches: p50 (circle), p90 (square), p99 (diamond), where there are batches enough",
    )
    return fig


def bound(batches):
    """Half-width, at one time, of a 95 % interval of a curve that averages `batches` batches."""
    return min(1.0, np.sqrt(np.log(2 / 0.05) / (2 * batches))) if batches else 1.0


def rows(points):
    return [points.isel(point=index) for index in range(points.sizes["point"])]


def curve(axis, time, jets, colour, label):
    at, share = ecdf(time, jets)
    if len(at):
        axis.step(1e3 * at, share, where="post", color=colour, label=label)


def finish(axis, title):
    axis.set_title(title)
    style.log_ticks(axis)
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("latency of a jet [ms]")
    axis.set_ylabel("share of jets answered")
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def conditions(fig, data, text):
    style.footnote(
        fig,
        data,
        f"measured, from hand-over of the batch to the jet's answer, slowest rank; {text}",
    )
