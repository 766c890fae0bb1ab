"""Where jets leave: by threshold and by number of constituents."""

import numpy as np
from matplotlib.patches import Patch

from . import style
from .load import ok_points
from .points import in_order, mixed, once, rules, select, spread, thresholds_of, unique


@style.styled
def by_rule_and_threshold(data):
    """Stacked shares of the exits, one bar a threshold; a row of panels a network."""
    points = once(ok_points(data))
    deepest = int(points["exits"].max())
    wanted = {model: rules(select(points, model=model)) for model in unique(points, "model")}
    fig, axes = style.grid([len(names) for names in wanted.values()], width=3.6, height=3.1)
    for axis, (model, rule) in zip(axes, ((m, r) for m, names in wanted.items() for r in names)):
        chosen = in_order(select(points, model=model), rule)
        labels = [thresholds_of(chosen.isel(point=i)) for i in range(chosen.sizes["point"])]
        stack(axis, chosen["exit_fraction"].values, labels, int(chosen["exits"][0]), deepest)
        axis.set_title(f"{model}: {rule}")
        axis.set_xlabel("threshold")
    legend(fig, deepest)
    jets = int(points["jets"].max())
    style.footnote(fig, data, f"replayed, n = {jets:,} jets each bar (±{margin(jets)} at 95 %)")
    return fig


@style.styled
def by_multiplicity(data):
    """Stacked shares of the exits in bins of multiplicity, at three thresholds of the first rule that use several exits."""
    points = once(ok_points(data))
    deepest = int(points["exits"].max())
    chosen = []
    for model in unique(points, "model"):
        of_model = select(points, model=model)
        for rule in rules(of_model)[:1]:
            chosen.append(spread(mixed(in_order(of_model, rule))))
    fig, axes = style.grid([p.sizes["point"] for p in chosen], width=3.6, height=3.1)
    rows = (p.isel(point=i) for p in chosen for i in range(p.sizes["point"]))
    for axis, row in zip(axes, rows):
        upper = row["multiplicity"].values.astype(int)
        lower = np.concatenate([[1], upper[:-1] + 1])
        labels = [f"{a}–{b}" for a, b in zip(lower, upper)]
        stack(axis, row["exit_fraction_multiplicity"].values, labels, int(row["exits"]), deepest)
        for position, jets in enumerate(row["jets_multiplicity"].values.astype(int)):
            axis.text(position, 1.01, f"{jets}", ha="center", va="bottom", fontsize=6, color="#50565b")
        axis.set_title(f"{row['model'].item()}: {row['rule'].item()}\nat {thresholds_of(row)}", pad=12)
        axis.set_xlabel("constituents of the jet")
    legend(fig, deepest)
    smallest = int(min(p["jets_multiplicity"].values.min() for p in chosen)) if chosen else 0
    style.footnote(
        fig,
        data,
        f"replayed; above each bar the jets in it (±{margin(smallest)} at 95 % in the smallest)",
    )
    return fig


def margin(jets):
    """Largest half-width of a 95 % Wilson interval of a share of `jets`, in points."""
    return f"{100 * 1.96 * 0.5 / np.sqrt(jets + 1.96**2):.1f} points" if jets else "—"


def stack(axis, fractions, labels, exits, deepest):
    bottom = np.zeros(len(labels))
    for exit_index in range(exits):
        share = np.nan_to_num(fractions[:, exit_index])
        axis.bar(labels, share, bottom=bottom, width=0.92, color=shade(exit_index, exits, deepest))
        bottom += share
    axis.set_ylim(0, 1)
    axis.set_ylabel("share of jets")
    axis.grid(axis="x", visible=False)
    axis.tick_params(axis="x", rotation=60 if len(labels) > 5 else 0, labelsize=7)


def shade(exit_index, exits, deepest):
    """Light for the first exit, darker with depth; the last exit of every network is the darkest."""
    light, dark = np.array([0.80, 0.89, 0.95]), np.array([0.03, 0.31, 0.48])
    depth = 1.0 if exit_index == exits - 1 else exit_index / max(deepest - 1, 1)
    return light + (dark - light) * depth


def legend(fig, deepest):
    names = [f"exit {index}" for index in range(deepest - 1)] + ["last exit"]
    style.legend(fig, {name: Patch(color=shade(i, deepest, deepest)) for i, name in enumerate(names)})
