"""A state_dict, as the training of the network's reference saves one."""

import os

import torch

from .kinds import kind_of, settings_of


def write_state_dict(weights, output):
    """Writes `output` (.pt); returns one line that says what is in it."""
    kind, settings = kind_of(weights), settings_of(weights)
    options = ", ".join(f"{name}={value!r}" for name, value in kind.reference_options(settings).items())
    backbone = weights.backbone()
    part = output.with_name(output.name + ".part")
    try:
        with open(part, "wb") as file:
            torch.save(kind.to_reference(settings, backbone), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    return (
        f"{output}: {len(backbone)} tensors, without {len(weights.tensors) - len(backbone)} of early heads; "
        f"in {kind.reference} they are those of {kind.reference_class}({options})"
    )
