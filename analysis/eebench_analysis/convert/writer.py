"""Appends jets to an HDF5 file in eebench's layout; the file appears under its name when complete."""

import os
from pathlib import Path

import h5py
import numpy as np

from .jets import PARTICLE_TYPES

PARTICLE_CHUNK = 65_536
JET_CHUNK = 16_384


class JetWriter:
    """Use as a context manager; leaving it by an exception removes what was written."""

    def __init__(self, path):
        self._path = Path(path)
        self._part = self._path.with_name(self._path.name + ".part")
        self._file = h5py.File(self._part, "w")
        self.n_jets = 0
        self.n_particles = 0
        self.label_counts = np.zeros(0, np.int64)
        self._create("offsets", np.int64, JET_CHUNK)
        self._append("offsets", np.zeros(1, np.int64))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._file.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)
            return
        try:
            with open(self._part, "rb") as part:
                os.fsync(part.fileno())
            os.replace(self._part, self._path)
        finally:
            self._part.unlink(missing_ok=True)

    @property
    def columns(self):
        return set(self._file) - {"offsets", "label"}

    def write(self, chunk):
        if self.n_jets == 0:
            for name in chunk.particles:
                self._create(name, PARTICLE_TYPES[name], PARTICLE_CHUNK)
            for name, column in chunk.jets.items():
                self._create(name, column.dtype, JET_CHUNK)
            self._create("label", np.uint8, JET_CHUNK)
        for name, column in {**chunk.particles, **chunk.jets}.items():
            self._append(name, rounded(column, self._file[name].dtype))
        self._append("offsets", chunk.offsets[1:] + self.n_particles)
        self._append("label", chunk.label)
        self.n_jets += len(chunk)
        self.n_particles += int(chunk.offsets[-1])
        counts = np.bincount(chunk.label, minlength=len(self.label_counts))
        counts[: len(self.label_counts)] += self.label_counts
        self.label_counts = counts

    def describe(self, classes, source, **more):
        """Attributes of the file; `more` are texts and numbers that are there in some files only."""
        self._file.attrs["classes"] = np.array([name.encode() for name in classes])
        self._file.attrs["format"] = "eebench-jets"
        self._file.attrs["format_version"] = 1
        self._file.attrs["units"] = "GeV, mm"
        self._file.attrs["source"] = source
        self._file.attrs.update(more)

    def _create(self, name, dtype, chunk):
        self._file.create_dataset(
            name, (0,), dtype, maxshape=(None,), chunks=(chunk,), compression=4, shuffle=True
        )

    def _append(self, name, values):
        dataset = self._file[name]
        start = len(dataset)
        dataset.resize((start + len(values),))
        dataset[start:] = values


def rounded(column, dtype):
    return np.rint(column).astype(dtype) if np.issubdtype(dtype, np.integer) else column
