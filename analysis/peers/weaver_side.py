"""weaver-core's half of the comparison: inputs as its loader makes them, models, and timing."""

import sys
import time

import h5py
import numpy as np
import torch
from eebench_analysis.convert.jets import Jets
from eebench_analysis.convert.writer import JetWriter
from eebench_analysis.export.inputs import particle_inputs
from weaver.nn.model.ParticleNet import ParticleNet
from weaver.nn.model.ParticleNeXt import ParticleNeXt
from weaver.nn.model.ParticleTransformer import ParticleTransformer

FEWEST = 17
SLOTS = 128


def select_jets(path, subset, count):
    """Writes the first `count` jets with enough constituents to `subset`; returns padded inputs."""
    with h5py.File(path) as file:
        offsets = file["offsets"][:]
        multiplicity = np.diff(offsets)
        chosen = np.flatnonzero((multiplicity >= FEWEST) & (multiplicity <= SLOTS))[:count]
        if len(chosen) < count:
            sys.exit(f"{path}: {len(chosen)} jets with {FEWEST} to {SLOTS} constituents, {count} needed")
        last = offsets[chosen[-1] + 1]
        wanted = np.concatenate([np.arange(offsets[j], offsets[j + 1]) for j in chosen])
        particles = {n: file[n][:last][wanted] for n in file if n.startswith("part_")}
        jets = {n: file[n][:][chosen] for n in file if n.startswith("jet_")}
        chunk = Jets(
            np.concatenate([[0], np.cumsum(multiplicity[chosen])]),
            particles,
            jets,
            file["label"][:][chosen].astype(np.int64),
        )
        classes = [name.decode() for name in file.attrs["classes"]]
    with JetWriter(subset) as writer:
        writer.write(chunk)
        writer.describe(classes, f"Converted from {path}")
    return padded_inputs(chunk)


def padded_inputs(chunk):
    """Points, features, vectors, mask as weaver-core's loader makes them, and the labels."""
    counts = np.diff(chunk.offsets)
    slots = np.arange(SLOTS)
    index = chunk.offsets[:-1, None] + slots % counts[:, None]
    particles = {name[5:]: column.astype(np.float32) for name, column in chunk.particles.items()}
    groups = particle_inputs(particles, {n: np.repeat(column, counts) for n, column in chunk.jets.items()}, "full")
    mask = (slots < counts[:, None])[:, None]
    stacks = [np.stack(columns)[:, index].swapaxes(0, 1) for columns in groups.values()] + [mask]
    tensors = [torch.from_numpy(np.ascontiguousarray(stack, np.float32)) for stack in stacks]
    return tensors, torch.from_numpy(chunk.label)


def weaver_model(name):
    torch.manual_seed(1)
    if name == "part":
        return ParticleTransformer(
            input_dim=17, num_classes=10, pair_input_dim=4, use_pre_activation_pair=False,
            cls_block_params={"dropout": 0, "attn_dropout": 0, "activation_dropout": 0}, trim=True,
        )  # fmt: skip
    if name == "particlenext":
        return ParticleNeXt(feature_input_dim=17, num_classes=10)
    return ParticleNet(
        input_dims=17, num_classes=10, use_fusion=False, fc_params=[(256, 0.1)],
        conv_params=[(16, (64,) * 3), (16, (128,) * 3), (16, (256,) * 3)],
    )  # fmt: skip


def weaver_call(name, model, batch):
    points, features, vectors, mask = batch
    if name == "part":
        return model(features, v=vectors, mask=mask)
    if name == "particlenext":
        return model(points.clone(), features, vectors, mask)  # it moves padded points in place
    return model(points, features, mask)


def weaver_rate(case, inputs, total):
    """Jets per second over the first `total` jets, after one warm-up batch."""
    name, mode, size = case
    tensors, labels = inputs
    model = weaver_model(name).train(mode == "training")
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step(first, last):
        batch = [tensor[first:last] for tensor in tensors]
        if mode == "inference":
            with torch.inference_mode():
                weaver_call(name, model, batch)
            return
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(weaver_call(name, model, batch), labels[first:last])
        loss.backward()
        optimiser.step()

    if name == "particlenext":
        model._counter = 5
    else:
        model.trimmer._counter.fill_(model.trimmer.warmup_steps)
    step(0, min(size, 64))
    start = time.perf_counter()
    for first in range(0, total, size):
        step(first, first + size)
    return total / (time.perf_counter() - start)
