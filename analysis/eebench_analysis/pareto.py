"""Accuracy against what it costs: multiply-adds (replayed) or latency (measured)."""

import numpy as np

from . import style
from .latency import kept_batches, mean_latency, rows
from .load import ok_points
from .points import BASELINES, column, one_job, once, panels, rules, select, unique, which_job

MILLION = 1e6
BEATEN = "#c3c7ca"
BARS = (
    "bars: 95 % intervals of the difference from full depth on the same jets; band: 95 % Wilson interval of full depth"
)


def front(cost, quality):
    """True for points that no other point beats: none is as cheap and better, or as good and cheaper."""
    cost, quality = np.asarray(cost, float), np.asarray(quality, float)
    order = np.lexsort((-quality, cost))
    keep = np.zeros(len(cost), bool)
    best = -np.inf
    for index in order:
        if np.isfinite(cost[index]) and quality[index] > best:
            keep[index] = True
            best = quality[index]
    return keep


def mixing_line(cost, quality):
    """Upper hull of the fixed exits: what a coin tossed between two of them reaches."""
    hull = []
    for point in sorted(zip(np.asarray(cost, float), np.asarray(quality, float))):
        while len(hull) > 1 and cross(hull[-2], hull[-1], point) >= 0:
            hull.pop()
        hull.append(point)
    peak = max(range(len(hull)), key=lambda i: hull[i][1]) if hull else -1
    return np.array(hull[: peak + 1]).reshape(-1, 2)


def cross(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@style.styled
def accuracy_against_multiply_adds(data):
    """One panel a network."""
    points = once(ok_points(data))
    models = unique(points, "model")
    fig, axes = style.grid([len(models)], width=5.6, height=4.4, columns=len(models))
    for axis, model in zip(axes, models):
        chosen = select(points, model=model)
        panel(axis, chosen, rules(points), chosen["multiply_adds"].values / MILLION)
        axis.set_title(f"{model} (n = {int(chosen['jets'].max()):,} jets)")
        axis.set_xlabel("mean multiply-adds per jet [million]")
    axes[0].set_ylabel("accuracy")
    style.legend(fig, entries(points))
    style.footnote(
        fig,
        data,
        f"{data.attrs.get('data', '')}, replayed from one pass through all exits; {BARS}; grey: another "
        "point shown is at least as cheap and better",
    )
    return fig


@style.styled
def accuracy_against_latency(data):
    """One panel for each network, scenario and batch size."""
    points = one_job(ok_points(data))
    shown = panels(points)
    fig, axes = style.grid([len(shown)], width=5.0, columns=len(unique(points, "model")))
    for axis, (model, scenario, batch) in zip(axes, shown):
        chosen = select(points, model=model, scenario=scenario, batch=batch)
        latency = [mean_latency(chosen.isel(point=i)) for i in range(chosen.sizes["point"])]
        centre, low, high = 1e3 * np.array(latency).T
        panel(axis, chosen, rules(points), centre, np.maximum([centre - low, high - centre], 0))
        axis.set_title(f"{model}, {scenario}, batch {batch}")
        axis.set_xlabel("mean latency of a jet [ms]")
        axis.set_ylabel("accuracy")
    style.legend(fig, entries(points))
    replayed, run = int(points["jets"].max()), int(points["jets_run"].min())
    batches = min(kept_batches(row) for row in rows(points))
    style.footnote(
        fig,
        data,
        f"accuracy replayed (n = {replayed:,} jets); {BARS}; latency measured{which_job(data)} on {run:,} jets or more "
        f"(at least {batches} batches a point, 95 % bootstrap intervals over batches), from hand-over of the batch to the "
        "jet's answer, slowest rank; grey: another point is faster and better",
    )
    return fig


def look(index):
    return style.COLOURS[index % 6], style.MARKERS[index % 6]


def entries(points):
    """The legend of all panels."""
    return {
        "full network, no early head": style.mark("#222222", "*", markersize=10),
        "fixed exits": style.mark("#222222", "s", markerfacecolor="white"),
        "coin mixing of the baselines": style.mark("#444444", line="--", linewidth=1),
        **{name: style.mark(*look(index)) for index, name in enumerate(rules(points))},
        "beaten (shape: its rule)": style.mark(BEATEN, "o"),
    }


def panel(axis, points, names, cost, cost_error=None):
    """`names`: rules of all panels, so that each looks the same in all."""
    accuracy, loss = points["accuracy"].values, column(points, "accuracy_loss")
    error = np.maximum(
        [column(points, "accuracy_loss_ci_high") - loss, loss - column(points, "accuracy_loss_ci_low")], 0
    )
    best = front(cost, accuracy)
    rule = points["rule"].values

    def marks(mask, colour, marker, **extra):
        shown = error[:, mask]
        across = cost_error[:, mask] if cost_error is not None else None
        axis.errorbar(
            cost[mask], accuracy[mask], yerr=shown, xerr=across, fmt=marker, color=colour,
            elinewidth=0.7, **extra,
        )  # fmt: skip

    baseline = np.isin(rule, BASELINES)
    if baseline.any():
        hull = mixing_line(cost[baseline], accuracy[baseline])
        axis.plot(*hull.T, "--", color="#444444", linewidth=1, zorder=1)
    for index, name in enumerate(names):
        colour, marker = look(index)
        marks((rule == name) & ~best, BEATEN, marker, zorder=2)
        marks((rule == name) & best, colour, marker, zorder=4)
    if (rule == "fixed").any():
        marks(rule == "fixed", "#222222", "s", markerfacecolor="white", zorder=3)
    if (rule == "full").any():
        marks(rule == "full", "#222222", "*", markersize=10, zorder=5)
        axis.axhline(accuracy[rule == "full"][0], color="#222222", linewidth=0.6, linestyle=":")
        band = (points[f"accuracy_ci_{end}"].values[rule == "full"][0] for end in ("low", "high"))
        axis.axhspan(*band, color="#222222", alpha=0.06, linewidth=0, zorder=0)
