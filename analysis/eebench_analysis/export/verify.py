"""ONNX files that answer as eebench does, or none."""

import json
import shutil
import subprocess

import h5py
import numpy as np
import onnxruntime
import torch

from ..errors import DeviationError, InputError
from .inputs import FEATURES, read_inputs
from .kinds import padded_network, settings_of
from .network import decided
from .onnx_files import OPSET, write_onnx

TOLERANCE = 1e-3  # of logits
BATCH = 64
MEANING = {
    "points": "deta, dphi of a constituent from the axis of its jet",
    "features": "inputs in the order of `features`",
    "vectors": "px, py, pz, E in GeV",
    "mask": "1 where a constituent is, 0 in a slot without one, where the other inputs may hold anything",
    "f": "constituents after the last block",
    "seen": "outputs of all blocks so far, which early heads read",
    "x": "constituents after the last block",
    "bias": "what is added to the scores of attention",
    "next_*": "for the next segment, which takes it without next_",
    "logits_*": "answer of an exit, in the order of `classes`, before softmax",
}


def write_verified(weights, folder, data, limit):
    """Writes the ONNX files and export.json; returns a table of the differences from eebench's answers."""
    settings, inputs = settings_of(weights), weights.config["features"]
    if inputs not in FEATURES:
        raise InputError(
            f"{weights.path}: its inputs are '{inputs}'; only {', '.join(FEATURES)} can be made here, to compare "
            "the answers"
        )
    expected, classes = eebench_logits(weights.path, data, limit, folder)
    network = padded_network(weights)
    write_onnx(network, settings, folder)
    differences, compared, interfaces = compare(folder, network, read_inputs(data, limit, inputs), expected)
    if compared < len(expected) / 2:
        raise DeviationError(
            f"{weights.path}: for {len(expected) - compared} of {len(expected)} jets rounding of the inputs alone "
            f"moves logits by more than {TOLERANCE:g}, too many to compare the others; nothing was written"
        )
    if not np.all(differences <= TOLERANCE):
        raise DeviationError(
            f"{weights.path}: ONNX differs from eebench by up to {differences.max():.1e} in the logits of jets of "
            f"{data}, more than {TOLERANCE:g}; nothing was written"
        )
    facts = {
        "network": weights.config.get("name", ""),
        "kind": weights.config["kind"],
        "weights_sha256": weights.sha256,
        "opset": OPSET,
        "features": [f"part_{name}" for name in FEATURES[inputs]] if settings.features else [],
        "classes": classes,
        "compared": {
            "jets": compared,
            "jets_that_rounding_decides": len(expected) - compared,
            "data": data.name,
            "largest_difference_of_each_exit": {"full": list(differences[:, 0]), "segments": list(differences[:, 1])},
        },
        "B": "jets",
        "N": "slots for constituents",
        "meaning": MEANING,
        "files": interfaces,
    }
    (folder / "export.json").write_text(json.dumps(facts, indent=2) + "\n")
    rows = [f"| {exit} | {whole:.1e} | {cut:.1e} |" for exit, (whole, cut) in enumerate(differences)]
    left_out = f", without {len(expected) - compared} that rounding decides" if compared < len(expected) else ""
    head = f"Largest difference from the logits of eebench, {len(expected)} jets of {data.name}{left_out}:\n"
    return "\n".join([head, "| exit | full.onnx | segments |", "|---|---|---|", *rows, ""])


def eebench_logits(weights, data, limit, scratch):
    """[jets, exits, classes], and the names of the classes."""
    if shutil.which("eebench") is None:
        raise InputError("no program eebench on PATH; . scripts/environment.sh of eebench puts it there")
    answers = scratch / "answers.h5"
    command = ["eebench", "predict", "--weights", weights, "--data", data, "--limit", str(limit), "-o", answers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise InputError(f"no answers to compare with; {reason.removeprefix('eebench: ')}")
    with h5py.File(answers) as file:
        logits, classes = file["logits"][:], [name.decode() for name in file["class"][:]]
    answers.unlink()
    return logits, classes


def compare(folder, network, inputs, expected):
    """Largest differences [exits, 2] of full.onnx and of the segments one after another, over all jets but
    those that differ because rounding decides; how many jets that are; what each file takes and gives."""
    exits = expected.shape[1]
    names = ["full.onnx", *(f"segment_{k}.onnx" for k in range(exits))]
    whole, *segments = (
        onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"]) for name in names
    )
    worst, compared = np.zeros((exits, 2)), 0
    for first in range(0, len(expected), BATCH):
        rows = slice(first, first + BATCH)
        batch = {name: values[rows] for name, values in inputs.items()}
        answers = (run(whole, batch), run_segments(segments, batch))
        # [2, exits, jets, classes]
        logits = np.stack([[each[f"logits_{k}"] for k in range(exits)] for each in answers])
        difference = np.abs(logits - expected[rows].swapaxes(0, 1)).max(3)
        keep = (difference <= TOLERANCE).all((0, 1))
        if not keep.all():
            suspects = {name: torch.from_numpy(values[~keep]) for name, values in batch.items()}
            keep[~keep] = decided(network, suspects, TOLERANCE)
        compared += int(keep.sum())
        worst = np.maximum(worst, difference[:, :, keep].max(2, initial=0).T)
    return worst, compared, {name: interface(session) for name, session in zip(names, (whole, *segments))}


def run(session, tensors):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {i.name: tensors[i.name] for i in session.get_inputs()})))


def run_segments(segments, tensors):
    answers = {}
    for segment in segments:
        answers |= run(segment, tensors)
        tensors = tensors | {name.removeprefix("next_"): values for name, values in answers.items()}
    return answers


def interface(session):
    """Names, types and shapes."""
    return {
        side: [{"name": t.name, "type": t.type, "shape": t.shape} for t in tensors]
        for side, tensors in (("inputs", session.get_inputs()), ("outputs", session.get_outputs()))
    }
