"""ParticleNet: on padded jets, and as weaver-core builds it. Tensors are [B, C, N]."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from .network import Network, masked_mean_and_max, scalars


def neighbours(coordinates, mask, k):
    """Slots [B, N, k] of the k nearest after the nearest, which is dropped unseen; slots from N on
    where a jet has too few. The distance is |a|^2 - 2 ab + |b|^2, |a|^2 the product of a with itself."""
    products = coordinates.transpose(1, 2) @ coordinates
    squares = (products * torch.eye(products.size(1))).sum(2)
    distance = squares.unsqueeze(2) - 2 * products + squares.unsqueeze(1)
    distance = F.pad(distance.masked_fill(mask == 0, math.inf), (0, k), value=math.inf)
    return distance.topk(k + 1, largest=False).indices[..., 1:]


class EdgeConv(nn.Module):
    def __init__(self, width, channels, k):
        super().__init__()
        self.k = k
        widths = [2 * width, *channels]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in pairwise(widths))
        self.bns = nn.ModuleList(nn.BatchNorm2d(c) for c in channels)
        self.has_shortcut = width != channels[-1]
        if self.has_shortcut:
            self.sc = nn.Conv1d(width, channels[-1], 1, bias=False)
            self.sc_bn = nn.BatchNorm1d(channels[-1])

    def forward(self, coordinates, f, mask):
        index = neighbours(coordinates, mask, self.k).flatten(1).unsqueeze(1).expand(-1, f.size(1), -1)
        # A neighbour that does not exist is a slot of zeros behind the jet.
        others = F.pad(f, (0, self.k)).gather(2, index).unflatten(2, (-1, self.k))
        own = f.unsqueeze(3).expand_as(others)
        x = torch.cat([own, others - own], 1)
        for conv, bn in zip(self.convs, self.bns):
            x = F.relu(bn(conv(x)))
        shortcut = self.sc_bn(self.sc(f)) if self.has_shortcut else f
        return F.relu(x.mean(3) + shortcut).masked_fill(mask == 0, 0)


class PooledHead(nn.Module):
    def __init__(self, width, exits, classes):
        super().__init__()
        widths = [width, *exits["particle_widths"]]
        self.norm = nn.BatchNorm1d(width)
        self.particle = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.hidden = nn.Linear(2 * widths[-1], exits["width"])
        self.fc = nn.Linear(exits["width"], classes)

    def forward(self, seen, mask):
        x = self.norm(seen).transpose(1, 2)
        for layer in self.particle:
            x = F.relu(layer(x))
        return self.fc(F.relu(self.hidden(masked_mean_and_max(x, mask))))


class ParticleNet(Network):
    axes = Network.axes | {"f": {0: "B", 2: "N"}, "seen": {0: "B", 2: "N"}}

    def __init__(self, settings):
        network, exits, classes = settings.network, settings.exits, settings.classes
        channels = network["blocks"]
        super().__init__(settings, len(channels))
        widths = [settings.features, *(block[-1] for block in channels)]
        self.bn_fts = nn.BatchNorm1d(settings.features)
        self.edge_convs = nn.ModuleList(EdgeConv(a, b, network["k"]) for a, b in zip(widths, channels))
        self.fc = nn.Sequential(
            nn.Sequential(nn.Linear(widths[-1], network["fc"]), nn.ReLU()), nn.Linear(network["fc"], classes)
        )
        if exits["after"]:
            seen = [sum(widths[1 : after + 1]) for after in exits["after"]]
            self.exits = nn.ModuleList(PooledHead(width, exits, classes) for width in seen)

    def stem(self, inputs):
        empty = inputs["mask"] == 0
        return {
            "points": inputs["points"].masked_fill(empty, 0),
            "f": self.bn_fts(inputs["features"]).masked_fill(empty, 0),
            "mask": inputs["mask"],
        }

    def segment(self, k, state):
        f, mask, seen = state["f"], state["mask"], [state["seen"]] if k else []
        for b in self.blocks_of[k]:
            f = self.edge_convs[b](f if b else state["points"], f, mask)
            seen.append(f)
        return {"f": f, "seen": torch.cat(seen, 1), "mask": mask}

    def head(self, k, state):
        if not self.is_last(k):
            return self.exits[k](state["seen"], state["mask"])
        return self.fc(state["f"].sum(2) / state["mask"].sum(2))


def weaver_options(settings):
    network = settings.network
    return {
        "input_dims": settings.features,
        "num_classes": settings.classes,
        "conv_params": [(network["k"], tuple(channels)) for channels in network["blocks"]],
        "fc_params": [(network["fc"], network["dropout"])],
        "use_fusion": False,
    }


def to_weaver(_, tensors):
    return {f"mod.{name}": tensor for name, tensor in scalars(tensors).items()}
