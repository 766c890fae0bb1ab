"""PELICAN nano: eebench's fused pass beside its textbook form, by turns, in one process each.

    python analysis/peers/compare_pelican.py -o analysis/peers/measured/pelican.md      # after scripts/build.sh

The textbook form (tests/model/pelican_textbook.hpp) stores all operations on padded pairs, as the papers
write them, in ATen operations. Both: one thread, float32, jets of 80 constituents and two beams.
"""

import argparse
import json
import platform
import statistics
import subprocess
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORMS = ("textbook", "fused")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--microbench", type=Path, default=ROOT / "build/default/microbench/eebench_microbench",
        help="program (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, help="runs of each form")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file for the table")
    options = parser.parse_args()
    rates = {}
    for _ in range(options.repeats):
        for form in FORMS:
            for batch, rate in run(options.microbench, form):
                rates.setdefault((batch, form), []).append(rate)
    text = table(rates, options.repeats)
    options.output.write_text(text)
    print(text)


def run(program, form):
    command = [program, f"--benchmark_filter=^nano_{form}/", "--benchmark_format=json", "--benchmark_min_time=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for result in json.loads(done.stdout)["benchmarks"]:
        yield int(result["name"].split("/")[1]), result["items_per_second"]


def table(rates, repeats):
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    lines = [
        f"PELICAN nano, two channels: jets per second of CPU time, median of {repeats} alternating runs (lowest–highest); one "
        f"thread, float32, jets of 80 constituents; eebench {commit}, {datetime.now(timezone.utc):%Y-%m-%d}, {cpu_name()}.",
        "",
        "| batch | textbook | fused | ratio |",
        "|---|---|---|---|",
    ]
    for batch in sorted({batch for batch, _ in rates}):
        textbook, fused = (rates[batch, form] for form in FORMS)
        ratio = statistics.median(fused) / statistics.median(textbook)
        lines.append(f"| {batch} | {cell(textbook)} | {cell(fused)} | {ratio:.0f} |")
    return "\n".join(lines) + "\n"


def cell(values):
    return f"{statistics.median(values):.0f} ({min(values):.0f}–{max(values):.0f})"


def cpu_name():
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":", 1)[1].strip() if names else platform.machine()


if __name__ == "__main__":
    main()
