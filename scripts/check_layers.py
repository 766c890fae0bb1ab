#!/usr/bin/env python3
"""Checks that every layer includes and links only layers that stand before it."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src" / "eebench"
INCLUDE = re.compile(r'#include "eebench/(\w+)/')
LAYERS_ARGUMENT = re.compile(r"eebench_add_layer\((\w+)[^)]*?\bLAYERS\b([^)]*)\)")
# What a layer must not know at all, whatever the order.
FORBIDDEN = {
    "sys": r"<(mpi\.h|torch/|ATen/)",
    "stats": r"<(mpi\.h|torch/|ATen/|fstream)",
    "exits": r"<(mpi\.h|torch/|ATen/)",
    "h5": r"<(torch/|ATen/)",
    "report": r"<(mpi\.h|torch/|ATen/)",
}


def layer_order():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"foreach\(layer ([\w ]+)\)", text).group(1).split()


def lower(order, layer, other):
    return other in order and order.index(other) <= order.index(layer)


def wrong_includes(order):
    for layer in order:
        for file in sorted((SOURCES / layer).rglob("*")):
            if file.suffix not in {".hpp", ".cpp", ".cu", ".cuh"}:
                continue
            for number, line in enumerate(file.read_text().splitlines(), 1):
                place = f"{file.relative_to(ROOT)}:{number}"
                match = INCLUDE.match(line)
                if match and not lower(order, layer, match.group(1)):
                    yield f"{place}: layer {layer} must not include {match.group(1)}"
                if layer in FORBIDDEN and re.match("#include " + FORBIDDEN[layer], line):
                    yield f"{place}: layer {layer} must not know {line.split()[-1]}"


def wrong_links(order):
    for layer in order:
        file = SOURCES / layer / "CMakeLists.txt"
        if not file.exists():
            continue
        for name, arguments in LAYERS_ARGUMENT.findall(file.read_text()):
            linked = arguments.split("LIBRARIES")[0].split()
            for other in linked:
                if name == other or not lower(order, layer, other):
                    yield f"{file.relative_to(ROOT)}: {name} must not link {other}"


def folders_without_layer(order):
    for folder in sorted(SOURCES.iterdir()):
        if folder.name not in order:
            yield f"{folder.relative_to(ROOT)}: not one of the layers in CMakeLists.txt"


def main():
    order = layer_order()
    faults = [*wrong_includes(order), *wrong_links(order), *folders_without_layer(order)]
    print("\n".join(faults) or "layers: in order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
