"""Answers of `eebench predict` in the columns of weaver-core's `--predict-output`."""

import hashlib
import os
from pathlib import Path

import h5py
import numpy as np

from .errors import InputError
from .metrics import softmax
from .outputs import check_output_file
from .predictions import read_predictions
from .progress import note


def columns(answers, output, data=None, exit_index=None):
    """Writes ROOT (tree Events) or parquet, by the ending of `output`; the jet_* columns of `data` are observers."""
    output = Path(output)
    if output.suffix not in (".root", ".parquet"):
        raise InputError(f"{output}: ends in neither .root nor .parquet; one of them says the format")
    check_output_file(output, [answers] + ([data] if data else []))
    predictions = read_predictions(answers)
    scores = softmax(answer_logits(predictions, exit_index)).astype(np.float32)
    labels = {"_label_": predictions.label.astype(np.int64)}
    observers = read_observers(Path(data), predictions) if data else {}
    if predictions.rule:
        observers["exit_index"] = predictions.exit_index
    part = output.with_name(output.name + ".part")
    try:
        if output.suffix == ".root":
            write_root(part, by_class(scores, predictions) | labels | observers)
        else:
            write_parquet(part, {"scores": scores} | labels | observers)
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    note(f"{output}: {len(scores)} jets, {len(predictions.classes)} classes, observers: {', '.join(observers) or 'none'}")


def answer_logits(predictions, exit_index):
    if exit_index is None:
        return predictions.logits[:, -1]
    if predictions.rule:
        raise InputError(f"{predictions.path}: holds only the answers taken by {predictions.rule}; leave out --exit")
    if exit_index >= predictions.exits:
        raise InputError(f"{predictions.path}: has no exit {exit_index}; the last is {predictions.exits - 1}")
    return predictions.logits[:, exit_index]


def by_class(scores, predictions):
    columns = {}
    for index, name in enumerate(predictions.classes):
        name = name if name.startswith("label_") else f"label_{name}"
        columns[name] = predictions.label == index
        columns[f"score_{name}"] = scores[:, index]
    return columns


def file_sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def read_observers(path, predictions):
    """The jet_* columns of the jets that were answered, from that very file."""
    try:
        if file_sha256(path) != predictions.attributes["data_sha256"]:
            answered = predictions.attributes["data"]
            raise InputError(f"{path}: is not the file that {predictions.path} answers, {answered}; give that one")
        with h5py.File(path) as file:
            return {name: file[name][:][predictions.place] for name in file if name.startswith("jet_")}
    except OSError as error:
        raise InputError(f"{path}: cannot be read as jets ({error}); give those that were answered") from error


def write_root(path, columns):
    import uproot

    with uproot.recreate(path, compression=uproot.LZ4(4)) as file:
        file.mktree("Events", {name: column.dtype for name, column in columns.items()}).extend(columns)


def write_parquet(path, columns):
    import awkward

    awkward.to_parquet(awkward.Array(columns), path, compression="LZ4")
