"""Prints what test_faults.py and fuzz/run.sh counted as one table:  fault_table.py LOG FUZZ_LINES"""

import json
import sys
from pathlib import Path


def main(log, fuzzed):
    rows = {}
    for line in log.read_text().splitlines():
        fault = json.loads(line)
        row = rows.setdefault(fault["kind"], {"injected": 0, "survived": 0, "lost": 0, "longest": 0.0})
        number = max(1, len(fault["seconds"]))
        row["injected"] += number
        row["survived"] += number if fault["survived"] else 0
        row["lost"] += fault["lost"]
        row["longest"] = max(row["longest"], *fault["seconds"], 0.0)
    print("| fault | injected | survived | points lost | longest time to end (s) |")
    print("|---|---:|---:|---:|---:|")
    for kind, row in rows.items():
        print(f"| {kind} | {row['injected']} | {row['survived']} | {row['lost']} | {row['longest']:.1f} |")
    for line in fuzzed.read_text().splitlines():
        reader, runs, _, seconds, _, verdict = line.split(maxsplit=5)
        runs = int(runs)
        survived = runs if verdict == "clean" else runs - 1
        print(f"| bytes for the reader {reader}, {seconds} s | {runs} | {survived} | | |")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
