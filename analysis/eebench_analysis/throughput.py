"""Jets per second against the batch, and where the time of a batch goes."""

import numpy as np
from matplotlib.patches import Patch

from . import style
from .latency import of_first_rule, rows
from .load import crowded_jobs, ok_points
from .points import column, jobs, of_job, one_job, panels, select, spread, thresholds_of, unique, which_job

PARTS = ("stem and segments", "heads, scores, decisions", "compaction")
SHADES = ("#c9dcea", "#6f9dbd", "#0b3c5a")


@style.styled
def against_batch(data):
    """The full network and three thresholds of one rule; a panel for each network and scenario."""
    points = one_job(ok_points(data))
    pairs = ((scenario, model) for scenario in unique(points, "scenario") for model in unique(points, "model"))
    shown = [pair for pair in pairs if select(points, scenario=pair[0], model=pair[1]).sizes["point"]]
    fig, axes = style.grid([len(shown)], width=4.6, columns=len(unique(points, "model")))
    looks = {"full network": {"color": "#222222", "marker": "*", "markersize": 9}}
    for axis, (scenario, model) in zip(axes, shown):
        chosen = select(points, model=model, scenario=scenario)
        batches = sorted(unique(chosen, "batch"))
        for place, batch in enumerate(batches):
            here = select(chosen, batch=batch)
            series = [("full network", row) for row in rows(select(here, rule="full"))]
            series += [(name(row), row) for row in rows(spread(of_first_rule(here)))]
            draw_series(axis, place, series, looks)
        axis.set_xticks(range(len(batches)), batches)
        axis.set_xlim(-0.5, len(batches) - 0.5)
        axis.set_ylim(bottom=0)
        axis.set_title(f"{model}, {scenario}")
        axis.set_xlabel("batch [jets a rank is handed at a time]")
        axis.set_ylabel("throughput [jets/s]")
    style.legend(fig, {label: style.key(look | {"linestyle": "none"}) for label, look in looks.items()})
    fewest = int(points["n_samples"].min())
    style.footnote(
        fig, data,
        f"measured{which_job(data)}, all ranks together, {fewest} batches a rank or more; bars: 95 % bootstrap "
        "intervals over passes",
    )  # fmt: skip
    return fig


def draw_series(axis, place, series, looks, **extra):
    """Throughputs with their intervals, side by side around `place`; each label keeps its look."""
    for shift, (label, row) in enumerate(series):
        index = len(looks) - 1
        look = looks.setdefault(label, {"color": style.COLOURS[index % 6], "marker": style.MARKERS[index % 6]})
        value, low, high = (float(column(row, f"throughput{end}")) for end in ("", "_ci_low", "_ci_high"))
        at = place + 0.12 * (shift - (len(series) - 1) / 2)
        error = np.maximum([[value - low], [high - value]], 0)
        axis.errorbar(at, value, yerr=error, linestyle="none", elinewidth=0.8, **look, **extra)


@style.styled
def parts_of_a_batch(data):
    """Segments, heads and compaction of batches of several jets: the full network, and thresholds of one rule."""
    points = one_job(ok_points(data))
    several = points.isel(point=np.flatnonzero(points["batch"].values > 1))
    shown = panels(several)
    fig, axes = style.grid([len(shown)], width=4.6, columns=max(len(unique(several, "model")), 1))
    for axis, (model, scenario, batch) in zip(axes, shown):
        chosen = select(several, model=model, scenario=scenario, batch=batch)
        series = [("full", row) for row in rows(select(chosen, rule="full"))]
        series += [(thresholds_of(row), row) for row in rows(of_first_rule(chosen))]
        for place, (_, row) in enumerate(series):
            bottom = 0.0
            for share, shade in zip(parts(row), SHADES):
                axis.bar(place, 1e3 * share, bottom=bottom, width=0.8, color=shade)
                bottom += 1e3 * share
            value, low, high = (1e3 * float(column(row, f"batch_time{end}")) for end in ("", "_ci_low", "_ci_high"))
            axis.errorbar(
                place, value, yerr=np.maximum([[value - low], [high - value]], 0), fmt="D", color="#c1542b",
                markerfacecolor="white", elinewidth=0.8,
            )  # fmt: skip
        axis.set_xticks(range(len(series)), [label for label, _ in series])
        rule = next((row["rule"].item() for label, row in series if label != "full"), "")
        axis.set_title(f"{model}, {scenario}, batch {batch}")
        axis.set_xlabel(f"threshold of {rule}" if rule else "no rule with thresholds")
        axis.set_ylabel("time of a batch [ms]")
        axis.grid(axis="x", visible=False)
    whole = style.mark("#c1542b", "D", markerfacecolor="white")
    style.legend(fig, {part: Patch(color=shade) for part, shade in zip(PARTS, SHADES)} | {"whole batch": whole})
    fewest = int(several["n_samples"].min()) if several.sizes["point"] else 0
    style.footnote(
        fig, data,
        f"measured{which_job(data)}, slowest rank, {fewest} batches or more; medians of each part over the batches where "
        "it ran, which need not add up to the median of the whole batch (bar: its 95 % interval)",
    )  # fmt: skip
    return fig


@style.styled
def by_job(data):
    """The full network and three thresholds of one rule by the size of the job, and what whole networks do at the middle
    one. A panel for each network, scenario and batch."""
    points = ok_points(data)
    sizes = jobs(points)
    executors = unique(points, "executor") if "executor" in points else ["leaving"]
    crowded = {size for size, is_crowded in crowded_jobs(points) if is_crowded}
    shown = panels(points)
    fig, axes = style.grid([len(shown)], width=4.6, columns=max(len(unique(points, "model")), 1))
    looks = {"full network": {"color": "#222222", "marker": "*", "markersize": 9}}
    for axis, panel in zip(axes, shown):
        of_panel = dict(zip(("model", "scenario", "batch"), panel))
        for place, size in enumerate(sizes):
            here = of_job(select(points, **of_panel), size)
            chosen = rows(spread(of_first_rule(one_job(here))))
            series = [("full network", row) for row in rows(one_job(select(here, rule="full")))]
            series += [(name(row), row) for row in chosen]
            if "whole" in executors and chosen:
                middle = thresholds_of(chosen[len(chosen) // 2])
                whole = rows(of_first_rule(select(here, executor="whole")))
                series += [(f"{name(row)}, nobody leaves", row) for row in whole if thresholds_of(row) == middle]
            draw_series(axis, place, series, looks, **({"markerfacecolor": "white"} if size in crowded else {}))
        labels = [" × ".join(map(str, size[: 3 if size[2] > 1 else 2])) + ("*" if size in crowded else "") for size in sizes]
        axis.set_xticks(range(len(sizes)), labels)
        axis.set_xlim(-0.5, len(sizes) - 0.5)
        axis.set_ylim(bottom=0)
        axis.set_title(f"{panel[0]}, {panel[1]}, batch {panel[2]}")
        axis.set_xlabel("ranks × threads" + (" × nodes" if max(size[2] for size in sizes) > 1 else "") + " of the job")
        axis.set_ylabel("throughput [jets/s]")
    style.legend(fig, {label: style.key(look | {"linestyle": "none"}) for label, look in looks.items()})
    fewest = int(points["n_samples"].min())
    starred = "; * and white: more threads than cores, not a scaling" if crowded else ""
    style.footnote(
        fig, data,
        f"measured, all ranks together, {fewest} batches a rank or more, each size of job in processes of its own; bars: "
        f"95 % bootstrap intervals over passes{starred}",
    )  # fmt: skip
    return fig


def parts(row):
    """Seconds in segments, heads and compaction: sums over exits of their medians."""
    return [float(np.nansum(row[name].values)) for name in ("segment_time", "head_time", "compact_time")]


def name(row):
    return f"{row['rule'].item()} at {thresholds_of(row)}"
