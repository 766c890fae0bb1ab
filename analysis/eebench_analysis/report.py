"""A campaign as PNG figures and one markdown page."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from . import exits, latency, pareto
from .errors import InputError
from .load import load, newest_campaign, ok_points, provenance
from .pareto import front
from .points import BASELINES, once, select, threshold_text, unique

FIGURES = {
    "accuracy_multiply_adds": (
        pareto.accuracy_against_multiply_adds,
        "Accuracy against mean multiply-adds",
    ),
    "accuracy_latency": (pareto.accuracy_against_latency, "Accuracy against measured latency"),
    "exit_fractions": (exits.by_rule_and_threshold, "Where jets leave, by threshold"),
    "exit_fractions_multiplicity": (exits.by_multiplicity, "Where jets leave, by multiplicity"),
    "latency": (latency.distributions, "Latency of a jet"),
    "latency_exit": (latency.by_exit, "Latency of a jet by the exit it takes"),
}
COLUMNS = (
    "network", "rule", "threshold", "accuracy [95 % CI]", "AUC", "10⁶ multiply-adds per jet",
    "of the full network", "accuracy of coin mixing",
)  # fmt: skip
CHOSEN_COLUMNS = (
    "network", "rule", "selection", "loss allowed [points]", "threshold", "accuracy there", "cost there",
    "accuracy", "loss [points, 95 % CI]", "of the full network", "accuracy of coin mixing",
)  # fmt: skip


def report(folder, output=None):
    """Writes figures and report.md for the newest campaign in `folder`; returns the page's path."""
    campaign = newest_campaign(folder)
    data = load(campaign)
    if ok_points(data).sizes["point"] == 0:
        raise InputError(f"{campaign}: no point of it was measured; run it again with --resume")
    output = Path(output) if output else campaign / "report"
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output}: no folder and cannot be made one ({error.strerror}); give another -o") from error
    lines = [f"# {data.attrs.get('campaign', campaign.name)}", ""]
    lines += [f"- {line}" for line in provenance(data)] + ["", *table(data), "", *chosen_table(data)]
    for name, (draw, title) in FIGURES.items():
        figure = draw(data)
        figure.savefig(output / f"{name}.png")
        plt.close(figure)
        lines += [f"## {title}", "", f"![{title}]({name}.png)", ""]
    page = output / "report.md"
    page.write_text("\n".join(lines))
    return page


def table(data):
    """Baselines, and of the rules the points that no other beats, by rising cost."""
    points = once(ok_points(data))
    lines = [
        "Baselines, and the points of the rules that no other point beats. To be among them does not choose "
        "a threshold: that takes other jets than those of this table.",
        "",
        *heading(COLUMNS),
    ]
    for model in unique(points, "model"):
        chosen = select(points, model=model).sortby("multiply_adds")
        best = front(chosen["multiply_adds"].values, chosen["accuracy"].values)
        for index in range(chosen.sizes["point"]):
            row = chosen.isel(point=index)
            if best[index] or row["rule"].item() in ("full", "fixed"):
                lines.append(table_row(row))
    return lines


def table_row(row):
    low, high = float(row["accuracy_ci_low"]), float(row["accuracy_ci_high"])
    return (
        f"| {row['model'].item()} | {rule_text(row)} | {thresholds_text(row)} | {float(row['accuracy']):.4f} "
        f"[{low:.4f}, {high:.4f}] | {float(row['auc']):.4f} | {float(row['multiply_adds']) / 1e6:.2f} "
        f"| {float(row['relative_cost']):.3f} | {float(row['accuracy_mixing']):.4f} |"
    )


def chosen_table(data):
    """Thresholds chosen on other jets: a row a network, loss, rule and selection, baselines first; empty
    without any."""
    if "choosing_data" not in data.attrs:
        return []
    known = data.attrs.get("gates_fitted_on_choosing_data")
    bias = (
        f" The gates of {known} were fitted on the same jets, so thresholds of rules with gates are biased: they "
        "tend to lose more elsewhere."
        if known
        else ""
    )
    settings = ("model", "max_loss", "rule", "selection", "fixed_exit")
    rows = {}
    points = ok_points(data)
    for model in unique(points, "model"):
        own = select(points, model=model)
        baselines = np.isin(own["rule"].values, BASELINES)
        for mask in (baselines, own["selection"].values != "given"):
            for index in np.flatnonzero(mask):
                row = own.isel(point=index)
                rows.setdefault(tuple(str(row[name].item()) for name in settings), row)
    return [
        "## Chosen thresholds",
        "",
        f"The cheapest that lose no more accuracy than allowed on the jets of {data.attrs['choosing_data']} "
        f"(accuracy and cost \"there\"); all else is on those of {data.attrs.get('data', '?')}. No margin is "
        f"kept for chance.{bias}",
        "",
        *heading(CHOSEN_COLUMNS),
        *(chosen_row(row) for row in rows.values()),
        "",
    ]


def chosen_row(row):
    loss, low, high = (
        100 * float(row[name]) for name in ("accuracy_loss", "accuracy_loss_ci_low", "accuracy_loss_ci_high")
    )
    if row["rule"].item() in BASELINES:
        chosen = f"{rule_text(row)} | — | — | — | — | —"
    else:
        chosen = (
            f"{rule_text(row)} | {row['selection'].item()} | {100 * float(row['max_loss']):.4g} "
            f"| {thresholds_text(row)} | {float(row['chosen_accuracy']):.4f} | {float(row['chosen_cost']):.3f}"
        )
    return (
        f"| {row['model'].item()} | {chosen} | {float(row['accuracy']):.4f} | {loss:.2f} [{low:.2f}, {high:.2f}] "
        f"| {float(row['relative_cost']):.3f} | {float(row['accuracy_mixing']):.4f} |"
    )


def rule_text(row):
    rule = row["rule"].item().replace("|", "\\|")
    return f"fixed exit {int(row['fixed_exit'])}" if rule == "fixed" else rule


def heading(columns):
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def thresholds_text(row):
    """One number where the early exits share it, else one for each."""
    if row["rule"].item() in BASELINES:
        return "—"
    if not np.isnan(row["threshold"]):
        return threshold_text(float(row["threshold"]))
    own = row["thresholds"].values
    return " ".join(threshold_text(value) for value in own[~np.isnan(own)])
