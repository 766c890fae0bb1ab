"""The kinds of network that can be exported."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InputError
from . import baselines, part, particlenet, particlenext, pelican
from .network import Network, Settings, scalars

WEAVER = "weaver-core 0.5.3"


@dataclass
class Kind:
    network: dict  # what [network] and [exits] of a model configuration may leave out
    exits: dict
    features: Callable  # tensors -> number of features
    reference: str
    reference_class: str
    reference_options: Callable  # settings -> arguments of the reference's class
    to_reference: Callable  # settings, tensors -> what the reference's training saves of them
    padded: type[Network] | None = None  # for ONNX


KINDS = {
    "part": Kind(
        network={
            "embed": [128, 512, 128], "pair_embed": [64, 64, 64], "heads": 8, "layers": 8, "class_layers": 2,
            "ffn_ratio": 4, "dropout": 0.1, "head_layout": "legacy",
        },
        exits={"after": [], "head": "pooled", "width": 128},
        features=lambda tensors: len(tensors["embed.input_bn.weight"]),
        reference=WEAVER,
        reference_class="ParticleTransformer",
        reference_options=part.weaver_options,
        to_reference=part.to_weaver,
        padded=part.Part,
    ),
    "particlenet": Kind(
        network={
            "k": 16, "blocks": [[64, 64, 64], [128, 128, 128], [256, 256, 256]], "fc": 256, "dropout": 0.1,
        },
        exits={"after": [], "particle_widths": [128, 128], "width": 128},
        features=lambda tensors: len(tensors["bn_fts.weight"]),
        reference=WEAVER,
        reference_class="ParticleNet",
        reference_options=particlenet.weaver_options,
        to_reference=particlenet.to_weaver,
        padded=particlenet.ParticleNet,
    ),
    "particlenext": Kind(
        network={
            "node": 32, "edge": 8, "message": 64, "slices": [4, 8, 16, 32], "layers": [256, 256, 256],
            "edge_maps": 8, "jet_maps": 4, "fc": 256, "dropout": 0.1,
        },
        exits={},
        features=lambda tensors: len(tensors["node_encode.0.weight"]),
        reference=WEAVER,
        reference_class="ParticleNeXt",
        reference_options=particlenext.weaver_options,
        to_reference=particlenet.to_weaver,
    ),
    "pfn": Kind(
        network={"phi": [128, 128, 128], "f": [128, 128, 128]},
        exits={},
        features=lambda tensors: tensors["phi.0.0.weight"].size(1),
        reference="example_PFN.py of particle_transformer",
        reference_class="ParticleFlowNetwork",
        reference_options=baselines.pfn_options,
        to_reference=baselines.to_particle_transformer,
    ),
    "p-cnn": Kind(
        network={"first": 32, "stages": [[64, 64], [64, 64], [128, 128]], "fc": 512, "dropout": 0.2},
        exits={},
        features=lambda tensors: len(tensors["fts_conv.0.weight"]),
        reference="example_PCNN.py of particle_transformer",
        reference_class="ResNet",
        reference_options=baselines.pcnn_options,
        to_reference=baselines.to_particle_transformer,
    ),
    "pelican": Kind(
        network={
            "stabilizer": "so2", "method": "spurions", "scalar_channels": 10, "m_channels": [60] * 5,
            "channels_2to2": [35] * 5, "m_out": [60, 35], "out": 60, "nobj_avg": 49, "config": "M",
            "config_out": "M", "factorize": True, "batchnorm": True, "dropout": 0.0, "dropout_out": 0.0,
        },
        exits={},
        features=lambda _: 0,
        reference="PELICAN",
        reference_class="PELICANClassifier",
        reference_options=pelican.options,
        to_reference=pelican.to_pelican,
    ),
    "pelican-nano": Kind(
        network={
            "n_hidden": 2, "nobj": 80, "nobj_avg": 49, "beams": True, "config": "s", "config_out": "s",
            "factorize": False, "batchnorm": True, "dropout": 0.0, "dropout_out": 0.0,
        },
        exits={"after": []},
        features=lambda _: 0,
        reference="PELICAN-nano",
        reference_class="PELICANNano",
        reference_options=pelican.nano_options,
        to_reference=pelican.to_pelican_nano,
        padded=pelican.Nano,
    ),
}  # fmt: skip


def kind_of(weights, padded=False):
    """With `padded`, one that ONNX can be made of."""
    name = weights.config.get("kind")
    known = [known for known, kind in KINDS.items() if kind.padded or not padded]
    if name not in known:
        raise InputError(
            f"{weights.path}: networks of kind '{name}' cannot be exported{' as ONNX' if padded else ''}; those of "
            f"kind {', '.join(known)} can"
        )
    return KINDS[name]


def settings_of(weights):
    kind, config = kind_of(weights), weights.config
    return Settings(
        path=weights.path,
        features=kind.features(weights.tensors),
        classes=config["classes"],
        network=kind.network | config.get("network", {}),
        exits=kind.exits | config.get("exits", {}),
    )


def padded_network(weights):
    """The network of `weights` on padded jets, for inference."""
    network = kind_of(weights).padded(settings_of(weights)).eval()
    network.load_state_dict(scalars(weights.tensors))
    return network
