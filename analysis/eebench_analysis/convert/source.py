"""What every reader of one format returns."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Source:
    """A file (or folder) of jets; `chunks()` reads it piece by piece, in order.

    `classes` is None where the file holds label numbers without names; `class_count` is then the
    number the format is known to have, or 0.
    """

    path: Path
    n_jets: int
    classes: tuple | None
    chunks: Callable
    class_count: int = 0


def one_hot_to_label(rows, path, first):
    """Class index of each row of 0/1 columns; exactly one must be set."""
    rows = np.asarray(rows)
    bad = np.flatnonzero((rows != 0).sum(axis=1) != 1)
    if len(bad):
        raise InputError(
            f"{path}: jet {first + int(bad[0])} has {int((rows[bad[0]] != 0).sum())} labels set, "
            "expected exactly one; give the wanted ones with --classes"
        )
    return rows.argmax(axis=1)
