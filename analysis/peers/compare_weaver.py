"""Jets per second of eebench and of weaver-core, side by side on the same jets.

weaver-core is a peer, not a dependency. It needs a virtual environment of its own that sees the
project's PyTorch. In the checkout, after scripts/build.sh:

    site='import sysconfig; print(sysconfig.get_path("purelib"))'
    python3 -m venv build/peer
    .venv/bin/python -c "$site" > "$(build/peer/bin/python -c "$site")/shared.pth"
    build/peer/bin/pip install --no-deps weaver-core==0.5.3
    build/peer/bin/python analysis/peers/compare_weaver.py --data suites/assets/jets_test.h5 -o build/weaver

Both sides: one thread, float32, the first jets of the file with at least 17 constituents (weaver-core
fails on a batch whose largest jet has fewer), full depth, all 17 features, time from the prepared batch
in memory to the logits (training: to the updated weights, AdamW). weaver-core pads to 128 and trims
to the longest jet of the batch, in its first five calls not yet: its call counter is set past them.
The two sides run in turn; weaver.md gives medians, runs.csv every run, both with commit, date and processor.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "analysis"))

try:
    import torch
    from weaver_side import FEWEST, SLOTS, select_jets, weaver_rate
except ModuleNotFoundError as error:
    print(f"compare_weaver: {error}; run it with build/peer, made as the head of this file says", file=sys.stderr)
    sys.exit(2)

TRAINING_BATCH = 64


def main():
    options = parse()
    stamp = {"commit": commit_of(options.eebench), "date": f"{datetime.now(timezone.utc):%Y-%m-%d}", "cpu": cpu_name()}
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
            runs.append(row("eebench", case, repeat, eebench_rate(options.eebench, case, subset, options.limit)))
        print(describe(case, runs), file=sys.stderr)
    subset.unlink()
    write_csv(options.output / "runs.csv", [run | stamp for run in runs])
    text = markdown(cases, runs, options, stamp)
    (options.output / "weaver.md").write_text(text)
    print(text)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="jets in eebench's layout")
    parser.add_argument(
        "--eebench", type=Path, default=ROOT / "build/default/bin/eebench", help="program (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--models", nargs="+", default=["part", "particlenet", "particlenext"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 64, 512], help="jets a batch")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each side a case")
    parser.add_argument("--limit", type=int, default=192, help="jets a run, at least one batch")
    return parser.parse_args()


def jets_for(batch, limit):
    """Whole batches only: `limit` rounded to them, and at least one."""
    return max(batch, limit // batch * batch)


def commit_of(program):
    """Of the sources that the program was built from, as it says itself."""
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{program}: cannot be run ({error}); build it with scripts/build.sh or name one with --eebench")
    return next(line.split(None, 1)[1] for line in text.splitlines() if line.startswith("git"))


def eebench_rate(program, case, subset, limit):
    name, mode, size = case
    command = [
        str(program), "profile", name, "--data", str(subset), "--batch", str(size),
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
    medians = ", ".join(f"{s} {statistics.median(r):.1f} jets/s" for s, r in sides)
    return f"{case[0]} {case[1]} batch {case[2]}: {medians}"


def table(cases, runs):
    """One row a case, then for each model and mode the best batch against the best batch."""
    rows = [compared(case, rates(runs, "weaver-core", case), rates(runs, "eebench", case)) for case in cases]
    for group in dict.fromkeys((model, mode) for model, mode, _ in cases):
        of_group = [case for case in cases if case[:2] == group]
        if len(of_group) > 1:
            best = [
                max((rates(runs, side, c) for c in of_group), key=lambda r: statistics.median(r))
                for side in ("weaver-core", "eebench")
            ]
            rows.append(compared((*group, "best each"), *best))
    return rows


def compared(case, weaver, eebench):
    model, mode, batch = case
    entry = {"model": model, "mode": mode, "batch": batch}
    for side, values in (("weaver-core", weaver), ("eebench", eebench)):
        entry[side] = statistics.median(values)
        entry[f"{side} lowest"] = min(values)
        entry[f"{side} highest"] = max(values)
    entry["ratio"] = entry["eebench"] / entry["weaver-core"]
    return entry


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def cell(entry, side):
    return f"{entry[side]:.1f} ({entry[f'{side} lowest']:.1f}–{entry[f'{side} highest']:.1f})"


def markdown(cases, runs, options, stamp):
    lines = [
        f"Jets per second, median of {options.repeats} alternating runs (lowest–highest); one thread, "
        f"float32, jets of `{options.data.name}` with {FEWEST} to {SLOTS} constituents; "
        f"weaver-core {version('weaver-core')}, PyTorch {torch.__version__}; eebench {stamp['commit']}, "
        f"{stamp['date']}, {stamp['cpu']}.",
        "",
        "| model | mode | batch | weaver-core | eebench | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for entry in table(cases, runs):
        lines.append(
            f"| {entry['model']} | {entry['mode']} | {entry['batch']} | {cell(entry, 'weaver-core')} "
            f"| {cell(entry, 'eebench')} | {entry['ratio']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def cpu_name():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


if __name__ == "__main__":
    main()
