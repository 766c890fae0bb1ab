"""Jets per second of eebench and of weaver-core, side by side on the same jets.

weaver-core is a peer, not a dependency. It needs a virtual environment of its own that sees the
project's PyTorch:

    python3 -m venv peer
    echo "$PWD/.venv/lib/python3.11/site-packages" > peer/lib/python3.11/site-packages/shared.pth
    peer/bin/pip install --no-deps weaver-core==0.5.3
    peer/bin/python analysis/peers/compare_weaver.py --data jets_test.h5 --eebench build/eebench -o OUT

Both sides: one thread, float32, the first jets of the file with at least 17 constituents (weaver-core
fails on a batch whose largest jet has fewer), full depth, all 17 features, time from the prepared batch
in memory to the logits (training: to the updated weights, AdamW). weaver-core pads to 128 and trims
to the longest jet of the batch, in its first five calls not yet: its call counter is set past them.
The two sides run in turn; the table gives medians, all runs are in runs.csv.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch  # noqa: E402
from weaver_side import FEWEST, SLOTS, select_jets, weaver_rate  # noqa: E402

TRAINING_BATCH = 64


def main():
    options = parse()
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    cases = [
        (model, mode, batch)
        for model in options.models
        for mode, batches in (("inference", options.batches), ("training", [TRAINING_BATCH]))
        for batch in batches
    ]
    longest = max(jets_for(batch, options.limit) for _, _, batch in cases)
    subset = options.output / "jets.h5"
    inputs = select_jets(options.data, subset, longest)
    runs = []
    for case in cases:
        for repeat in range(options.repeats):
            runs.append(
                row("weaver-core", case, repeat, weaver_rate(case, inputs, jets_for(case[2], options.limit)))
            )
            if options.eebench:
                rate = eebench_rate(options.eebench, case, subset, options.limit)
                runs.append(row("eebench", case, repeat, rate))
        print(describe(case, runs), file=sys.stderr)
    write_csv(options.output / "runs.csv", runs)
    text = markdown(cases, runs, options)
    (options.output / "weaver.md").write_text(text)
    write_csv(options.output / "weaver.csv", table(cases, runs))
    print(text)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="jets in eebench's layout")
    parser.add_argument("--eebench", help="the eebench program (default: weaver-core alone)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--models", nargs="+", default=["part", "particlenet"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 64, 512], help="jets a batch")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each side a case")
    parser.add_argument("--limit", type=int, default=192, help="jets a run, at least one batch")
    return parser.parse_args()


def jets_for(batch, limit):
    """Whole batches only: `limit` rounded to them, and at least one."""
    return max(batch, limit // batch * batch)


def eebench_rate(program, case, subset, limit):
    name, mode, size = case
    command = [
        program, "profile", name, "--data", str(subset), "--batch", str(size),
        "--limit", str(jets_for(size, limit)), "--repeat", "1", "--json",
    ]  # fmt: skip
    if mode == "training":
        command.append("--train")
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    try:
        return statistics.median(json.loads(done.stdout)["jets_per_second"])
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"{' '.join(command)}: no JSON with jets_per_second on stdout ({error!r})")


# ---- the tables --------------------------------------------------------------------------------


def row(side, case, repeat, rate):
    model, mode, batch = case
    return {
        "side": side, "model": model, "mode": mode, "batch": batch, "repeat": repeat,
        "jets_per_second": round(rate, 2),
    }  # fmt: skip


def rates(runs, side, case):
    return [
        run["jets_per_second"]
        for run in runs
        if run["side"] == side and (run["model"], run["mode"], run["batch"]) == case
    ]


def describe(case, runs):
    sides = ((side, rates(runs, side, case)) for side in ("weaver-core", "eebench"))
    medians = ", ".join(f"{s} {statistics.median(r):.1f} jets/s" for s, r in sides if r)
    return f"{case[0]} {case[1]} batch {case[2]}: {medians}"


def table(cases, runs):
    """One row a case, then for each model and mode the best batch against the best batch."""
    rows = [compared(case, rates(runs, "weaver-core", case), rates(runs, "eebench", case)) for case in cases]
    for group in dict.fromkeys((model, mode) for model, mode, _ in cases):
        of_group = [case for case in cases if case[:2] == group]
        if len(of_group) > 1:
            best = [
                max((rates(runs, side, c) for c in of_group), key=lambda r: statistics.median(r or [0]))
                for side in ("weaver-core", "eebench")
            ]
            rows.append(compared((*group, "best each"), *best))
    return rows


def compared(case, weaver, eebench):
    model, mode, batch = case
    entry = {"model": model, "mode": mode, "batch": batch}
    for side, values in (("weaver-core", weaver), ("eebench", eebench)):
        if values:
            entry[side] = round(statistics.median(values), 1)
            entry[f"{side} lowest"] = min(values)
            entry[f"{side} highest"] = max(values)
            entry[f"{side} runs"] = len(values)
    if weaver and eebench:
        entry["ratio"] = round(statistics.median(eebench) / statistics.median(weaver), 2)
    return entry


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def cell(entry, side):
    if side not in entry:
        return "—"
    return f"{entry[side]:.1f} ({entry[f'{side} lowest']:.1f}–{entry[f'{side} highest']:.1f})"


def markdown(cases, runs, options):
    lines = [
        f"Jets per second, median of {options.repeats} alternating runs (lowest–highest); one thread, "
        f"float32, jets of `{options.data.name}` with {FEWEST} to {SLOTS} constituents; "
        f"weaver-core {version('weaver-core')}, PyTorch {torch.__version__}, {cpu_name()}.",
        "",
        "| model | mode | batch | weaver-core | eebench | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for entry in table(cases, runs):
        ratio = f"{entry['ratio']:.2f}" if "ratio" in entry else "—"
        lines.append(
            f"| {entry['model']} | {entry['mode']} | {entry['batch']} | {cell(entry, 'weaver-core')} "
            f"| {cell(entry, 'eebench')} | {ratio} |"
        )
    return "\n".join(lines) + "\n"


def cpu_name():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


if __name__ == "__main__":
    main()
