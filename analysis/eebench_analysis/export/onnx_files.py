"""ONNX of a network on padded jets: whole, and cut into segments that each answer at their exit."""

import warnings

import torch
from torch import nn

from .network import Network

OPSET = 17


class Whole(nn.Module):
    inputs = Network.inputs

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.outputs = [f"logits_{k}" for k in range(len(network.blocks_of))]

    def forward(self, *inputs):
        return tuple(self.network.answers(dict(zip(self.inputs, inputs))))


class Segment(nn.Module):
    """Segment k and its head, the first with the stem. Takes the tensors of `state` by name; gives those
    that it changes, for the next segment, as next_<name>, and the logits."""

    def __init__(self, network, k, state):
        super().__init__()
        self.network, self.k = network, k
        self.inputs = tuple(state)
        changed = [name for name, tensor in self.after(state).items() if tensor is not state.get(name)]
        self.kept = [] if network.is_last(k) else changed
        self.outputs = [*(f"next_{name}" for name in self.kept), f"logits_{k}"]

    def after(self, state):
        state = self.network.stem(state) if self.k == 0 else state
        return self.network.segment(self.k, state)

    def forward(self, *inputs):
        state = self.after(dict(zip(self.inputs, inputs)))
        answer = self.network.head(self.k, state)
        return (*(state[name] for name in self.kept), answer)


def write_onnx(network, settings, folder):
    """Writes full.onnx and segment_<k>.onnx to `folder`."""
    # The lengths are only those that the network is traced at; none may be 1, which is taken for ever.
    jets, slots = 3, 7
    widths = {"points": 2, "features": settings.features, "vectors": 4, "mask": 1}
    state = {name: torch.rand(jets, width, slots) for name, width in widths.items()}
    state["mask"] = torch.ones(jets, 1, slots)
    with torch.no_grad():
        write(Whole(network), state, network.axes, folder / "full.onnx")
        for k in range(len(network.blocks_of)):
            segment = Segment(network, k, state)
            write(segment, state, network.axes, folder / f"segment_{k}.onnx")
            state = segment.after(state)


def write(module, state, axes, path):
    def axes_of(name):
        return axes.get(name.removeprefix("next_"), {0: "B"})

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the exporter by tracing, which alone needs no onnxscript, is the older
        torch.onnx.export(
            module.eval(),
            tuple(state[name] for name in module.inputs),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(module.inputs),
            output_names=module.outputs,
            dynamic_axes={name: axes_of(name) for name in (*module.inputs, *module.outputs)},
        )
