"""How far times can be trusted: drift while a point is measured, ranks apart, intervals and what they rest on."""

from statistics import NormalDist

import numpy as np

from . import style
from .latency import rows, span
from .load import job_sizes, ok_points
from .points import unique

BLOCKS = 16
DRIFT = 0.01  # to which standard and official runs want to know a median
FEWEST = 8  # as in the file: no interval of fewer samples
COLOURS = "cividis"  # rising in lightness: reads in greyscale, and to the colour-blind
STOPS = {"converged": "o", "timeout": "s", "budget": "^"}


def in_run_order(points):
    """As they were measured; in the order of the file where there is no journal."""
    return points.isel(point=np.argsort(points["run_order"].values, kind="stable"))


def relative_times(point):
    """Timed batches in order, each over the median of the same batch in all passes: what is left is time passing.

    Of the batches that the file keeps, those of whole passes; empty where it keeps fewer than two. A pass of a rank is as
    many batches as its share of the distinct jets fills.
    """
    time = point["sample_time"].values.astype(float)
    time = time[np.isfinite(time)]
    ranks = int(point.get("ranks", point.sizes["rank"]))  # the dimension is that of the largest job
    batches = max(int(np.ceil(float(point["jets_run"]) / (ranks * float(point["batch"])))), 1)
    passes = len(time) // batches
    if passes < 2:
        return np.empty(0)
    table = time[: passes * batches].reshape(passes, batches)
    return (table / np.median(table, axis=0)).ravel()


def median_interval(values, level=95):
    """Interval of the median at a level in per cent, by order statistics, as the file's own at 95 % (Le Boudec 2010, 2.2.2);
    NaN below 8 values."""
    n = len(values)
    if n < FEWEST:
        return np.nan, np.nan
    width = NormalDist().inv_cdf(0.5 + level / 200) * np.sqrt(n)
    ranks = np.clip([np.floor((n - width) / 2), np.ceil(1 + (n + width) / 2)], 1, n).astype(int)
    return tuple(np.sort(values)[ranks - 1])


def drift(time):
    """Median of the second half over that of the first; and the least and most that the 95 % intervals of both allow."""
    if len(time) < 16:
        return np.nan, np.nan, np.nan
    first, second = np.array_split(time, 2)
    (low1, high1), (low2, high2) = median_interval(first), median_interval(second)
    return np.median(second) / np.median(first), low2 / high1, high2 / low1


def block_medians(time):
    """Medians of as many parts of a run; NaN where there are fewer batches than parts."""
    if len(time) < BLOCKS:
        return np.full(BLOCKS, np.nan)
    return np.array([np.median(part) for part in np.array_split(time, BLOCKS)])


@style.styled
def drift_within_points(data):
    """Heat map of the parts of each point's run, and beside it its second half over its first."""
    points = in_run_order(ok_points(data))
    runs = [relative_times(row) for row in rows(points)]
    parts = np.array([block_medians(run) for run in runs])
    fig, (heat, forest) = style.grid([2], width=5.2, height=height(parts))
    image(fig, heat, parts, "time of a batch / its median over passes")
    heat.set_title("the run of each point")
    heat.set_xlabel(f"its timed batches, in {BLOCKS} parts in order")
    heat.set_ylabel("point, in the order of measuring")
    centre, low, high = np.array([drift(run) for run in runs]).T
    moved = (low > 1 + DRIFT) | (high < 1 - DRIFT)
    place = np.arange(1, len(centre) + 1)
    for mask, fill, label in ((~moved, "white", "may be within 1 %"), (moved, style.COLOURS[1], "more than 1 %")):
        forest.errorbar(
            centre[mask], place[mask], xerr=np.maximum([(centre - low)[mask], (high - centre)[mask]], 0), fmt="o",
            color="#222222" if fill == "white" else fill, markerfacecolor=fill, elinewidth=0.7, label=label,
        )  # fmt: skip
    forest.axvspan(1 - DRIFT, 1 + DRIFT, color="#222222", alpha=0.08, linewidth=0)
    forest.set_ylim(*heat.get_ylim())
    forest.legend()
    found = f"{moved.sum()} of {np.isfinite(low).sum()} points moved by more than 1 %"
    forest.set_title(found if np.isfinite(low).any() else "too few batches of every point")
    forest.set_xlim(min(forest.get_xlim()[0], 0.95), max(forest.get_xlim()[1], 1.05))
    forest.set_xlabel("second half of the run / first half")
    kept = np.array([len(run) for run in runs])
    style.footnote(
        fig, data,
        f"measured, slowest rank, {span(kept)} batches a point (whole passes in the file; 0: it has fewer than two); each "
        "batch over the median of the same batch in all passes; bars: what 95 % intervals of both medians (order "
        "statistics) allow, none below 16 batches",
    )  # fmt: skip
    return fig


@style.styled
def ranks_apart(data):
    """Heat map of every rank's median batch time over the median of the ranks."""
    points = in_run_order(ok_points(data))
    time = points["batch_time_rank"].values
    fig, (axis,) = style.grid([1], width=7.5, height=height(time))
    relative = time / np.nanmedian(time, axis=1, keepdims=True)
    columns(fig, axis, relative, "rank", "ranks", "point, in the order of measuring")
    style.footnote(
        fig, data,
        f"measured, medians over {span(points['n_samples'].values)} batches a rank; {known(points)}",
    )  # fmt: skip
    return fig


@style.styled
def processes_apart(data):
    """Heat map of every process's batch time over the median of the processes, of points with several repeats."""
    points = ok_points(data)
    number = points["repeat"].values if "repeat" in points else np.zeros(points.sizes["point"], int)
    keys = list(zip(points["point_id"].values.tolist(), job_sizes(points)))
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    time = np.full((len(places), number.max() + 1), np.nan)
    time[[places[key] for key in keys], number] = points["batch_time"].values
    fig, (axis,) = style.grid([1], width=7.5, height=height(time))
    relative = time / np.nanmedian(time, axis=1, keepdims=True)
    columns(fig, axis, relative, "process", "processes", "point, in the order of the file")
    apart = 100 * np.median(np.nanmax(relative, axis=1) - np.nanmin(relative, axis=1))
    style.footnote(
        fig, data,
        f"measured, medians of the slowest rank over {span(points['n_samples'].values)} batches; {known(points)}"
        + (f"; slowest less fastest process {apart:.2g} % in the middle of the points" if time.shape[1] > 1 else ""),
    )  # fmt: skip
    return fig


def columns(fig, axis, values, what, plural, rows_are):
    """A heat map with a column for each rank or process; of one alone only that there is no other."""
    count = values.shape[1]
    if count > 1:
        image(fig, axis, values, f"batch time / median of the {plural}")
        axis.set_ylabel(rows_are)
        axis.set_title(f"{count} {plural}")
    else:
        axis.set_yticks([])
        axis.set_title(f"1 {what}: no other to compare it with")
    axis.set_xlim(0.5, count + 0.5)
    axis.set_xticks(range(1, count + 1), range(count))
    axis.set_xlabel(what)


@style.styled
def interval_widths(data):
    """How well each median is known, against the batches it rests on."""
    points = ok_points(data)
    fig, (axis,) = style.grid([1], width=7.5, height=3.8)
    batches = sorted(unique(points, "batch"))
    stops = {reason: marker for reason, marker in STOPS.items() if reason in unique(points, "stop_reason")}
    for index, batch in enumerate(batches):
        for reason, marker in stops.items():
            mask = (points["batch"].values == batch) & (points["stop_reason"].values == reason)
            axis.plot(
                points["n_samples"].values[mask], half_width(points)[mask], marker,
                color=style.COLOURS[index % 6], markerfacecolor=style.COLOURS[index % 6] if index % 2 else "white",
            )  # fmt: skip
    style.log_ticks(axis)
    if np.isfinite(half_width(points)).any():
        style.log_ticks(axis, "y")
    axis.set_title("What the medians are known to")
    axis.set_xlabel("timed batches of a rank")
    axis.set_ylabel("half-width of the median's\n95 % interval [%]")
    colours = {
        f"batch {batch}": style.mark(
            style.COLOURS[k % 6], "o", markerfacecolor=style.COLOURS[k % 6] if k % 2 else "white"
        )
        for k, batch in enumerate(batches)
    }
    style.legend(fig, colours | {reason: style.mark(style.GREY, marker) for reason, marker in stops.items()})
    style.footnote(
        fig, data,
        f"measured batch times, slowest rank, n = {points.sizes['point']} points; intervals of order statistics are about "
        "the batches of one run: they hold neither drift nor other processes. A point has converged when its median "
        "pass, in single_stream its median batch, is known to 1 % at 95 %; the batches of a pass differ by more",
    )  # fmt: skip
    return fig


def half_width(points):
    """Of the interval of the median batch time, in per cent of it."""
    low, high = (points[f"batch_time_ci_{end}"].values for end in ("low", "high"))
    return 50 * (high - low) / points["batch_time"].values


def known(points):
    width = half_width(points)
    if not np.isfinite(width).any():
        return "too few batches for 95 % intervals"
    return f"those of the slowest rank are known to ±{np.nanmedian(width):.2g} % (95 %, the middle of the points)"


def height(table):
    """Inches for a heat map; little where there is nothing to compare."""
    return float(np.clip(0.07 * len(table) + 1.5, 3.6, 9)) if table.shape[1] > 1 else 1.8


def image(fig, axis, values, label):
    """A heat map around 1, its rows numbered from 1 downwards."""
    count, columns = values.shape
    off = np.abs(values[np.isfinite(values)] - 1)
    reach = max(np.quantile(off, 0.98), 0.005) if off.size else 0.005
    shown = axis.imshow(
        values, COLOURS, aspect="auto", interpolation="nearest", vmin=1 - reach, vmax=1 + reach,
        extent=(0.5, columns + 0.5, count + 0.5, 0.5),
    )  # fmt: skip
    axis.grid(visible=False)
    fig.colorbar(shown, ax=axis, label=label, extend="both")
