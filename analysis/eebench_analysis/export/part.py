"""Particle Transformer: on padded jets, and as weaver-core builds it. Tensors are [B, N, C]."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from .network import Network, masked_mean_and_max, scalars


def pair_features(vectors):
    """ln kT, ln z, ln Delta and ln m^2 of all pairs, [B, 4, N, N], of vectors [B, 4, N]."""
    px, py, pz, energy = vectors.split(1, 1)
    pt = torch.sqrt(px * px + py * py)
    rapidity = 0.5 * torch.log(1 + 2 * pz / (energy - pz).clamp(min=1e-20))
    particles = torch.cat([pt, rapidity, torch.atan2(py, px), vectors], 1)
    a, b = particles.unsqueeze(3), particles.unsqueeze(2)
    dphi = torch.remainder(a[:, 2] - b[:, 2] + math.pi, 2 * math.pi) - math.pi
    delta = torch.sqrt((a[:, 1] - b[:, 1]) ** 2 + dphi**2)
    least = torch.minimum(a[:, 0], b[:, 0])
    z = least / (a[:, 0] + b[:, 0]).clamp(min=1e-8)
    x, y, z_momentum, e = ((a + b)[:, index] for index in (3, 4, 5, 6))
    mass2 = e * e - (x * x + y * y + z_momentum * z_momentum)
    return torch.stack([least * delta, z, delta, mass2], 1).clamp(min=1e-8).log()


class Embed(nn.Module):
    def __init__(self, features, widths):
        super().__init__()
        self.input_bn = nn.BatchNorm1d(features)
        layers = ((nn.LayerNorm(a), nn.Linear(a, b), nn.GELU()) for a, b in pairwise([features, *widths]))
        self.embed = nn.Sequential(*(module for layer in layers for module in layer))

    def forward(self, features):
        return self.embed(self.input_bn(features).transpose(1, 2))


class PairEmbed(nn.Module):
    def __init__(self, widths):
        super().__init__()
        layers = ((nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.GELU()) for a, b in pairwise([4, *widths]))
        self.embed = nn.Sequential(nn.BatchNorm1d(4), *(module for layer in layers for module in layer))

    def forward(self, vectors):
        features = pair_features(vectors)
        return self.embed(features.flatten(2)).unflatten(2, (-1, features.size(3)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, query, keys, bias):
        """query [B, M, C] looks at keys [B, L, C]; bias [B, 1 or H, 1 or M, L]. Returns [B, H, M, d]."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, weight, shift).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for x, weight, shift in zip((query, keys, keys), weights, biases)
        )
        scores = q @ k.transpose(2, 3) / math.sqrt(q.size(3)) + bias
        return self.out_proj((scores.softmax(3) @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width, network):
        super().__init__()
        hidden = network["ffn_ratio"] * width
        self.legacy = network["head_layout"] == "legacy"
        self.c_attn = nn.Parameter(torch.empty(network["heads"]))
        self.w_resid = nn.Parameter(torch.empty(width))
        self.attn = Attention(width, network["heads"])
        self.pre_attn_norm = nn.LayerNorm(width)
        self.post_attn_norm = nn.LayerNorm(width)
        self.pre_fc_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.post_fc_norm = nn.LayerNorm(hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x, bias):
        u = self.pre_attn_norm(x)
        return self.finish(x, self.attn(u, u, bias))

    def forward_class(self, token, x, empty):
        """token [B, 1, C] looks at itself and the constituents; `empty` [B, 1, 1, N] hides slots."""
        u = self.pre_attn_norm(torch.cat([token, x], 1))
        return self.finish(token, self.attn(token, u, F.pad(empty, (1, 0))))

    def finish(self, residual, attended):
        by_head = attended.unflatten(2, (len(self.c_attn), -1)) * self.c_attn.unsqueeze(1)
        x = residual + self.post_attn_norm((by_head.transpose(2, 3) if self.legacy else by_head).flatten(2))
        h = self.post_fc_norm(F.gelu(self.fc1(self.pre_fc_norm(x))))
        return self.fc2(h) + self.w_resid * x


def hidden_slots(mask):
    """What is added to the scores of attention: 0 at constituents, -inf at other slots; [B, 1, 1, N]."""
    return torch.zeros_like(mask).masked_fill(mask == 0, -math.inf).unsqueeze(1)


class PartExit(nn.Module):
    def __init__(self, width, network, exits, classes):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attends = exits["head"] == "class_attention"
        if self.attends:
            self.cls_token = nn.Parameter(torch.empty(1, width))
            self.block = Block(width, network)
        else:
            self.hidden = nn.Linear(2 * width, exits["width"])
        self.fc = nn.Linear(width if self.attends else exits["width"], classes)

    def forward(self, x, mask):
        if self.attends:
            token = self.cls_token.expand(x.size(0), 1, -1)
            return self.fc(self.norm(self.block.forward_class(token, x, hidden_slots(mask)).squeeze(1)))
        return self.fc(F.gelu(self.hidden(masked_mean_and_max(self.norm(x), mask))))


class Part(Network):
    axes = Network.axes | {"x": {0: "B", 1: "N"}, "bias": {0: "B", 2: "N", 3: "N"}}

    def __init__(self, settings):
        network, exits, classes = settings.network, settings.exits, settings.classes
        super().__init__(settings, network["layers"])
        width = network["embed"][-1]
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.embed = Embed(settings.features, network["embed"])
        self.pair_embed = PairEmbed([*network["pair_embed"], network["heads"]])
        self.blocks = nn.ModuleList(Block(width, network) for _ in range(network["layers"]))
        self.cls_blocks = nn.ModuleList(Block(width, network) for _ in range(network["class_layers"]))
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Sequential(nn.Linear(width, classes))
        if exits["after"]:
            self.exits = nn.ModuleList(PartExit(width, network, exits, classes) for _ in exits["after"])

    def stem(self, inputs):
        mask, empty = inputs["mask"], inputs["mask"] == 0
        bias = self.pair_embed(inputs["vectors"].masked_fill(empty, 1)) + hidden_slots(mask)
        return {"x": self.embed(inputs["features"].masked_fill(empty, 0)), "bias": bias, "mask": mask}

    def segment(self, k, state):
        x = state["x"]
        for b in self.blocks_of[k]:
            x = self.blocks[b](x, state["bias"])
        return state | {"x": x}

    def head(self, k, state):
        x, mask = state["x"], state["mask"]
        if not self.is_last(k):
            return self.exits[k](x, mask)
        token = self.cls_token.expand(x.size(0), -1, -1)
        for block in self.cls_blocks:
            token = block.forward_class(token, x, hidden_slots(mask))
        return self.fc(self.norm(token.squeeze(1)))


def weaver_options(settings):
    network = settings.network
    dropout, ratio = network["dropout"], network["ffn_ratio"]
    return {
        "input_dim": settings.features,
        "num_classes": settings.classes,
        "embed_dims": tuple(network["embed"]),
        "pair_embed_dims": tuple(network["pair_embed"]),
        "use_pre_activation_pair": False,
        "num_heads": network["heads"],
        "num_layers": network["layers"],
        "num_cls_layers": network["class_layers"],
        "block_params": {
            "ffn_ratio": ratio, "dropout": dropout, "attn_dropout": dropout, "activation_dropout": dropout,
        },
        "cls_block_params": {"ffn_ratio": ratio},
    }  # fmt: skip


def to_weaver(settings, tensors):
    """weaver-core 0.5 writes `in_proj.weight` and puts the gains of heads on channels h * d + c. Where
    the network has them on c * heads + h, the output projection takes them in, rows in that order."""
    legacy = settings.network["head_layout"] == "legacy"
    renamed = {}
    for name, tensor in scalars(tensors).items():
        block, projects, _ = name.partition(".attn.out_proj.")
        if legacy and projects:
            tensor = transposed_heads(tensor, tensors[f"{block}.c_attn"])
        elif legacy and name.endswith(".c_attn"):
            tensor = torch.ones_like(tensor)
        renamed["mod." + name.replace(".attn.in_proj_", ".attn.in_proj.")] = tensor
    return renamed


def transposed_heads(tensor, gains):
    """Rows h * d + c times gains[h] become rows c * heads + h."""
    by_head = tensor.unflatten(0, (len(gains), -1))
    return (by_head * gains.view(-1, *[1] * (by_head.dim() - 1))).transpose(0, 1).flatten(0, 1)
