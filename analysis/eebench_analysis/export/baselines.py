"""PFN and P-CNN as the networks of particle_transformer, the comparison on JetClass, build them."""

from .network import scalars


def pfn_options(settings):
    return {
        "input_dims": settings.features,
        "num_classes": settings.classes,
        "Phi_sizes": tuple(settings.network["phi"]),
        "F_sizes": tuple(settings.network["f"]),
        "use_bn": False,
    }


def pcnn_options(settings):
    network = settings.network
    return {
        "features_dims": settings.features,
        "num_classes": settings.classes,
        "conv_params": [(network["first"],), *map(tuple, network["stages"])],
        "fc_params": [(network["fc"], network["dropout"])],
    }


def to_particle_transformer(_, tensors):
    return scalars(tensors)
