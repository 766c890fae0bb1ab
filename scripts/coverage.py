#!/usr/bin/env python3
"""Prints how many lines of each layer the tests ran:  scripts/coverage.py BUILD_DIR  (built with --coverage)."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "src" / "eebench"


def line_counts(build):
    """(file, line): times it ran, of all files of the layers that were built."""
    notes = sorted(build.rglob("*.gcno"))
    if not notes:
        sys.exit(f"coverage: {build} was not built with --coverage; scripts/check_sanitizers.sh does, and runs the tests")
    layers = {path.name for path in SOURCES.iterdir() if list((build / "src/eebench" / path.name).rglob("*.gcno"))}
    # Notes without counts beside them are of objects that no test ran: their lines count as not covered.
    output = subprocess.run(
        ["gcov", "--json-format", "--stdout", *notes], capture_output=True, text=True, check=True, cwd=build
    ).stdout
    counts = defaultdict(int)
    for report in map(json.loads, output.splitlines()):
        for file in report["files"]:
            path = (Path(report["current_working_directory"]) / file["file"]).resolve()
            if path.is_relative_to(SOURCES) and path.relative_to(SOURCES).parts[0] in layers:
                for line in file["lines"]:
                    counts[path.relative_to(SOURCES), line["line_number"]] += line["count"]
    return counts


def main():
    covered, total = defaultdict(int), defaultdict(int)
    for (file, _), count in line_counts(Path(sys.argv[1]).resolve()).items():
        for name in (file.parts[0], "all"):
            total[name] += 1
            covered[name] += count > 0
    share = {name: f"{100 * covered[name] / total[name]:.1f} %" for name in sorted(total)}
    whole = share.pop("all")
    layers = ", ".join(f"{name} {part}" for name, part in share.items())
    print(f"coverage: {covered['all']} of {total['all']} lines, {whole}; {layers}")


if __name__ == "__main__":
    main()
