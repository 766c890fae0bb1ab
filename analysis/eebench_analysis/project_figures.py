"""Figures of a project, and of several side by side."""

import csv

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from . import exits, style
from .load import ok_points
from .points import BASELINES, once, rules, select, thresholds_text

ENDINGS = ("png", "pdf")
QUALITIES = {"accuracy": "accuracy", "auc": "AUC"}
COSTS = {"flops": ("mean FLOPs per jet [million]", 1e6), "parameters": ("mean parameters a jet meets [thousand]", 1e3)}
WINDOW = 100  # at most so many points of the training loss are drawn, each a mean of its share of the steps


def draw(name, training, evaluation, campaign, folder):
    """Writes all figures of a project; returns the PNG files."""
    figures = {
        "cost": quality_against_cost({name: campaign}),
        "exit_distribution": exits.by_rule_and_threshold(campaign),
        "loss": training_curves(training),
        "calibration": calibration(evaluation),
    }
    return [save(figure, folder / title) for title, figure in figures.items()]


def draw_comparison(campaigns, output):
    return [save(quality_against_cost(campaigns), output)]


def save(figure, path):
    for ending in ENDINGS:
        figure.savefig(f"{path}.{ending}")
    plt.close(figure)
    return f"{path}.{ENDINGS[0]}"


@style.styled
def quality_against_cost(campaigns):
    """Accuracy and AUC against FLOPs and parameters: every exit with all jets, and each rule over its thresholds."""
    fig, axes = style.grid([2, 2], width=5.2, height=3.4)
    entries = {}
    for index, (name, data) in enumerate(campaigns.items()):
        colour = style.COLOURS[index % len(style.COLOURS)]
        prefix = f"{name}: " if len(campaigns) > 1 else ""
        points = once(ok_points(data))
        baseline = points.isel(point=np.flatnonzero(np.isin(points["rule"].values, BASELINES))).sortby("fixed_exit")
        for axis, (quality, cost) in zip(axes, ((q, c) for q in QUALITIES for c in COSTS)):
            x, y = baseline[cost].values / COSTS[cost][1], baseline[quality].values
            axis.plot(x, y, "o-", color=colour)
            axis.plot(x[-1:], y[-1:], "*", color=colour, markersize=11)
            for k in range(len(x) - 1):
                axis.annotate(f"{k}", (x[k], y[k]), xytext=(3, -9), textcoords="offset points", fontsize=7, color=colour)
            for rule in rules(points):
                chosen = select(points, rule=rule).sortby(cost)
                x, y = chosen[cost].values / COSTS[cost][1], chosen[quality].values
                axis.plot(x, y, "D--", color=colour, markerfacecolor="white")
        entries |= {
            f"{prefix}all jets at an exit": style.mark(colour, "o", line="-"),
            f"{prefix}full depth": style.mark(colour, "*", markersize=11),
            **{
                f"{prefix}{rule}, by threshold": style.mark(colour, "D", line="--", markerfacecolor="white")
                for rule in rules(points)
            },
        }
    for axis, (quality, cost) in zip(axes, ((q, c) for q in QUALITIES for c in COSTS)):
        axis.set_xlabel(COSTS[cost][0])
        axis.set_ylabel(QUALITIES[quality])
    style.legend(fig, entries)
    style.caption(fig, f"replayed from one pass through all exits; {jets_of(campaigns)}")
    return fig


def jets_of(campaigns):
    """Which test jets the figures are of."""
    samples = {data.attrs["data_sha256"]: data for data in campaigns.values()}
    if len(samples) > 1:
        return "NOT all measured on the same test jets"
    (data,) = samples.values()
    return f"{int(ok_points(data)['jets'].max()):,} jets of {data.attrs['data']}"


@style.styled
def training_curves(folder):
    """Loss of the steps, and loss and accuracy of every exit on the validation jets after each epoch."""
    steps, epochs = columns(folder / "train_log.csv"), columns(folder / "epochs.csv")
    fig, (losses, accuracies) = style.grid([2], width=5.2)
    share = max(1, len(steps["step"]) // WINDOW)
    whole = len(steps["step"]) // share * share
    x, y = (steps[key][:whole].reshape(-1, share).mean(axis=1) for key in ("step", "loss"))
    losses.plot(x, y, color=style.GREY)
    entries = {"training, sum of the exits by their weights": style.mark(style.GREY, line="-")}
    for k in range(sum(name.startswith("loss_exit") for name in epochs)):
        look = {"color": style.COLOURS[k % len(style.COLOURS)], "marker": style.MARKERS[k % len(style.MARKERS)]}
        losses.plot(epochs["step"], epochs[f"loss_exit{k}"], **look)
        accuracies.plot(epochs["step"], epochs[f"accuracy_exit{k}"], **look)
        entries[f"validation, exit {k}"] = style.mark(look["color"], look["marker"], line="-")
    for axis, label in ((losses, "loss"), (accuracies, "accuracy")):
        axis.set_xlabel("step")
        axis.set_ylabel(label)
    style.legend(fig, entries)
    style.caption(fig, f"each point of the training loss is the mean of {share} steps; validation after each epoch")
    return fig


def columns(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in (rows[0] if rows else ())}


@style.styled
def calibration(evaluation):
    """Expected calibration error of each exit on all jets, and on those that leave there."""
    fig, (axis,) = style.grid([1], width=6.2)
    last = len(evaluation["exits"]) - 1
    groups = {"all jets": evaluation["exits"]} | {
        f"left by {found['rule']} {thresholds_text(map(str, found['thresholds']))}": found["exits"]
        for found in evaluation["leaving"]
    }
    width, entries = 0.8 / len(groups), {}
    for index, (label, found) in enumerate(groups.items()):
        heights = [np.nan if exit["ece"] is None else exit["ece"] for exit in found]
        colour = style.GREY if index == 0 else style.COLOURS[(index - 1) % len(style.COLOURS)]
        places = np.arange(last + 1) + (index - (len(groups) - 1) / 2) * width
        axis.bar(places, heights, width * 0.92, color=colour)
        entries[label] = Patch(color=colour)
    axis.set_xticks(range(last + 1), [f"exit {k}" for k in range(last)] + ["last exit"])
    axis.set_ylabel("expected calibration error")
    axis.grid(axis="x", visible=False)
    style.legend(fig, entries)
    style.caption(fig, "15 bins of equal width; no bar: no jet left there")
    return fig
