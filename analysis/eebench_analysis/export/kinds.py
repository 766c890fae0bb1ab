"""The kinds of network that can be exported."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InputError
from . import part, particlenet
from .network import Network, Settings, scalars


@dataclass
class Kind:
    network: dict  # what [network] and [exits] of a model configuration may leave out
    exits: dict
    input_norm: str  # the layer whose width is the number of features
    padded: type[Network]
    weaver_class: str
    weaver_options: Callable  # settings -> arguments of weaver-core's class
    to_weaver: Callable  # settings, tensors -> tensors as weaver-core names them


KINDS = {
    "part": Kind(
        network={
            "embed": [128, 512, 128], "pair_embed": [64, 64, 64], "heads": 8, "layers": 8, "class_layers": 2,
            "ffn_ratio": 4, "dropout": 0.1, "head_layout": "legacy",
        },
        exits={"after": [], "head": "pooled", "width": 128},
        input_norm="embed.input_bn",
        padded=part.Part,
        weaver_class="ParticleTransformer",
        weaver_options=part.weaver_options,
        to_weaver=part.to_weaver,
    ),
    "particlenet": Kind(
        network={
            "k": 16, "blocks": [[64, 64, 64], [128, 128, 128], [256, 256, 256]], "fc": 256, "dropout": 0.1,
        },
        exits={"after": [], "particle_widths": [128, 128], "width": 128},
        input_norm="bn_fts",
        padded=particlenet.ParticleNet,
        weaver_class="ParticleNet",
        weaver_options=particlenet.weaver_options,
        to_weaver=particlenet.to_weaver,
    ),
}  # fmt: skip


def kind_of(weights):
    name = weights.config.get("kind")
    if name not in KINDS:
        raise InputError(
            f"{weights.path}: networks of kind '{name}' cannot be exported; those of kind "
            f"{' and '.join(KINDS)} can"
        )
    return KINDS[name]


def settings_of(weights):
    kind, config = kind_of(weights), weights.config
    return Settings(
        features=len(weights.tensors[f"{kind.input_norm}.weight"]),
        classes=config["classes"],
        network=kind.network | config.get("network", {}),
        exits=kind.exits | config.get("exits", {}),
    )


def padded_network(weights):
    """The network of `weights` on padded jets, for inference."""
    network = kind_of(weights).padded(settings_of(weights)).eval()
    network.load_state_dict(scalars(weights.tensors))
    return network
