"""One plain look for every figure, and the lines that every figure carries."""

import functools
import math
import textwrap

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from .load import effort, hardware

COLOURS = ("#0b6fa4", "#c1542b", "#3d8b46", "#7d5ba6", "#a3832a", "#5c6670")
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ((0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 2)), (0, (2, 3)))
GREY = "#8a8f94"
SETTINGS = {
    "figure.dpi": 110,
    "savefig.dpi": 150,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e5e7",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
}


def line(index):
    """Colour and dashes of a curve: apart without colours too."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": LINES[index % len(LINES)]}


def styled(draw):
    """Decorates a function that draws a figure: it runs in the package's style."""

    @functools.wraps(draw)
    def in_style(*arguments):
        with matplotlib.rc_context(SETTINGS):
            return draw(*arguments)

    return in_style


def grid(rows, width, height=3.6, columns=None):
    """A figure with axes in rows; `rows` says how many in each, one long row is wrapped. Returns figure and axes."""
    rows = rows or [0]
    if len(rows) == 1:
        columns = columns or min(max(rows[0], 1), 3)
        rows = [min(columns, rows[0] - first) for first in range(0, rows[0], columns)] or [0]
    columns = max([*rows, 1])
    fig, table = plt.subplots(
        len(rows), columns, figsize=(width * columns, height * len(rows)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for row, used in zip(table, rows):
        for axis in row[used:]:
            axis.remove()
    return fig, [axis for row, used in zip(table, rows) for axis in row[:used]]


def footnote(fig, data, text):
    """Under the axes: how the numbers came about, then hardware and effort of the campaign."""
    caption(fig, " · ".join((text, hardware(data), effort(data))))


def caption(fig, text):
    """Small print under the axes."""
    lines = textwrap.wrap(text, int(fig.get_figwidth() * 17))
    share = 0.14 * (len(lines) + 0.5) / fig.get_figheight()
    fig.get_layout_engine().set(rect=(0, share, 1, 1 - share))
    fig.text(0.01, 0.01, "\n".join(lines), fontsize=7, color="#50565b", va="bottom")


def mark(colour, marker="", line="none", **extra):
    """A line for a legend alone."""
    return Line2D([], [], color=colour, marker=marker, linestyle=line, **extra)


def key(look):
    """The same of a curve's colour and dashes."""
    return Line2D([], [], **look)


def legend(fig, entries):
    """One legend for all panels, above them; `entries` are artists by label."""
    widest = max(map(len, entries), default=0)
    columns = max(1, int(fig.get_figwidth() / (0.5 + 0.07 * widest)))
    fig.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=min(columns, len(entries) or 1))


def log_ticks(axis, along="x"):
    """A logarithmic axis with plain numbers, as many as fit; call it when all is drawn."""
    getattr(axis, f"set_{along}scale")("log")
    low, high = getattr(axis, f"get_{along}lim")()
    ticks = getattr(axis, f"{along}axis")
    decades = math.log10(high / low)
    if decades < 0.6:
        ticks.set_major_locator(MaxNLocator(5))
    else:
        digits = (1, 2, 3, 5) if decades < 1.5 else (1, 3) if decades < 4 else (1,)
        ticks.set_major_locator(FixedLocator([d * 10.0**p for p in range(-6, 7) for d in digits]))
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ticks.set_minor_formatter(NullFormatter())
