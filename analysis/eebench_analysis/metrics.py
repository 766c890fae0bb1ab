"""Figures of merit of answers: accuracy, AUC, rejection, calibration, confusion of every exit, and PELICAN's CSV."""

import csv
import json
from datetime import datetime
from pathlib import Path

import numpy as np

from .errors import InputError
from .outputs import check_output_file
from .predictions import read_predictions
from .tables import markdown

ECE_BINS = 15
Z_95 = 1.959963984540054  # the 97.5th percentile of a normal distribution
PELICAN_COLUMNS = (
    "prefix", "timestamp", "loss", "accuracy", "AUC", "BgRejectionAt0.3", "atSignEfficiency03", "BgRejectionAt0.5",
    "atSignEfficiency05", "FP_rate", "FN_rate",
)  # fmt: skip


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def cross_entropy(logits, label):
    """Mean over jets, nat."""
    largest = logits.max(axis=-1)
    total = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=-1))
    return float(np.mean(total - logits[np.arange(len(label)), label]))


def calibration_error(confidence, right):
    """Expected calibration error: mean over jets of |accuracy - mean confidence| of the jet's bin, of 15 equally wide."""
    if len(right) == 0:
        return np.nan
    index = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gap = np.bincount(index, confidence - right, ECE_BINS)
    return float(np.abs(gap).sum() / len(right))


def auc(signal, background):
    """Chance that a signal score exceeds a background score, ties counted half; NaN where either is empty."""
    if len(signal) == 0 or len(background) == 0:
        return np.nan
    values, index = np.unique(np.concatenate([signal, background]), return_inverse=True)
    signals = np.bincount(index[: len(signal)], minlength=len(values))
    backgrounds = np.bincount(index[len(signal) :], minlength=len(values))
    below = np.cumsum(backgrounds) - backgrounds
    return float((signals * (below + backgrounds / 2)).sum() / (len(signal) * len(background)))


def macro_auc(probability, label):
    """One against one, mean over pairs of classes that have jets (Hand, Till 2001), as eebench prints it."""
    present = np.unique(label)
    pairs = [(i, j) for i in present for j in present if i != j]
    areas = [auc(probability[label == i, i], probability[label == j, i]) for i, j in pairs]
    return float(np.mean(areas)) if areas else np.nan


def class_auc(probability, label):
    """Each class against all others by its own probability, in the order of the classes."""
    return [auc(probability[label == c, c], probability[label != c, c]) for c in range(probability.shape[1])]


def confusion(answer, label, classes):
    """Jets by class (row) and answer (column)."""
    return np.bincount(label * classes + answer, minlength=classes * classes).reshape(classes, classes)


def wilson_interval(successes, trials):
    """Of a share, at 95 %."""
    p, z2 = successes / trials, Z_95**2
    centre = p + z2 / (2 * trials)
    half = Z_95 * np.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))
    low, high = (centre - half) / (1 + z2 / trials), (centre + half) / (1 + z2 / trials)
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)


def rejection(signal, background, efficiency):
    """One over the share of background at the highest cut that keeps this share of the signal, scores equal to the cut
    included; where nothing passes, the 95 % lower limit. With its 95 % interval; NaN where either is empty."""
    nothing = {"efficiency": efficiency, "value": np.nan, "lower_limit": False, "low": np.nan, "high": np.nan}
    if len(signal) == 0 or len(background) == 0:
        return nothing
    kept = max(int(np.ceil(efficiency * len(signal) * (1 - 1e-12))), 1)
    passing = int((background >= np.sort(signal)[-kept]).sum())
    low, high = wilson_interval(passing, len(background))
    if passing == 0:
        return nothing | {"value": 1 / high, "lower_limit": True, "low": 1 / high}
    return nothing | {"value": len(background) / passing, "low": 1 / high, "high": 1 / low}


def working_point(name):
    """Signal efficiency at which results on JetClass are quoted."""
    return {"Hqql": 0.99, "Tbl": 0.995}.get(name.removeprefix("label_"), 0.5)


def top_tagging_point(name):
    """The other efficiency at which results on the top-tagging sample are quoted; of its signal alone."""
    return 0.3 if name.removeprefix("label_") == "top" else None


def background_class(classes):
    """The first whose name ends in QCD, or None."""
    return next((k for k, name in enumerate(classes) if name.endswith("QCD")), None)


def rejections(logits, label, classes, efficiency_of):
    """Of QCD, for every other class that has an efficiency, by its logit less that of QCD; empty where there is no QCD."""
    b = background_class(classes)
    wanted = {} if b is None else {k: efficiency_of(name) for k, name in enumerate(classes) if k != b}
    scores = {k: logits[:, k] - logits[:, b] for k, efficiency in wanted.items() if efficiency}
    return {classes[k]: rejection(score[label == k], score[label == b], wanted[k]) for k, score in scores.items()}


def figures(logits, label, classes):
    """All of the above for the answers [jets, classes]."""
    probability, answer = softmax(logits), logits.argmax(axis=1)
    return {
        "jets": len(label),
        "accuracy": float(np.mean(answer == label)) if len(label) else np.nan,
        "auc": macro_auc(probability, label),
        "loss": cross_entropy(logits, label) if len(label) else np.nan,
        "ece": calibration_error(probability.max(axis=1), answer == label),
        "class_auc": class_auc(probability, label),
        "rejection": rejections(logits, label, classes, working_point),
        "rejection_at_30": rejections(logits, label, classes, top_tagging_point),
        "confusion": confusion(answer, label, logits.shape[1]).tolist(),
    }


def describe(predictions):
    """Without a rule: `exits`, each on all jets. With one: `all`, the answers taken, and `exits` on those that left there."""
    p = predictions
    about = {"data": p.attributes["data"], "weights_sha256": p.attributes["weights_sha256"], "classes": list(p.classes)}
    if p.rule is None:
        return about | {"exits": [figures(p.logits[:, k], p.label, p.classes) for k in range(p.exits)]}
    logits = p.logits[:, 0]
    left = [p.exit_index == k for k in range(p.exits)]
    shares = [{"share": float(np.mean(mask))} | figures(logits[mask], p.label[mask], p.classes) for mask in left]
    thresholds = [float(t) if np.isfinite(t) else str(t) for t in np.atleast_1d(p.attributes["thresholds"])]
    return about | {"rule": p.rule, "thresholds": thresholds, "all": figures(logits, p.label, p.classes), "exits": shares}


def without_nan(value):
    """For JSON, which has no NaN: null."""
    if isinstance(value, dict):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def write_json(path, value):
    Path(path).write_text(json.dumps(without_nan(value), indent=1) + "\n")


def as_text(description):
    """Tables of the figures of each exit, AUC and rejection of each class, and the confusion of the last answers."""
    rule, exits = description.get("rule"), description["exits"]
    names = [f"exit {k}" for k in range(len(exits))]
    columns = dict(zip(names, exits)) | ({"all that left": description["all"]} if rule else {})
    rows = [
        [name, c["jets"], *(number(c[key], digits) for key, digits in (("accuracy", 4), ("auc", 5), ("loss", 4), ("ece", 4)))]
        for name, c in columns.items()
    ]
    where = f"left there by {rule} at {description['thresholds']}" if rule else "each on all jets"
    classes = description["classes"]
    by_class = [[name, *(number(c["class_auc"][k], 5) for c in columns.values())] for k, name in enumerate(classes)]
    rejected = [
        [f"{name}, at {100 * first['efficiency']:g} %", *(rejection_text(c[point][name]) for c in columns.values())]
        for point in ("rejection", "rejection_at_30")
        for name, first in exits[0][point].items()
    ]
    last_name, last = list(columns.items())[-1]
    shares = [
        [name, *(number(count / max(sum(row), 1), 3) for count in row)] for name, row in zip(classes, last["confusion"])
    ]
    return "\n\n".join(
        [
            f"{description['data']}, {where}:",
            markdown(["", "jets", "accuracy", "AUC", "loss", "ECE"], rows),
            "AUC of a class against all others:",
            markdown(["", *columns], by_class),
            *(["Rejection of QCD at a signal efficiency:", markdown(["", *columns], rejected)] if rejected else []),
            f"Share of a class (row) answered as (column), {last_name}:",
            markdown(["", *classes], shares),
        ]
    )


def number(value, digits):
    return f"{value:.{digits}f}" if np.isfinite(value) else "—"


def rejection_text(r):
    return ("> " if r["lower_limit"] else "") + (f"{r['value']:.4g}" if np.isfinite(r["value"]) else "—")


def roc_curve(score, signal):
    """False- and true-positive rates of cuts at every distinct score, from (0, 0) on, and these scores, the first infinite.
    Left out, as by scikit-learn's `drop_intermediate`, are points before and after which both counts rise by as much."""
    order = np.argsort(score, kind="stable")[::-1]
    score, signal = score[order], signal[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    true = np.cumsum(signal)[last]
    false = 1 + last - true
    bends = np.ones(len(last), bool)
    bends[1:-1] = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
    true, false = np.append(0, true[bends]), np.append(0, false[bends])
    return false / false[-1], true / true[-1], np.append(np.inf, score[last][bends])


def rejection_near(false, true, efficiency):
    """PELICAN's background rejection: 1/false at the point whose true-positive rate is nearest, and that rate. Where
    false is 0 there, the first point with some; no interpolation."""
    index = int(np.argmin(np.abs(true - efficiency)))
    if false[index] == 0:
        index = int(np.flatnonzero(false > 0)[0])
    return 1 / false[index], true[index]


def signal_logits(predictions):
    """Logits of background and signal [jets, 2], and which jets are signal: `top`, else the second class."""
    p = predictions
    if len(p.classes) != 2:
        raise InputError(f"{p.path}: answers of {len(p.classes)} classes; PELICAN's metrics are of signal and background")
    top = p.classes.index("top") if "top" in p.classes else 1
    logits, signal = p.logits[:, -1, [1 - top, top]], (p.label == top).astype(int)
    if len(np.unique(signal)) < 2:
        raise InputError(f"{p.path}: all jets are {p.classes[p.label[0]]}; PELICAN's metrics need signal and background")
    return logits, signal


def pelican_row(predictions, nano):
    """One row of PELICAN's metrics.csv. FP and FN rates are shares of the jets of their true class, for the nano of all
    jets."""
    logits, signal = signal_logits(predictions)
    score, answer = softmax(logits)[:, 1], logits.argmax(axis=1)
    false, true, _ = roc_curve(score, signal)
    at03, at05 = rejection_near(false, true, 0.3), rejection_near(false, true, 0.5)
    rates = confusion(answer, signal, 2) / (len(signal) if nano else np.bincount(signal)[:, None])
    values = (
        predictions.path.stem, datetime.now().isoformat(sep=" ", timespec="seconds"), cross_entropy(logits, signal),
        float(np.mean(answer == signal)), auc(score[signal == 1], score[signal == 0]), *at03, *at05, rates[0, 1], rates[1, 0],
    )  # fmt: skip
    return dict(zip(PELICAN_COLUMNS, values))


def append_row(path, row):
    """Adds the row, after a header where the file is new."""
    header = ",".join(row)
    if path.exists() and path.read_text().split("\n", 1)[0].strip() != header:
        raise InputError(f"{path}: its first line is not {header}; give another -o")
    with open(path, "a", newline="") as file:
        rows = csv.DictWriter(file, list(row), lineterminator="\n")
        if file.tell() == 0:
            rows.writeheader()
        rows.writerow(row)


def metrics(answers, form, output):
    """Prints the tables; writes them as JSON, or one row of PELICAN's CSV, where `output` is named."""
    if output is not None:
        check_output_file(Path(output), [answers])
    elif form != "json":
        raise InputError(f"--format {form} wants a file; name it by -o")
    predictions = read_predictions(answers)
    description = describe(predictions)
    if form == "pelican-roc":  # as PELICAN's predict/*_ROC.csv
        logits, signal = signal_logits(predictions)
        np.savetxt(output, roc_curve(softmax(logits)[:, 1], signal), delimiter=",")
    elif form != "json":
        append_row(Path(output), pelican_row(predictions, form == "pelican-nano"))
    elif output is not None:
        write_json(output, description)
    print(as_text(description))
