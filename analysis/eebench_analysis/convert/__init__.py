"""From the files people have to the jets eebench reads; the layout is described in analysis/README.md."""

import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..outputs import check_output_file
from ..progress import Progress, note
from .hdf5 import open_hdf5
from .jets import normalise
from .npy import open_npy
from .npz import open_npz
from .parquet import open_parquet
from .root import open_root
from .writer import JetWriter

READERS = {b"root": open_root, b"PAR1": open_parquet, b"\x89HDF": open_hdf5, b"PK\x03\x04": open_npz}
LARGEST_CLASS_COUNT = 256
SPLITS = ("train", "valid", "test")


def convert(inputs, output, classes=None, drop_bad=False):
    """Writes all jets of `inputs`, in their order, to `output`; prints a summary on stderr.

    A single folder of HDF5 files named after train, valid and test, as PELICAN takes it, becomes such a folder again,
    with one file each. `classes` are the names of the labels; None takes what the files say. `drop_bad` leaves out jets
    that eebench would refuse, and says how many.
    """
    output = Path(output)
    splits = find_splits(Path(inputs[0])) if len(inputs) == 1 else {}
    if not splits:
        convert_files(inputs, output, classes, drop_bad)
        return
    if output.exists() and not output.is_dir() or output.resolve() == Path(inputs[0]).resolve():
        raise InputError(f"{output}: cannot hold the converted files; name another folder, new or not")
    output.mkdir(parents=True, exist_ok=True)
    for split, files in splits.items():
        convert_files(files, output / f"{split}.h5", classes, drop_bad)


def find_splits(folder):
    """HDF5 files of the folder by the word in their names; empty where none has such a name."""
    files = sorted(folder.glob("*.h5")) if folder.is_dir() else []
    found = {split: [path for path in files if split in re.split("[^a-z]+", path.stem)] for split in SPLITS}
    found = {split: paths for split, paths in found.items() if paths}
    left = sorted(set(files) - {path for paths in found.values() for path in paths})
    if found and left:
        raise InputError(f"{left[0]}: none of {', '.join(SPLITS)} is a word of its name; rename it, or take it out")
    return found


def convert_files(inputs, output, classes, drop_bad):
    check_output_file(output, inputs)
    sources = [open_source(Path(path), classes) for path in inputs]
    names = common_classes(sources, classes)
    empty = bad = 0
    with JetWriter(output) as writer:
        progress = Progress(sum(source.n_jets for source in sources), "jets")
        for source in sources:
            left_out = copy(source, writer, names, progress, drop_bad)
            empty, bad = empty + left_out[0], bad + left_out[1]
        progress.close()
        if writer.n_jets == 0:
            why = f" and without faults ({bad} have some)" if bad else ""
            raise InputError(f"{inputs[0]}: no jet with a constituent{why}; nothing was written")
        if names is None:
            count = max(len(writer.label_counts), *(source.class_count for source in sources))
            names = tuple(f"class{index}" for index in range(count))
            note(
                f"the labels have no names here, called {names[0]} ... {names[-1]}; name them with --classes"
            )
        writer.describe(names, f"Converted from {', '.join(map(str, inputs))}")
    if empty:
        note(f"left out {empty} jets without constituents")
    if bad:
        note(f"left out {bad} bad jets")
    counts = class_counts(names, writer.label_counts)
    note(f"{output}: {writer.n_jets} jets, {writer.n_particles} constituents ({counts})")


def class_counts(names, counts):
    present = [f"{name} {count}" for name, count in zip(names, counts) if count]
    return ", ".join(present) if len(present) <= 12 else f"{len(present)} classes"


def open_source(path, classes):
    """The reader that fits the content of the file (its first bytes, not its name)."""
    if path.is_dir():
        return open_npy(path, classes)
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder; check the path")
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic == b"\x93NUMPY":
        raise InputError(f"{path}: one array of a set; give the folder {path.parent} that holds it")
    reader = READERS.get(magic[:4])
    if reader is None:
        raise InputError(
            f"{path}: neither ROOT nor parquet nor HDF5 nor .npz nor a folder of .npy arrays; "
            "convert it to one of them first"
        )
    with as_input_error(path):
        return reader(path, classes)


@contextmanager
def as_input_error(path):
    """Turns what the reading libraries raise on a damaged file into one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{path}: cannot be read ({first_line}); the file is damaged or incomplete, fetch it again"
        ) from error


def common_classes(sources, classes):
    """The class names of all inputs, or None where none has names."""
    if classes is not None:
        named = [source for source in sources if source.classes not in (None, classes)]
        wrong = next((s for s in named if len(s.classes) != len(classes)), None)
        if wrong:
            raise InputError(
                f"{wrong.path}: has {len(wrong.classes)} classes ({', '.join(wrong.classes)}), "
                f"--classes names {len(classes)}"
            )
        return classes
    for source in sources:
        if source.classes != sources[0].classes:
            raise InputError(
                f"{source.path}: its classes ({', '.join(source.classes or ['unnamed'])}) are not "
                f"those of {sources[0].path} ({', '.join(sources[0].classes or ['unnamed'])}); "
                "convert them apart, or name them with --classes"
            )
    return sources[0].classes


def copy(source, writer, names, progress, drop_bad):
    """Writes one source; returns how many empty and how many bad jets were left out."""
    allowed = len(names) if names is not None else LARGEST_CLASS_COUNT
    empty = bad = first = 0
    for chunk in read(source):
        raw = len(chunk)
        check_labels(chunk.label, allowed, source.path, first)
        chunk, empty_here, bad_here = normalise(chunk, source.path, first, drop_bad)
        if len(chunk):
            check_columns(chunk, writer, source.path)
            writer.write(chunk)
        first += raw
        empty, bad = empty + empty_here, bad + bad_here
        progress.advance(raw)
    return empty, bad


def read(source):
    with as_input_error(source.path):
        chunks = iter(source.chunks())
    while True:
        with as_input_error(source.path):
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def check_labels(label, allowed, path, first):
    bad = np.flatnonzero((label < 0) | (label >= allowed))
    if len(bad):
        raise InputError(
            f"{path}: jet {first + int(bad[0])} has the label {label[bad[0]]}, "
            f"but there are {allowed} classes; mend the label or name all classes with --classes"
        )


def check_columns(chunk, writer, path):
    columns = set(chunk.particles) | set(chunk.jets)
    if writer.n_jets and columns != writer.columns:
        odd = min(columns ^ writer.columns)
        where = "only here" if odd in columns else "missing here"
        raise InputError(f"{path}: column {odd} is {where}, the inputs before differ; convert them apart")
