"""Two campaigns side by side: the words of `eebench compare` as a figure. The arithmetic is the program's."""

import re
import subprocess

import numpy as np

from . import style
from .errors import ProgramError
from .load import effort, hardware
from .program import find_program

LOOKS = {
    "SAME": {"marker": "o", "color": "#222222", "markerfacecolor": "white"},
    "FAST": {"marker": "<", "color": style.COLOURS[0]},
    "SLOW": {"marker": ">", "color": style.COLOURS[1]},
    "AMBG": {"marker": "x", "color": style.GREY},
}


def compare(before, after):
    """Rows, by the names of their columns, and notes that `eebench compare BEFORE AFTER` prints."""
    find_program()
    done = subprocess.run(["eebench", "compare", str(before), str(after)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProgramError(f"eebench compare: {done.stderr.strip()}", done.returncode)
    return read(done.stdout)


def read(text):
    """The rows of the table in markdown, and the lines around it."""
    lines = text.splitlines()
    header, _, *rows = (cells(line) for line in lines if line.startswith("|"))
    return [dict(zip(header, row)) for row in rows], [line for line in lines if line and not line.startswith("|")]


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def ratio(row):
    """Time after over time before, and the ends of its interval: NaN where there is none."""
    numbers = [float(number) for number in re.findall(r"[\w.+-]+", row["b / a"])]
    return numbers if len(numbers) == 3 else [numbers[0], np.nan, np.nan]


@style.styled
def forest(rows, notes, before, after):
    """The ratio of every point with its interval and verdict; `before` and `after` are the datasets."""
    fig, (axis,) = style.grid([1], width=8.5, height=0.17 * len(rows) + 1.8)
    for place, row in enumerate(rows):
        centre, low, high = ratio(row)
        axis.errorbar(
            centre, place, xerr=np.nan_to_num([[centre - low], [high - centre]]), elinewidth=0.8, linestyle="none",
            **LOOKS[row["verdict"]],
        )  # fmt: skip
    axis.axvline(1, color="#222222", linewidth=0.6, linestyle=":")
    axis.set_yticks(range(len(rows)), labels(rows), fontsize=7)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlim(min(axis.get_xlim()[0], 0.95), max(axis.get_xlim()[1], 1.05))
    counts = ", ".join(f"{sum(row['verdict'] == verdict for row in rows)} {verdict}" for verdict in LOOKS)
    axis.set_title(f"{len(rows)} points: {counts}")
    axis.set_xlabel("time of a batch, after / before")
    style.legend(fig, {verdict: style.key(look | {"linestyle": "none"}) for verdict, look in LOOKS.items()})
    repeats = sorted({row["repeats"] for row in rows})
    style.caption(
        fig,
        f"measured, medians over repeats (before, after: {'; '.join(repeats)}); bars: 95 % bootstrap intervals, none for "
        f"one repeat · {' '.join(notes)} · before: {hardware(before)}, {effort(before)} · after: {hardware(after)}, "
        f"{effort(after)}",
    )
    return fig


def labels(rows):
    """Of every row what tells points apart; executor and job only where there are several."""
    several = [name for name in ("executor", "job") if len({row.get(name) for row in rows}) > 1]
    return [
        "  ".join((
            row["model"], f"{row['rule']} {row['threshold']}", f"{row['scenario']} {row['batch [jets]']}",
            *(row[name] for name in several),
        ))
        for row in rows
    ]  # fmt: skip
