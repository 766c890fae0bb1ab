"""What leaving early risks: wrong answers and calibration against the threshold."""

import numpy as np

from . import style
from .load import ok_points
from .points import by_threshold, column, once, rules_by_threshold, select, unique


@style.styled
def by_rule_and_threshold(data):
    """Share of wrong answers of all jets and of those that leave at each exit; a row of panels a network."""
    points = once(ok_points(data))
    wanted = {model: rules_by_threshold(select(points, model=model)) for model in unique(points, "model")}
    fig, axes = style.grid([len(names) for names in wanted.values()], width=4.6, height=3.3)
    for axis, (model, rule) in zip(axes, ((m, r) for m, names in wanted.items() for r in names)):
        own = select(points, model=model)
        chosen = by_threshold(own, rule)
        threshold = chosen["threshold"].values
        for k in range(int(chosen["exits"][0])):
            exit_points = chosen.isel(exit=k)
            wrong(axis, threshold, exit_points, "exit_accuracy", style.COLOURS[k % 6], style.MARKERS[k % 6])
        wrong(axis, threshold, chosen, "accuracy", "#222222", "*", markersize=9)
        axis.plot(threshold, column(chosen, "calibration_error"), "x", color="#222222")
        full = select(own, rule="full")
        if full.sizes["point"]:
            axis.axhline(1 - float(full["accuracy"][0]), color="#222222", linewidth=0.8, linestyle=":")
        axis.set_ylim(bottom=0)
        axis.set_title(f"{model}: {rule}")
        axis.set_xlabel("threshold")
        axis.set_ylabel("share of wrong answers")
    deepest = int(points["exits"].max())
    style.legend(
        fig,
        {
            "all jets": style.mark("#222222", "*", markersize=9),
            **{f"left at exit {k}": style.mark(style.COLOURS[k % 6], style.MARKERS[k % 6]) for k in range(deepest)},
            "full network": style.mark("#222222", line=":"),
            "calibration error, all jets": style.mark("#222222", "x"),
        },
    )
    jets = int(points["jets"].max())
    style.footnote(
        fig, data,
        f"replayed, n = {jets:,} jets a threshold, at each exit the jets that leave there; bars: 95 % Wilson intervals; "
        "expected calibration error of 15 bins, without interval",
    )  # fmt: skip
    return fig


def wrong(axis, threshold, points, name, colour, marker, **extra):
    """One minus an accuracy, with its interval turned over."""
    centre, low, high = (column(points, f"{name}{end}") for end in ("", "_ci_low", "_ci_high"))
    axis.errorbar(
        threshold, 1 - centre, yerr=np.maximum([high - centre, centre - low], 0), fmt=marker, color=colour,
        elinewidth=0.7, **extra,
    )  # fmt: skip
