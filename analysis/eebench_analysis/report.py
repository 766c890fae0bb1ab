"""A campaign as PNG figures and one HTML page that holds them all."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from . import exits, latency, noise, page, pareto, risk, throughput
from .errors import InputError
from .load import counts, crowded_jobs, job_sizes, job_text, load, newest_campaign, ok_points, provenance
from .pareto import front
from .points import BASELINES, column, once, rule_text, select, thresholds_of, unique

FIGURES = {
    "accuracy_multiply_adds": (
        pareto.accuracy_against_multiply_adds,
        "Accuracy against mean multiply-adds",
    ),
    "accuracy_latency": (pareto.accuracy_against_latency, "Accuracy against measured latency"),
    "exit_fractions": (exits.by_rule_and_threshold, "Where jets leave, by threshold"),
    "exit_fractions_multiplicity": (exits.by_multiplicity, "Where jets leave, by multiplicity"),
    "risk": (risk.by_rule_and_threshold, "Wrong answers, by threshold"),
    "latency": (latency.distributions, "Latency of a jet"),
    "latency_exit": (latency.by_exit, "Latency of a jet by the exit it takes"),
    "throughput": (throughput.against_batch, "Throughput against batch size"),
    "job_sizes": (throughput.by_job, "Throughput by the size of the job"),
    "batch_parts": (throughput.parts_of_a_batch, "Where the time of a batch goes"),
    "drift": (noise.drift_within_points, "Drift while a point was measured"),
    "ranks": (noise.ranks_apart, "Ranks apart"),
    "processes": (noise.processes_apart, "Processes apart"),
    "intervals": (noise.interval_widths, "What the medians are known to"),
}
COLUMNS = (
    "network", "rule", "threshold", "accuracy [95 % CI]", "AUC", "10⁶ multiply-adds per jet",
    "of the full network", "accuracy of coin mixing",
)  # fmt: skip
CHOSEN_COLUMNS = (
    "network", "rule", "selection", "loss allowed [points]", "threshold", "accuracy there", "cost there",
    "accuracy", "loss [points, 95 % CI]", "of the full network", "accuracy of coin mixing",
)  # fmt: skip
TIME_COLUMNS = (
    "network", "rule", "scenario", "threshold", "executor", "batch", "job", "process", "jets/s [95 % CI]", "batch [ms, 95 % CI]",
    "p50 [ms]", "p90 [ms]", "p99 [ms]", "batches", "jets", "stopped",
)  # fmt: skip


def report(folder, output=None):
    """Writes figures and report.html for the newest campaign in `folder`; returns the page's path."""
    campaign = newest_campaign(folder)
    data = load(campaign)
    if ok_points(data).sizes["point"] == 0:
        raise InputError(f"{campaign}: no point of it was measured; run it again with --resume")
    output = Path(output) if output else campaign / "report"
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output}: no folder and cannot be made one ({error.strerror}); give another -o") from error
    html = output / "report.html"
    html.write_text(
        page.page(
            f"Campaign {data.attrs.get('campaign', campaign.name)}",
            page.bullets(provenance(data)),
            *warnings(data),
            *failed_points(data),
            *figures(data, output),
            *accuracy_table(data),
            *chosen_table(data),
            *time_table(data),
            *conditions(data),
        ),
        encoding="utf-8",
    )
    return html


def warnings(data):
    """What a reader must know before any number."""
    texts = []
    if data.attrs.get("effort") != "official":
        texts.append(
            f"Not official: effort {data.attrs.get('effort', '?')}. Only official asks for the 662 batches that p99 needs."
        )
    crowded = sorted({size for size, is_crowded in crowded_jobs(data) if is_crowded})
    if crowded:
        texts.append(
            f"Oversubscribed, more threads than cores: {', '.join(map(job_text, crowded))}. These times say how the "
            "program behaves, not how fast the machine is."
        )
    if "tasks_differ_in" in data.attrs:
        texts.append(
            f"Tasks differ in {data.attrs['tasks_differ_in']}: their times do not belong together, and what this page says "
            "of program and machine is of the first. Measure one again."
        )
    measured, failed, missing = counts(data)
    if failed or missing:
        texts.append(
            f"Incomplete: {failed} failed, {missing} missing of {measured + failed + missing} points; "
            "the figures and tables are of the others."
        )
    return [page.paragraph(text, "warning") for text in texts]


def failed_points(data):
    failed = select(data, state="failed")
    if not failed.sizes["point"]:
        return []
    rows = [
        (
            row["model"].item(),
            rule_text(row),
            thresholds_of(row),
            row["scenario"].item(),
            int(row["batch"]),
            job_text(job_sizes(row)[0]),
            repeat_of(row),
            row["error"].item(),
        )
        for row in latency.rows(failed)
    ]
    header = ("network", "rule", "threshold", "scenario", "batch", "job", "process", "error")
    return [page.heading("Points that failed"), page.table(header, rows, 2)]


def figures(data, folder):
    """Draws every figure into a PNG of its own; yields its section of the page."""
    for name, (draw, title) in FIGURES.items():
        figure = draw(data)
        picture = folder / f"{name}.png"
        figure.savefig(picture)
        plt.close(figure)
        yield page.heading(title)
        yield page.picture(picture.read_bytes(), title, figure.get_figwidth())


def accuracy_table(data):
    """Baselines, and of the rules the points that no other beats, by rising cost."""
    points = once(ok_points(data))
    rows = []
    for model in unique(points, "model"):
        chosen = select(points, model=model).sortby("multiply_adds")
        best = front(chosen["multiply_adds"].values, chosen["accuracy"].values)
        for index in range(chosen.sizes["point"]):
            row = chosen.isel(point=index)
            if best[index] or row["rule"].item() in BASELINES:
                rows.append(accuracy_row(row))
    return [
        page.heading("Accuracy and cost"),
        page.paragraph(
            "Baselines, and the points of the rules that no other point beats. To be among them does not choose "
            "a threshold: that takes other jets than those of this table. "
            f"Replayed on n = {int(points['jets'].max()):,} jets."
        ),
        page.table(COLUMNS, rows, 2),
    ]


def accuracy_row(row):
    return (
        row["model"].item(),
        rule_text(row),
        thresholds_of(row),
        with_interval(row, "accuracy", "{:.4f}"),
        f"{float(row['auc']):.4f}",
        f"{float(row['multiply_adds']) / 1e6:.2f}",
        f"{float(row['relative_cost']):.3f}",
        f"{float(row['accuracy_mixing']):.4f}",
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
        page.heading("Chosen thresholds"),
        page.paragraph(
            f"The cheapest that lose no more accuracy than allowed on the jets of {data.attrs['choosing_data']} "
            f"(accuracy and cost \"there\"); all else is on those of {data.attrs.get('data', '?')}. No margin is "
            f"kept for chance.{bias}"
        ),
        page.table(CHOSEN_COLUMNS, map(chosen_row, rows.values()), 2),
    ]


def chosen_row(row):
    if row["rule"].item() in BASELINES:
        chosen = ("—",) * 5
    else:
        chosen = (
            row["selection"].item(),
            f"{100 * float(row['max_loss']):.4g}",
            thresholds_of(row),
            f"{float(row['chosen_accuracy']):.4f}",
            f"{float(row['chosen_cost']):.3f}",
        )
    return (
        row["model"].item(),
        rule_text(row),
        *chosen,
        f"{float(row['accuracy']):.4f}",
        with_interval(row, "accuracy_loss", "{:.2f}", 100),
        f"{float(row['relative_cost']):.3f}",
        f"{float(row['accuracy_mixing']):.4f}",
    )


def time_table(data):
    points = ok_points(data).sortby(["model", "scenario", "batch", "multiply_adds"])
    rows = [time_row(points.isel(point=index)) for index in range(points.sizes["point"])]
    return [
        page.heading("Times"),
        page.paragraph(
            "Measured in runs that really left early. Latencies are of jets, from the hand-over of their batch to their "
            "answer; — where there are too few batches."
        ),
        page.folded(f"All {len(rows)} points", page.table(TIME_COLUMNS, rows, 5)),
    ]


def time_row(row):
    return (
        row["model"].item(),
        rule_text(row),
        row["scenario"].item(),
        thresholds_of(row),
        row["executor"].item() if "executor" in row else "leaving",
        int(row["batch"]),
        job_text(job_sizes(row)[0]),
        repeat_of(row),
        with_interval(row, "throughput", "{:,.1f}"),
        with_interval(row, "batch_time", "{:.4g}", 1e3),
        *(number(1e3 * value, "{:.4g}") for value in row["latency"].values),
        int(row["n_samples"]),
        int(row["jets_run"]),
        row["stop_reason"].item(),
    )


def conditions(data):
    """All that the file says about itself."""
    attributes = ((name, str(value)) for name, value in sorted(data.attrs.items()))
    return [page.heading("Provenance"), page.folded("Every attribute of the file", page.definitions(attributes))]


def repeat_of(row):
    return int(row["repeat"]) if "repeat" in row else 0


def number(value, form):
    return form.format(value) if np.isfinite(value) else "—"


def with_interval(row, name, form, factor=1.0):
    """"0.8426 [0.8353, 0.8496]"; the interval only where there is one."""
    value, low, high = (factor * float(column(row, f"{name}{end}")) for end in ("", "_ci_low", "_ci_high"))
    interval = f" [{form.format(low)}, {form.format(high)}]" if np.isfinite(low) and np.isfinite(high) else ""
    return number(value, form) + interval
