"""ParticleNeXt as weaver-core builds it."""

from ..errors import InputError


def weaver_options(settings):
    network = settings.network
    k = network["slices"][-1]
    reductions = [k // neighbours for neighbours in network["slices"]]
    if [k // reduction for reduction in reductions] != network["slices"]:
        raise InputError(
            f"{settings.path}: network.slices = {network['slices']}: weaver-core's are {k} // r for whole r; train "
            "with such slices"
        )
    scales = [(reduction, 1) for reduction in reductions]
    return {
        "feature_input_dim": settings.features,
        "num_classes": settings.classes,
        "node_dim": network["node"],
        "edge_dim": network["edge"],
        "layer_params": [(k, width, scales, network["message"]) for width in network["layers"]],
        "fc_params": [(network["fc"], network["dropout"])],
        "edge_aggregation": f"attn{network['edge_maps']}",
        "global_aggregation": f"attn{network['jet_maps']}",
    }
