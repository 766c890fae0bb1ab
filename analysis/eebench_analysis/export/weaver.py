"""A state_dict for weaver-core, as its training saves one."""

import os

import torch

from .kinds import kind_of, settings_of


def write_state_dict(weights, output):
    """Writes `output` (.pt); returns one line that says what is in it."""
    kind, settings = kind_of(weights), settings_of(weights)
    backbone = weights.backbone()
    tensors = {f"mod.{name}": tensor for name, tensor in kind.to_weaver(settings, backbone).items()}
    part = output.with_name(output.name + ".part")
    try:
        with open(part, "wb") as file:
            torch.save(tensors, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    options = ", ".join(f"{name}={value!r}" for name, value in kind.weaver_options(settings).items())
    return (
        f"{output}: {len(tensors)} tensors, without {len(weights.tensors) - len(backbone)} of early heads; "
        f"in weaver-core 0.5.3 they are those of {kind.weaver_class}({options})"
    )
