"""Clusters of configs/machines/, and how long their ranks take to sum."""

import sys
from dataclasses import dataclass

import numpy as np

from .errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Messages in a row, and bytes on the wire in units of the summed ones, of an all-reduce over n ranks (Thakur,
# Rabenseifner, Gropp, IJHPCA 19 (2005) 49).
FORMS = {
    "ring": (lambda n: 2 * (n - 1), lambda n: 2 * (n - 1) / n),
    "tree": (np.log2, np.log2),
}


@dataclass(frozen=True)
class Link:
    """Least and most latency of a message, s, and time of a byte, s."""

    latency: tuple[float, float]
    byte: tuple[float, float]

    def between(self, share):
        """Latency and time of a byte at a share of the way, in logarithms, from the least to the most."""
        return tuple(low ** (1 - share) * high**share for low, high in (self.latency, self.byte))


@dataclass(frozen=True)
class Machine:
    name: str
    nodes: int
    ranks_per_node: int
    compute_ratio: float
    inter_node: Link  # bytes of a node
    intra_node: Link | None  # bytes of a rank; None: as measured here


def read_machine(path):
    """The description in a file of configs/machines/; InputError names what is wrong in it."""

    def wrong(key, wants):
        raise InputError(f"{path}: {key} {wants}; configs/machines/README.md describes the keys")

    def number(table, key, whole=False, default=None):
        value = table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not 0 < value < np.inf:
            wrong(key, f"must be a positive {'whole ' if whole else ''}number")
        return value

    def pair(table, key, unit):
        value = table.get(key)
        numbers = isinstance(value, list) and len(value) == 2 and all(type(x) in (int, float) for x in value)
        if not numbers or not 0 < value[0] <= value[1] < np.inf:
            wrong(key, "must be [least, most], both positive")
        return unit * value[0], unit * value[1]

    def link(name):
        table = described[name]
        check(table, {"latency_us", "bandwidth_gb_s"}, f"[{name}] ")
        low, high = pair(table, "bandwidth_gb_s", 1e9)
        return Link(pair(table, "latency_us", 1e-6), (1 / high, 1 / low))

    def check(table, keys, place=""):
        if not isinstance(table, dict):
            wrong(place.strip(), "must be a table")
        for key in table:
            if key not in keys:
                wrong(place + key, "is unknown")

    try:
        with open(path, "rb") as file:
            described = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {error}") from error
    check(described, {"name", "nodes", "ranks_per_node", "compute_ratio", "inter_node", "intra_node"})
    if not isinstance(described.get("name"), str):
        wrong("name", "must be a text")
    if "inter_node" not in described:
        wrong("[inter_node]", "is missing")
    return Machine(
        described["name"], number(described, "nodes", True), number(described, "ranks_per_node", True),
        number(described, "compute_ratio", default=1.0), link("inter_node"),
        link("intra_node") if "intra_node" in described else None,
    )  # fmt: skip


def all_reduce(ranks, size, latency, byte):
    """Seconds to sum `size` bytes over ranks that reach one another alike: a ring or a tree, whichever is faster."""
    if ranks == 1 or size == 0:
        return 0.0
    return min(latency * s(ranks) + byte * v(ranks) * size for s, v in FORMS.values())
