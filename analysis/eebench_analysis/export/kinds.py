"""The kinds of network that can be exported: their settings, and what weaver-core calls them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..errors import InputError


@dataclass
class Kind:
    network: dict  # what [network] and [exits] of a model configuration leave out
    exits: dict
    weaver_class: str
    weaver_options: Callable  # weights -> arguments of weaver-core's class
    to_weaver: Callable  # weights, tensors -> tensors under weaver-core's names


def kind_of(weights):
    if weights.kind not in KINDS:
        raise InputError(
            f"{weights.path}: networks of kind '{weights.kind}' cannot be exported; those of kind "
            f"{' and '.join(KINDS)} can"
        )
    return KINDS[weights.kind]


def network_of(weights):
    return kind_of(weights).network | weights.config.get("network", {})


def exits_of(weights):
    return kind_of(weights).exits | weights.config.get("exits", {})


def scalars(tensors):
    """HDF5 holds the counts of batches as one number each, PyTorch as scalars."""
    return {
        name: tensor.squeeze() if name.endswith(".num_batches_tracked") else tensor
        for name, tensor in tensors.items()
    }


def particlenet_options(weights):
    network = network_of(weights)
    return {
        "input_dims": len(weights.tensors["bn_fts.weight"]),
        "num_classes": weights.config["classes"],
        "conv_params": [(network["k"], tuple(channels)) for channels in network["blocks"]],
        "fc_params": [(network["fc"], network["dropout"])],
        "use_fusion": False,
    }


def part_options(weights):
    network = network_of(weights)
    dropout, ratio = network["dropout"], network["ffn_ratio"]
    return {
        "input_dim": len(weights.tensors["embed.input_bn.weight"]),
        "num_classes": weights.config["classes"],
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


def part_tensors(weights, tensors):
    """weaver-core 0.5 writes `in_proj.weight` and puts the gains of heads on channels h * d + c. Where
    the network has them on c * heads + h, the output projection takes them in, rows in that order."""
    network = network_of(weights)
    legacy = network["head_layout"] == "legacy"
    renamed = {}
    for name, tensor in scalars(tensors).items():
        block, dot, rest = name.partition(".attn.out_proj.")
        if legacy and dot:
            tensor = transposed_heads(tensor, tensors[f"{block}.c_attn"])
        elif legacy and name.endswith(".c_attn"):
            tensor = torch.ones_like(tensor)
        renamed[name.replace(".attn.in_proj_", ".attn.in_proj.")] = tensor
    return renamed


def transposed_heads(tensor, gains):
    """Rows h * d + c times gains[h] become rows c * heads + h."""
    by_head = tensor.unflatten(0, (len(gains), -1))
    return (by_head * gains.view(-1, *[1] * (by_head.dim() - 1))).transpose(0, 1).flatten(0, 1)


KINDS = {
    "part": Kind(
        network={
            "embed": [128, 512, 128], "pair_embed": [64, 64, 64], "heads": 8, "layers": 8, "class_layers": 2,
            "ffn_ratio": 4, "dropout": 0.1, "head_layout": "legacy",
        },
        exits={"after": [], "head": "pooled", "width": 128},
        weaver_class="ParticleTransformer",
        weaver_options=part_options,
        to_weaver=part_tensors,
    ),
    "particlenet": Kind(
        network={
            "k": 16, "blocks": [[64, 64, 64], [128, 128, 128], [256, 256, 256]], "fc": 256, "dropout": 0.1,
        },
        exits={"after": [], "particle_widths": [128, 128], "width": 128},
        weaver_class="ParticleNet",
        weaver_options=particlenet_options,
        to_weaver=lambda weights, tensors: scalars(tensors),
    ),
}  # fmt: skip
