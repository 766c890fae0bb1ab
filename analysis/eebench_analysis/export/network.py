"""What networks on padded jets share, for formats that know no ragged ones.

Parameters carry the names of weights.h5. `mask` [B, 1, N] is 1 where a constituent is; whatever stands in the
other slots, answers do not depend on it.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

ROUNDING = 3e-6  # relative; some units in the last place of a sum in float32
ROUNDING_TRIES = 8


@dataclass
class Settings:
    """Of a model configuration, complete."""

    path: Path  # of the weights
    features: int
    classes: int
    network: dict
    exits: dict


class Network(nn.Module):
    """A stem, segments and a head after each. The state that goes from one to the next is a dict of tensors.

    `axes` says of every tensor which of its dimensions are jets and slots.
    """

    inputs = ("points", "features", "vectors", "mask")
    axes = {name: {0: "B", 2: "N"} for name in inputs}

    def __init__(self, settings, blocks):
        super().__init__()
        ends = [*settings.exits["after"], blocks]
        self.blocks_of = [range(first, last) for first, last in pairwise([0, *ends])]

    def answers(self, inputs):
        """Logits of every exit, in order."""
        state = self.stem(inputs)
        logits = []
        for k in range(len(self.blocks_of)):
            state = self.segment(k, state)
            logits.append(self.head(k, state))
        return logits

    def is_last(self, k):
        return k + 1 == len(self.blocks_of)


def masked_mean_and_max(x, mask):
    """Over the constituents of x [B, N, C]: [B, 2 C]."""
    real = mask.transpose(1, 2) > 0
    mean = x.masked_fill(~real, 0).sum(1) / mask.sum(2)
    return torch.cat([mean, x.masked_fill(~real, -math.inf).amax(1)], 1)


def scalars(tensors):
    """HDF5 holds the counts of batches as one number each, PyTorch as scalars."""
    return {
        name: tensor.squeeze() if name.endswith(".num_batches_tracked") else tensor
        for name, tensor in tensors.items()
    }


def decided(network, inputs, tolerance):
    """[B] bool: whether rounding of the inputs moves no logit by more than `tolerance`. Where two neighbours
    are equally far but for rounding, two programs may rightly choose each another one."""
    random = torch.Generator().manual_seed(1)
    with torch.inference_mode():
        before = torch.stack(network.answers(inputs), 1)
        largest = torch.zeros(len(before))
        for _ in range(ROUNDING_TRIES):
            moved = {
                name: inputs[name] * (1 + ROUNDING * (2 * torch.rand(inputs[name].shape, generator=random) - 1))
                for name in ("points", "features")
            }
            after = torch.stack(network.answers(inputs | moved), 1)
            largest = torch.maximum(largest, (after - before).abs().amax((1, 2)))
    return (largest <= tolerance).numpy()
