"""What `eebench scale` measured as a model of a step, and what more ranks would take.

A step of n ranks with j jets each, whose all-reduce sums b bytes, takes

    c0 + c1 j        computing                          + i j        reading
    + w sqrt(2 ln n) waiting for the slowest (the largest of n normal deviations grows like this)
    + alpha s(n) + beta v(n) b     the all-reduce

with s(n) = 2 (n - 1), v(n) = 2 (n - 1) / n for a ring, and s(n) = v(n) = log2 n for a tree (Thakur, Rabenseifner,
Gropp, IJHPCA 19 (2005) 49), whichever fits better; fewer than 3 numbers of ranks do not tell them apart, and the band
then spans both. Coefficients are at least 0 and fitted to relative deviations.

On N nodes of another machine the same is computed, read and waited for, but the sum is taken within the g ranks of each
node, then between nodes: each level by a ring or a tree, whichever is faster, with the latency and bandwidth of the
machine's description (that of a node between nodes, as its ranks share it).
"""

import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from . import style
from .errors import InputError
from .load import open_whole
from .machine import FORMS, all_reduce, read_machine
from .outputs import check_output_file
from .tables import markdown

REPLICAS = 400
FIGURES = (".png", ".pdf", ".svg")
PARTS = ("compute", "input", "wait", "communication")


def read_scaling(path, alone):
    """A file of `eebench scale`; `alone`: whether of all-reduces by themselves."""
    data = open_whole(path, "file", "eebench scale writes one")
    if data.attrs.get("format") != "eebench scaling":
        raise InputError(f"{path}: not written by eebench scale; give a file that is")
    if (data.attrs["stage"] == "allreduce") != alone:
        wanted = "eebench scale --stage allreduce" if alone else "eebench scale --stage train or infer"
        raise InputError(f"{path}: is of --stage {data.attrs['stage']}; give one of {wanted}")
    return data


def points_of(data):
    """A row a point: what the model is fitted to. Ranks that share cores say nothing of ranks that do not."""
    keep = np.flatnonzero(data.oversubscribed.values == 0)
    ranks = data.ranks.values[keep]
    part = {name: data[f"{name}_time"].values[keep] for name in PARTS}
    return {
        "ranks": ranks,
        "jets": data.jets.values[keep] / ranks,
        "bytes": data.bytes.values[keep],
        "samples": data.sample_step_time.values[keep],
        "compute": np.nanmean(part["compute"], axis=1),
        "input": np.nanmean(part["input"], axis=1),
        "wait": np.nanmean(part["wait"], axis=1),
        "communication": part["communication"][:, 0],
    }


def chosen(points, rows):
    return {name: values[rows] for name, values in points.items()}


def least_squares(columns, values):
    """Coefficients of at least 0 that minimise relative deviations: the best of all subsets of columns."""
    rows = values > 0
    columns = np.stack(columns, axis=-1)[rows] / values[rows, None]
    best, least = np.zeros(columns.shape[1]), float(rows.sum())
    for size in range(1, columns.shape[1] + 1):
        for subset in map(list, itertools.combinations(range(columns.shape[1]), size)):
            found, *_ = np.linalg.lstsq(columns[:, subset], np.ones(len(columns)), rcond=None)
            left = float(((columns[:, subset] @ found - 1) ** 2).sum())
            if (found >= 0).all() and left < least * (1 - 1e-9):
                best, least = np.zeros(columns.shape[1]), left
                best[subset] = found
    return best, least


class Model:
    """Fitted to points, and to all-reduces by themselves where there are any; of the form that fits better, or of `form`."""

    def __init__(self, points, sums=None, form=None):
        ranks, jets = points["ranks"], points["jets"]
        (self.c0, self.c1), _ = least_squares((np.ones_like(jets), jets), points["compute"])
        (self.i,), _ = least_squares((jets,), points["input"])
        (self.w,), _ = least_squares((spread(ranks),), points["wait"])
        self.form, self.alpha, self.beta = self.fit_all_reduce(sums or points, form)

    @staticmethod
    def fit_all_reduce(points, form):
        rows = points["ranks"] > 1
        ranks, size, seconds = points["ranks"][rows], points["bytes"][rows], points["communication"][rows]
        fits = {name: least_squares((s(ranks), v(ranks) * size), seconds) for name, (s, v) in FORMS.items()}
        form = form or min(fits, key=lambda name: fits[name][1])
        return form, *fits[form][0]

    def all_reduce(self, ranks, size):
        s, v = FORMS[self.form]
        return (size > 0) * (self.alpha * s(ranks) + self.beta * v(ranks) * size)  # passes over jets sum nothing

    def step(self, ranks, jets, size):
        """Seconds; `jets` of each rank."""
        ranks = np.asarray(ranks, float)
        computing = self.c0 + (self.c1 + self.i) * jets
        return computing + self.w * spread(ranks) + np.where(ranks > 1, self.all_reduce(ranks, size), 0.0)

    def step_on(self, machine, nodes, jets, size, share=0.5):
        """Seconds on so many nodes, all ranks of each used; `share`: from the machine's least latencies and times to its most."""
        each = machine.ranks_per_node
        computing = machine.compute_ratio * (self.c0 + self.c1 * jets) + self.i * jets
        if machine.intra_node:
            within = all_reduce(each, size, *machine.intra_node.between(share))
        else:
            within = self.all_reduce(each, size) if each > 1 else 0.0
        between = all_reduce(nodes, size, *machine.inter_node.between(share))
        return computing + self.w * spread(nodes * each) + within + between


def spread(ranks):
    return np.sqrt(2 * np.log(ranks))


def possible_forms(points, sums):
    """Of the all-reduce: the one that fits better, or all where there are fewer than 3 numbers of ranks to tell them apart by."""
    ranks = (sums or points)["ranks"]
    return [None] if len(np.unique(ranks[ranks > 1])) >= 3 else list(FORMS)


def drawn_again(points, random):
    """Points as another run might have had them: samples drawn with replacement, parts in proportion."""
    samples = points["samples"]
    index = random.integers(samples.shape[1], size=samples.shape)
    ratio = np.take_along_axis(samples, index, 1).mean(1) / samples.mean(1)
    return points | {name: points[name] * ratio for name in PARTS}


def predict(points, sums, ranks, jets, size, seed=1):
    """Median and 95 % band of the step, s, [ranks]: from samples drawn again, times the deviations that the fit leaves."""
    return with_band(points, sums, lambda model, random: model.step(ranks, jets, size), seed)


def predict_on(machine, points, sums, nodes, jets, size, seed=1):
    """The same on nodes of another machine, [nodes]; the band also holds all between its least and most latencies and times."""

    def steps(model, random):
        share = random.uniform()
        return np.array([model.step_on(machine, n, j, size, share) for n, j in zip(nodes, jets)])

    return with_band(points, sums, steps, seed)


def with_band(points, sums, steps, seed):
    """Median and 95 % band of `steps(model, random)`, over models of samples drawn again and deviations of the fit."""
    random = np.random.default_rng(seed)
    forms = possible_forms(points, sums)
    measured = points["samples"].mean(1)
    left = {
        form: measured / Model(points, sums, form).step(points["ranks"], points["jets"], points["bytes"]) for form in forms
    }
    drawn = []
    for _ in range(REPLICAS):
        form = random.choice(forms)
        again = Model(drawn_again(points, random), drawn_again(sums, random) if sums else None, form)
        drawn.append(steps(again, random) * random.choice(left[form]))
    low, centre, high = np.quantile(drawn, (0.025, 0.5, 0.975), axis=0)
    return centre, low, high


def validation(points, sums):
    """Each number of ranks from the third on, predicted from the smaller ones: rows of ranks, measured, predicted, low, high."""
    counts = np.unique(points["ranks"])
    rows = []
    for count in counts[2:]:
        (at,) = np.flatnonzero(points["ranks"] == count)[:1]
        smaller = chosen(points, points["ranks"] < count)
        fewer = chosen(sums, sums["ranks"] < count) if sums is not None else None
        if fewer is not None and len(fewer["ranks"]) == 0:
            fewer = None
        predicted = predict(smaller, fewer, [count], points["jets"][at], points["bytes"][at])
        rows.append((int(count), points["samples"][at].mean(), *(float(value[0]) for value in predicted)))
    return rows


def check_jets(asked, ranks, jets, fewer):
    if ranks > jets:
        raise InputError(
            f"{asked}: a step had {jets:g} jets, fewer than the {ranks:g} ranks; ask for fewer {fewer}, "
            "or measure with more --jets or --mode weak"
        )


def extrapolation(machine_path, nodes, data, points, sums):
    """What `nodes` nodes of a machine would take: its description, jets of each rank, and predict_on."""
    machine = read_machine(machine_path)
    ranks = np.array(nodes, float) * machine.ranks_per_node
    total = points["jets"][0] * points["ranks"][0]
    weak = data.attrs["mode"] == "weak"
    if max(nodes) > machine.nodes:
        raise InputError(f"--nodes {max(nodes)}: {machine.name} has {machine.nodes} ({machine_path}); ask for fewer")
    if not weak:
        check_jets(f"--nodes {max(nodes)}", max(ranks), total, "nodes")
    jets = np.full_like(ranks, points["jets"][0]) if weak else total / ranks
    return machine, jets, predict_on(machine, points, sums, nodes, jets, points["bytes"][-1])


def scaling(path, sums_path, more_ranks, output, machine_path=None, nodes=()):
    """Prints the model, its validation and its prediction, of nodes of another machine too, and draws them."""
    if bool(machine_path) != bool(nodes):
        raise InputError("--machine and --nodes belong together; give both, or none")
    output = Path(output)
    if output.suffix.lower() not in FIGURES:
        raise InputError(f"{output}: a figure's name ends in {', '.join(FIGURES)}; give it one of these")
    check_output_file(output, [path, *([sums_path] if sums_path else [])])
    data = read_scaling(path, alone=False)
    points = points_of(data)
    if len(np.unique(points["ranks"])) < 3:
        raise InputError(
            f"{path}: {len(np.unique(points['ranks']))} numbers of ranks had cores of their own, a fit takes 3; "
            "measure more, or with --emulate"
        )
    sums = points_of(read_scaling(sums_path, alone=True)) if sums_path else None
    if sums is not None and len(sums["ranks"]) == 0:
        raise InputError(f"{sums_path}: all of its ranks shared cores; measure fewer ranks")
    weak = data.attrs["mode"] == "weak"
    total = points["jets"] * points["ranks"]
    if more_ranks and not weak:
        check_jets(f"--ranks {max(more_ranks)}", max(more_ranks), total[0], "ranks")
    extrapolated = extrapolation(machine_path, nodes, data, points, sums) if nodes else None
    counts = np.array(sorted({*points["ranks"].astype(int), *more_ranks}), float)
    jets = np.full_like(counts, points["jets"][0]) if weak else total[0] / counts
    predicted = predict(points, sums, counts, jets, points["bytes"][-1])
    models = [Model(points, sums, form) for form in possible_forms(points, sums)]
    model = models[0]
    undetermined = "of undetermined form (3 numbers of ranks tell a ring from a tree), " if len(models) > 1 else ""
    sums_take = " or ".join(f"as a {m.form} with alpha {m.alpha:.4g} s and beta {m.beta:.4g} s a byte" for m in models)
    print(
        f"A step takes {model.c0:.4g} s + {model.c1:.4g} s a jet to compute, {model.i:.4g} s a jet to read, "
        f"{model.w:.4g} s sqrt(2 ln n) to wait, and an all-reduce {undetermined}{sums_take}.\n"
    )
    print(markdown(
        ("ranks left out", "measured [s]", "predicted from fewer [s]", "95 % band", "within"),
        [(n, f"{m:.4g}", f"{p:.4g}", f"{low:.4g} to {high:.4g}", "yes" if low <= m <= high else "no")
         for n, m, p, low, high in validation(points, sums)],
    ))  # fmt: skip
    base = predicted[0][0] / jets[0]
    print()
    print(markdown(
        ("ranks", "jets of each", "predicted [s]", "95 % band", "predicted efficiency"),
        [(int(n), f"{j:.4g}", f"{p:.4g}", f"{low:.4g} to {high:.4g}", f"{base * j / p:.3f}")
         for n, j, p, low, high in zip(counts, jets, *predicted)],
    ))  # fmt: skip
    if nodes:
        print_extrapolation(data, nodes, *extrapolated)
    figure = draw(data, points, counts, jets, predicted, nodes, extrapolated)
    figure.savefig(output)
    plt.close(figure)
    print(f"\nThe figure is {output}")


def print_extrapolation(data, nodes, machine, jets, predicted):
    base = predicted[0][0] / jets[0]
    print(
        f"\nExtrapolated to {machine.name}, not measured: all-reduces from its description, the rest as measured here "
        f"({data.attrs['cpu']}, {data.attrs['device']}; computing times {machine.compute_ratio:g}). "
        f"Efficiency counts from {nodes[0]} {'node' if nodes[0] == 1 else 'nodes'}.\n"
    )
    print(markdown(
        ("nodes", "ranks", "jets of each", "extrapolated [s]", "95 % band", "extrapolated efficiency"),
        [(n, n * machine.ranks_per_node, f"{j:.4g}", f"{p:.4g}", f"{low:.4g} to {high:.4g}", f"{base * j / p:.3f}")
         for n, j, p, low, high in zip(nodes, jets, *predicted)],
    ))  # fmt: skip


@style.styled
def draw(data, points, counts, jets, predicted, nodes=(), extrapolated=None):
    """Time of a step and efficiency: measured and predicted apart; in a row of its own what another machine would take."""
    figure, axes = style.grid([2, 2] if nodes else [2], 4.4)
    time, efficiency = axes[:2]
    mark = data.step_time.attrs["mark"]
    step, low, high = predicted
    ranks, mean = points["ranks"], points["samples"].mean(1)
    for axis, scale in ((time, lambda x, j: 1e3 * x), (efficiency, lambda x, j: (step[0] / jets[0]) * j / x)):
        axis.fill_between(counts, scale(low, jets), scale(high, jets), color=style.COLOURS[1], alpha=0.2, lw=0)
        axis.plot(counts, scale(step, jets), "--", color=style.COLOURS[1], label="predicted, 95 % band")
        axis.plot(ranks, scale(mean, points["jets"]), "o", color=style.COLOURS[0], label=mark)
        axis.set_xscale("log", base=2)
        axis.set_xticks(counts, [str(int(n)) for n in counts])
        axis.minorticks_off()
        axis.set_xlabel("ranks")
    time.set_ylabel("step [ms]")
    time.set_yscale("log")
    efficiency.set_ylabel("efficiency")
    efficiency.axhline(1, color=style.GREY, lw=0.8, ls=":", label="ideal")
    efficiency.set_ylim(0, 1.15)
    efficiency.legend()
    note = ""
    if nodes:
        machine, *_ = extrapolated
        draw_extrapolation(axes[2:], nodes, *extrapolated)
        note = f"; {machine.name}: all-reduces from its description, the rest as measured here, nothing measured there"
    a = data.attrs
    style.caption(
        figure,
        f"{a['stage']}, {a['mode']}, {int(points['jets'][0] * ranks[0])} jets a step"
        f"{' of each rank' if a['mode'] == 'weak' else ''}, n = {points['samples'].shape[1]} steps a point, {mark}; "
        f"{a['cpu']}{note}",
    )
    return figure


def draw_extrapolation(axes, nodes, machine, jets, predicted):
    step, low, high = predicted
    colour = style.COLOURS[3]
    for axis, scale in zip(axes, (lambda x: 1e3 * x, lambda x: (step[0] / jets[0]) * jets / x)):
        axis.fill_between(nodes, scale(low), scale(high), color=colour, alpha=0.2, lw=0)
        axis.plot(nodes, scale(step), "--s", color=colour, markerfacecolor="white", label="extrapolated, 95 % band")
        axis.set_xscale("log", base=2)
        axis.set_xticks(nodes, [str(n) for n in nodes])
        axis.minorticks_off()
        axis.set_xlabel(f"nodes of {machine.name}, {machine.ranks_per_node} ranks each")
    axes[0].set_ylabel("step [ms]")
    axes[0].set_yscale("log")
    axes[1].set_ylabel("efficiency")
    axes[1].axhline(1, color=style.GREY, lw=0.8, ls=":", label="ideal")
    axes[1].set_ylim(bottom=0)
    axes[1].legend()
