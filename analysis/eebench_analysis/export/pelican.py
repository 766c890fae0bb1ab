"""PELICAN as its own code builds it, and PELICAN nano on padded jets. Pairs are [B, C, N, N]."""

import torch
from torch import nn
from torch.nn import functional as F

from .network import Network, scalars

BEAMS = ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, -1.0, 1.0))  # px, py, pz, E


class Sums:
    """Sums of pairs by a letter of the configuration; n [B, 1] particles."""

    def __init__(self, letter, average):
        self.by, self.powers, self.average = letter.lower(), letter.isupper(), average

    def reduce(self, x, dimensions, n):
        """x is 0 where no pair is; the largest and the smallest are those of the pairs and one 0, as in eebench."""
        if self.by in "sm":
            return x.sum(dimensions, keepdim=True)
        sign = 1 if self.by == "x" else -1
        return sign * (F.relu((sign * x).amax(dimensions, keepdim=True)) - n.log()[..., None, None])

    def factors(self, indices, n, alphas):
        """[B, C or 1, K] of sums over so many indices: what they are divided by, and the trained powers."""
        n = n.unsqueeze(2)
        divisor = {"s": torch.full_like(n, self.average), "m": n}.get(self.by, torch.ones_like(n))
        factors = divisor ** -torch.tensor(indices, dtype=n.dtype)
        return factors * (n / self.average) ** alphas[0] if self.powers else factors


class Message(nn.Module):
    def __init__(self, channels, batchnorm):
        super().__init__()
        self.normlayer = nn.BatchNorm2d(channels) if batchnorm else nn.Identity()

    def forward(self, x, empty):
        return self.normlayer(x).masked_fill(empty, 0)


class PairsToPairs(nn.Module):
    def __init__(self, out, sums, factorize):
        super().__init__()
        self.sums, self.factorize = sums, factorize
        if factorize:
            self.coefs00, self.coefs01 = nn.Parameter(torch.empty(1, 6)), nn.Parameter(torch.empty(out, 6))
            self.coefs10, self.coefs11 = nn.Parameter(torch.empty(1, out)), nn.Parameter(torch.empty(1, out))
        else:
            self.coefs = nn.Parameter(torch.empty(1, out, 6))
        self.bias, self.diag_bias = nn.Parameter(torch.empty(out)), nn.Parameter(torch.empty(out))
        self.alphas = nn.ParameterList([torch.empty(1, 5)] if sums.powers else [])

    def coefficients(self):
        """[1, out, 6]"""
        if not self.factorize:
            return self.coefs
        return self.coefs00.unsqueeze(1) * self.coefs10.unsqueeze(2) + self.coefs01 * self.coefs11.unsqueeze(2)

    def forward(self, x, n, empty):
        """Of x_ij: x_ij itself, its sums over i and over both indices, and the sums again on the diagonal."""
        column, total = self.sums.reduce(x, 2, n), self.sums.reduce(x, (2, 3), n)
        row = column.transpose(2, 3)
        alphas = [F.pad(alphas, (1, 0)) for alphas in self.alphas]
        weights = self.coefficients() * self.sums.factors([0, 1, 1, 1, 2, 2], n, alphas)
        pair, diagonal_row, at_column, at_row, at_all, diagonal_all = weights[..., None, None].unbind(2)
        bias, diagonal_bias = self.bias.view(-1, 1, 1), self.diag_bias.view(-1, 1, 1)
        diagonal = diagonal_row * row + diagonal_all * total + diagonal_bias
        y = pair * x + at_column * column + at_row * row + at_all * total + bias + torch.eye(x.size(3)) * diagonal
        return F.relu(y).masked_fill(empty, 0)


class ToJets(nn.Module):
    def __init__(self, channels, sums):
        super().__init__()
        self.sums = sums
        self.coefs, self.bias = nn.Parameter(torch.empty(channels, 1, 2)), nn.Parameter(torch.empty(1))
        self.alphas = nn.ParameterList([torch.empty(channels, 2)] if sums.powers else [])

    def forward(self, x, n):
        """[B, 1]"""
        sums = [self.sums.reduce(pairs, (2, 3), n) for pairs in (x, x * torch.eye(x.size(3)))]
        sums = torch.cat(sums, 3).squeeze(2) * self.sums.factors([2, 1], n, self.alphas)
        return sums.flatten(1) @ self.coefs.view(-1, 1) + self.bias


class Nano(Network):
    def __init__(self, settings):
        network = settings.network
        super().__init__(settings, 1)
        self.nobj, self.beams = network["nobj"], torch.tensor(BEAMS)[: 2 if network["beams"] else 0].T
        sums, sums_out = (Sums(network[name], network["nobj_avg"]) for name in ("config", "config_out"))
        self.net2to2 = nn.ModuleDict(
            {
                "message_layers": nn.ModuleList([Message(1, network["batchnorm"])]),
                "eq_layers": nn.ModuleList([PairsToPairs(network["n_hidden"], sums, network["factorize"])]),
            }
        )
        self.msg_2to0 = Message(network["n_hidden"], network["batchnorm"])
        self.agg_2to0 = ToJets(network["n_hidden"], sums_out)

    def stem(self, inputs):
        mask = inputs["mask"]
        if self.nobj:
            mask = mask * (mask.cumsum(2) <= self.nobj)
        vectors = inputs["vectors"].masked_fill(mask == 0, 0)
        beams = self.beams.expand(mask.size(0), -1, -1)
        return {"vectors": torch.cat([beams, vectors], 2), "mask": F.pad(mask, (self.beams.size(1), 0), value=1.0)}

    def segment(self, _, state):
        vectors, mask = state["vectors"], state["mask"]
        px, py, pz, energy = (vectors.unsqueeze(3) * vectors.unsqueeze(2)).split(1, 1)
        n, empty = mask.sum(2), (mask.unsqueeze(3) * mask.unsqueeze(2)) == 0
        x = self.net2to2["message_layers"][0](energy - px - py - pz, empty)
        return {"x": self.net2to2["eq_layers"][0](x, n, empty), "n": n, "empty": empty}

    def head(self, _, state):
        w = self.agg_2to0(self.msg_2to0(state["x"], state["empty"]), state["n"])
        return torch.cat([-w, w], 1)


def shared_options(network):
    return {
        "config": network["config"],
        "config_out": network["config_out"],
        "average_nobj": network["nobj_avg"],
        "factorize": network["factorize"],
        "batchnorm": "b" if network["batchnorm"] else None,
        "dropout": True,
        "drop_rate": network["dropout"],
        "drop_rate_out": network["dropout_out"],
    }


def options(settings):
    network = settings.network
    return {
        "num_channels_scalar": network["scalar_channels"],
        "num_channels_m": [[width] for width in network["m_channels"]],
        "num_channels_2to2": network["channels_2to2"],
        "num_channels_out": [network["out"]],
        "num_channels_m_out": network["m_out"],
        "stabilizer": network["stabilizer"],
        "method": network["method"],
        "num_classes": settings.classes,
    } | shared_options(network)


def nano_options(settings):
    network = settings.network
    return {
        "n_hidden": network["n_hidden"],
        "activation": "relu",
        "add_beams": network["beams"],
        "activate_agg_out": False,
    } | shared_options(network)


def to_pelican_nano(_, tensors):
    """A checkpoint's weights alone; the layer to jets has a dimension for them."""
    state = scalars(tensors)
    for name in ("agg_2to0.bias", "agg_2to0.alphas.0"):
        if name in state:
            state[name] = state[name].unsqueeze(0)
    return {"model_state": state}


def to_pelican(settings, tensors):
    """The powers of layers to pairs have dimensions for jets and pairs."""
    state = to_pelican_nano(settings, tensors)["model_state"]
    for name in state:
        if name.endswith(".alphas.0") and name != "agg_2to0.alphas.0":
            state[name] = state[name][None, :, :, None, None]
    return {"model_state": state}
