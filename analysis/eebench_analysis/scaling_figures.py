"""What files of `eebench scale` hold, as it was measured: steps and their parts over numbers of ranks, and sums by size."""

import numpy as np
from matplotlib.patches import Patch

from . import style
from .scaling import PARTS

SHADES = dict(zip(PARTS, ("#c9dcea", "#8fb7d2", "#b5694a", "#0b3c5a")))
DIAMOND = style.mark("#c1542b", "D", markerfacecolor="white")


@style.styled
def steps(data):
    """The time of a step by what it went into, speed-up and efficiency, each with its ideal."""
    fig, (split, speed, efficiency) = style.grid([3], width=4.2)
    ranks, base = data["ranks"].values, data["ranks"].values[0]
    place = np.arange(len(ranks))
    bottom = np.zeros(len(ranks))
    for part in PARTS:
        height = 1e3 * np.nanmean(data[f"{part}_time"].values, axis=1)
        split.bar(place, height, bottom=bottom, width=0.8, color=SHADES[part])
        bottom += height
    bars(split, data, place, "step_time", 1e3)
    split.set_ylabel("time of a step [ms]")
    split.set_title(f"{base:g} {plural(base)}: {data['throughput'].values[0]:.4g} jets/s")
    for axis, name, ideal in ((speed, "speed_up", ranks / base), (efficiency, "efficiency", np.ones(len(ranks)))):
        axis.plot(place, ideal, color="#222222", linewidth=0.8, linestyle=":")
        bars(axis, data, place, name)
        axis.set_ylim(bottom=0)
        axis.set_ylabel(name.replace("_", "-"))
        axis.set_title(f"{name.replace('_', '-')} over {base:g} {plural(base)}")
    for axis in (split, speed, efficiency):
        shared = data["oversubscribed"].values
        axis.set_xticks(place, [f"{n:g}{'*' if s else ''}" for n, s in zip(ranks, shared)])
        axis.set_xlabel("ranks (*: more threads than cores, no scaling)" if shared.any() else "ranks")
    style.legend(
        fig,
        {part: Patch(color=shade) for part, shade in SHADES.items()}
        | {"median of the slowest rank": DIAMOND, "ideal": style.mark("#222222", line=":")},
    )
    a = data.attrs
    jets = data["jets"].values[0]
    jets = f"{jets / base:g} jets a rank" if a["mode"] == "weak" else f"{jets:g} jets in all"
    words = f"{a['stage']}, {a['mode']} scaling, {jets} a step; parts: means over ranks and steps; {conditions(data)}"
    style.caption(fig, words)
    return fig


@style.styled
def bandwidth(data):
    """Bus bandwidth of all-reduces by themselves against their size, a series for each number of ranks."""
    fig, (axis,) = style.grid([1], width=6.5)
    looks = {}
    for index, ranks in enumerate(np.unique(data["ranks"].values)):
        of_ranks = data.isel(point=np.flatnonzero(data["ranks"].values == ranks))
        shared = "*" if of_ranks["oversubscribed"].values.any() else ""
        look = style.line(index) | {"marker": style.MARKERS[index % len(style.MARKERS)]}
        looks[f"{ranks:g} {plural(ranks)}{shared}"] = look
        time, low, high = (of_ranks[f"step_time{end}"].values for end in ("", "_ci_low", "_ci_high"))
        rate = of_ranks["bus_bandwidth"].values / 1e9
        axis.errorbar(
            of_ranks["bytes"].values, rate, yerr=np.maximum([rate * (1 - time / high), rate * (time / low - 1)], 0),
            elinewidth=0.8, **look,
        )  # fmt: skip
    style.log_ticks(axis, "y")
    axis.set_xscale("log", base=2)
    axis.set_title("All-reduce")
    axis.set_xlabel("size [byte]")
    axis.set_ylabel("bus bandwidth [GB/s]")
    style.legend(fig, {label: style.key(look) for label, look in looks.items()})
    style.caption(fig, f"2 (n - 1) / n times the bytes over the median time; *: more threads than cores; {conditions(data)}")
    return fig


def bars(axis, data, place, name, scale=1.0):
    """Values with their 95 % intervals; hollow diamonds."""
    value, low, high = (scale * data[f"{name}{end}"].values for end in ("", "_ci_low", "_ci_high"))
    axis.errorbar(
        place, value, yerr=np.nan_to_num(np.maximum([value - low, high - value], 0)), fmt="D", color="#c1542b",
        markerfacecolor="white", elinewidth=0.8,
    )  # fmt: skip


def plural(ranks):
    return "rank" if ranks == 1 else "ranks"


def conditions(data):
    a = data.attrs
    mark = data["step_time"].attrs["mark"]
    emulated = " (ranks slept for their computing; sums are real)" if mark == "emulated" else ""
    return (
        f"{mark}{emulated}, n = {data.sizes['sample']} steps a point, bars: 95 % intervals; {a['cpu']}, {a['device']}: up to "
        f"{data['ranks'].values.max():g} ranks × {a['threads_per_rank']} thread(s) on {a['cores']} cores"
    )
