#!/usr/bin/env python3
"""Checks that eebench_microbench times every operation that the headers of src/eebench/nn declare."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A function at the left margin that gives tensors, or a structure of them; Work is a formula.
OPERATION = re.compile(r"^(?:at::Tensor|(?!Work )[A-Z]\w*) (\w+)\(", re.MULTILINE)
TIMED = re.compile(r"return nn::(\w+)\(")


def names(pattern, files):
    return {name for file in files for name in pattern.findall(file.read_text())}


def main():
    operations = names(OPERATION, (ROOT / "src" / "eebench" / "nn").glob("*.hpp"))
    untimed = sorted(operations - names(TIMED, (ROOT / "microbench").glob("*.cpp")))
    print("\n".join(f"microbench: nothing times nn::{name}" for name in untimed)
          or f"microbench: all {len(operations)} operations are timed")
    return 1 if untimed or not operations else 0


if __name__ == "__main__":
    sys.exit(main())
