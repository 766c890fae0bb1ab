"""What a weaver data configuration asks of jets beside the inputs it lists: selection, weights, automatic preprocessing.

`eebench` reads the inputs, new variables and labels of such a configuration by itself. Here jets are selected and drawn
by their weights into a new file, and a configuration with numbers in place of `method: auto` is written beside it.
"""

import ast
from pathlib import Path

import h5py
import numpy as np

from .convert.jets import Jets
from .convert.writer import JetWriter
from .errors import InputError
from .outputs import check_output_file
from .progress import Progress, note

JETS_A_READ = 65_536
LARGEST_MEAN_WEIGHT = 0.9  # of weaver: below 1, so that drawing is random in the rarest class too
MOST_DRAWS = 10  # of one jet, by weaver's default


def prepare(jets, config_path, output, seed=1, test=False):
    """Writes the jets that training on `config_path` would use to `output`, and OUTPUT.yaml with the inputs' numbers.

    With `test` the jets that testing would use: `test_time_selection`, no weights, and no OUTPUT.yaml.
    """
    output, config_path = Path(output), Path(config_path)
    yaml = yaml_module()
    for written in [output] if test else [output, output.with_suffix(".yaml")]:
        check_output_file(written, [jets, config_path])
    config = read_config(config_path, yaml)
    selection = config.get("selection")
    if test:
        selection = config.get("test_time_selection", selection)
    with open_jets(jets) as file:
        table = Table(file, config, config_path, jets)
        kept = table.jet_values("selection", str(selection)).astype(bool) if selection else np.ones(table.n_jets, bool)
        if not kept.any():
            raise InputError(f"{config_path}: selection '{selection}' leaves no jet of {jets}; correct it")
        chosen = np.flatnonzero(kept)
        if not test:
            chosen = draw(table, config, config_path, chosen, seed)
            write_config(output.with_suffix(".yaml"), config, config_path, automatic(table, config, kept), yaml)
        copy(file, chosen, output, f"{jets} by {config_path}")
    note(f"{output}: {len(chosen)} of {table.n_jets} jets; the selection keeps {kept.sum()}")


def yaml_module():
    try:
        import yaml
    except ImportError:
        raise InputError("prepare needs yaml; pip install pyyaml") from None
    return yaml


def read_config(path, yaml):
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a weaver data configuration (YAML)") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())}); correct it") from None
    if not isinstance(config, dict) or "inputs" not in config:
        raise InputError(f"{path}: no key 'inputs'; give a weaver data configuration (YAML)")
    return config


def open_jets(path):
    try:
        file = h5py.File(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened as HDF5 ({error}); give jets in the layout eebench reads") from None
    if not {"offsets", "label"} <= set(file) or "classes" not in file.attrs:
        file.close()
        raise InputError(f"{path}: not in the layout eebench reads; make it so with python -m eebench_analysis convert")
    return file


class Table:
    """Columns of a jet file and new variables of a configuration, by name."""

    def __init__(self, file, config, config_path, jets):
        self.file = file
        self.n_jets = len(file["label"])
        self.offsets = file["offsets"][:]
        self.defined = {name: str(text) for name, text in (config.get("new_variables") or {}).items() if str(text) != name}
        self.where = config_path
        self.jets = jets
        self.classes = [name.decode() if isinstance(name, bytes) else name for name in file.attrs["classes"]]

    def jet_values(self, key, expression):
        """One number a jet."""
        values = np.asarray(self.evaluate(key, expression, slice(0, self.n_jets), per_particle=False))
        return np.broadcast_to(values, (self.n_jets,))

    def particle_values(self, name, end):
        """One number a particle of the first `end` jets; jet columns repeated."""
        return np.asarray(self.evaluate("inputs", name, slice(0, end), per_particle=True))

    def evaluate(self, key, expression, jets, per_particle, way=()):
        try:
            tree = ast.parse(expression, mode="eval")
        except SyntaxError:
            raise InputError(f"{self.where}: {key}: '{expression}' is not a Python expression; correct it") from None
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if any(isinstance(node, ast.Attribute) and node.attr.startswith("_") for node in ast.walk(tree)):
            raise InputError(f"{self.where}: {key}: '{expression}' uses a name that begins with _; leave it out")
        modules = {"np": np, "numpy": np, "math": np}
        columns = {name: self.column(key, name, jets, per_particle, way) for name in names - set(modules)}
        try:
            with np.errstate(all="ignore"):
                return eval(compile(tree, key, "eval"), {"__builtins__": {}, **modules}, columns)
        except Exception as error:
            raise InputError(f"{self.where}: {key}: '{expression}' cannot be computed ({error}); correct it") from None

    def column(self, key, name, jets, per_particle, way):
        if name in self.defined and name not in self.file:
            if name in way:
                raise InputError(f"{self.where}: new_variables: {' -> '.join((*way, name))} need each other; correct them")
            return self.evaluate(f"new_variables.{name}", self.defined[name], jets, per_particle, (*way, name))
        if name.removeprefix("label_") in self.classes and name.startswith("label_"):
            values = (self.file["label"][jets] == self.classes.index(name.removeprefix("label_"))).astype(np.int32)
        elif name in ("part_deta", "part_dphi") and name not in self.file and per_particle:
            return self.angle(name, jets)
        elif name not in self.file or name in ("offsets", "label"):
            raise InputError(f"{self.where}: {key}: {self.jets} has no column '{name}'; it has {', '.join(sorted(self.file))}")
        elif name.startswith("part_"):
            if not per_particle:
                raise InputError(f"{self.where}: {key}: '{name}' is a number a particle, here one a jet is needed; use jet_*")
            return self.file[name][self.offsets[jets.start] : self.offsets[jets.stop]].astype(np.float32)
        else:
            values = self.file[name][jets]
            if np.issubdtype(values.dtype, np.floating):
                values = values.astype(np.float32)
        return np.repeat(values, np.diff(self.offsets[jets.start : jets.stop + 1])) if per_particle else values

    def angle(self, name, jets):
        """Relative to the jet axis, as eebench derives it."""
        px, py, pz, eta, phi = (
            self.column("inputs", column, jets, True, ()) for column in ("part_px", "part_py", "part_pz", "jet_eta", "jet_phi")
        )
        if name == "part_deta":
            return np.where(eta < 0, -1, 1) * (np.arcsinh(pz / np.hypot(px, py)) - eta)
        return (np.arctan2(py, px) - phi + np.pi) % (2 * np.pi) - np.pi


def draw(table, config, path, chosen, seed):
    """Which jets, some perhaps more than once, stand for `chosen` by their weights."""
    weights = config.get("weights")
    if not weights:
        return chosen
    weight = precomputed(table, weights, path) if weights.get("use_precomputed_weights") else histogrammed(
        table, weights, path, chosen
    )
    random = np.random.default_rng(seed)
    weight = weight[chosen]
    once = chosen[random.random(len(chosen)) < weight]
    draws = min(MOST_DRAWS, len(chosen) // max(1, len(once)))
    if draws > 1:
        counts = random.binomial(draws, np.clip(weight, 0, 1))
        once = np.repeat(chosen, counts)
    if not len(once):
        raise InputError(f"{path}: weights: no jet is left; their bins and classes fit none")
    note(f"weights: {len(once)} draws from {len(chosen)} jets" + (f", each up to {draws} times" if draws > 1 else ""))
    return once


def precomputed(table, weights, path):
    branches = weights.get("weight_branches") or []
    if not branches:
        raise InputError(f"{path}: weights: use_precomputed_weights needs weight_branches; name them")
    return np.prod([table.jet_values("weights.weight_branches", name) for name in branches], axis=0)


def histogrammed(table, weights, path, chosen):
    """Weight of each jet: by the bin of two variables in its class, the classes then made equal.

    As weaver-core 0.5 does: `flat` gives every bin of a class the content that `reweight_threshold` percent of its filled
    bins stay below; `ref` gives every class the shape of the first. Full bins get less than 1, none more.
    """
    variables = weights.get("reweight_vars") or {}
    names = weights.get("reweight_classes") or []
    method = weights.get("reweight_method", "flat")
    shares = weights.get("class_weights") or [1.0] * len(names)
    if len(variables) != 2 or not names or len(shares) != len(names):
        raise InputError(f"{path}: weights: needs two reweight_vars, reweight_classes and as many class_weights; correct it")
    if method not in ("flat", "ref"):
        raise InputError(f"{path}: weights: unknown reweight_method '{method}'; there are flat and ref")
    threshold = weights.get("reweight_threshold", 10)
    base = np.ones(table.n_jets)
    if weights.get("reweight_basewgt"):
        base = table.jet_values("weights.reweight_basewgt", str(weights["reweight_basewgt"]))
    (x, x_bins), (y, y_bins) = (
        (table.jet_values(f"weights.reweight_vars.{name}", name), np.asarray(bins, float)) for name, bins in variables.items()
    )
    inside = np.zeros(table.n_jets, bool)
    inside[chosen] = True
    if weights.get("reweight_discard_under_overflow", True):
        inside &= (x >= x_bins[0]) & (x <= x_bins[-1]) & (y >= y_bins[0]) & (y <= y_bins[-1])
    else:
        x, y = np.clip(x, x_bins[0], x_bins[-1]), np.clip(y, y_bins[0], y_bins[-1])
    members = [inside & (table.jet_values("weights.reweight_classes", str(name)) == 1) for name in names]
    filled = [np.histogram2d(x[m], y[m], [x_bins, y_bins], weights=base[m])[0] for m in members]
    for name, histogram in zip(names, filled):
        if not histogram.any():
            raise InputError(f"{path}: weights: no jet of {name} lies in the bins of {', '.join(variables)}; widen them")
    factors = [flat(histogram, threshold) if method == "flat" else like(filled[0], histogram, threshold) for histogram in filled]
    sizes = [np.sum(histogram * factor) / share for histogram, factor, share in zip(filled, factors, shares)]
    column = np.clip(np.digitize(x, x_bins) - 1, 0, len(x_bins) - 2)
    row = np.clip(np.digitize(y, y_bins) - 1, 0, len(y_bins) - 2)
    weight = np.zeros(table.n_jets)
    for member, factor, size in zip(members, factors, sizes):
        weight[member] = (factor * LARGEST_MEAN_WEIGHT * min(sizes) / size)[column[member], row[member]]
    if weights.get("reweight_basewgt"):
        weight *= base
        weight /= np.percentile(weight[chosen], 100 - threshold)
    return weight


def flat(histogram, threshold):
    filled = histogram[histogram > 0.01 * np.median(histogram[histogram > 0])]
    return ratio(np.percentile(filled, threshold), histogram)


def like(first, histogram, threshold):
    wanted = np.divide(first, histogram, out=np.zeros_like(first), where=histogram > 0)
    return np.clip(wanted / np.percentile(wanted[wanted > 0], 100 - threshold), 0, 1)


def ratio(value, histogram):
    return np.clip(np.divide(value, histogram, out=np.zeros_like(histogram), where=histogram > 0), 0, 1)


def automatic(table, config, kept):
    """Subtracted and multiplied numbers of the inputs that ask for them, by name: the median becomes 0, and the farther
    of the 16th and 84th percentile 1, over the particles of the first `data_fraction` of the jets."""
    preprocess = config.get("preprocess") or {}
    if preprocess.get("method", "manual") != "auto":
        return {}
    end = max(1, int(table.n_jets * preprocess.get("data_fraction", 0.1)))
    particles = np.repeat(kept[:end], np.diff(table.offsets[: end + 1]))
    if not particles.any():
        raise InputError(f"{table.where}: preprocess: the selection keeps none of the first {end} jets; raise data_fraction")
    numbers = {}
    for group, content in config["inputs"].items():
        for variable in content["vars"]:
            name = variable if isinstance(variable, str) else variable[0]
            open_ended = isinstance(variable, str) or len(variable) == 1 or variable[1] == "auto"
            if open_ended and not group.endswith("_mask") and name not in numbers:
                low, middle, high = np.percentile(np.nan_to_num(table.particle_values(name, end)[particles]), [16, 50, 84])
                width = max(high - middle, middle - low)
                numbers[name] = [float(middle), float(1 / width) if width else 1.0]
    return numbers


def write_config(path, config, origin, numbers, yaml):
    """The configuration as eebench reads it: inputs with their numbers, nothing left to select, weigh or compute."""
    taken = {key: config[key] for key in ("new_variables", "inputs", "labels", "observers") if key in config}
    for group in taken["inputs"].values():
        group["vars"] = [with_numbers(variable, numbers) for variable in group["vars"]]
    head = f"# {origin} as python -m eebench_analysis prepare left it.\n"
    path.write_text(head + yaml.safe_dump(taken, sort_keys=False, default_flow_style=None, width=120))


def with_numbers(variable, numbers):
    name, *given = [variable] if isinstance(variable, str) else variable
    if name in numbers and (not given or given[0] == "auto"):
        return [name, *numbers[name], *given[2:]]
    return variable


def copy(file, chosen, output, origin):
    """The jets at these rising positions, repeated ones included."""
    particles = [name for name in file if name.startswith("part_")]
    jets = [name for name in file if name.startswith("jet_")]
    offsets = file["offsets"][:]
    with JetWriter(output) as writer:
        progress = Progress(len(chosen), "jets")
        for first in range(0, len(chosen), JETS_A_READ):
            part = chosen[first : first + JETS_A_READ]
            begin, end = part[0], part[-1] + 1
            rows = np.concatenate([np.arange(offsets[j], offsets[j + 1]) for j in part]) - offsets[begin]
            lengths = offsets[part + 1] - offsets[part]
            writer.write(
                Jets(
                    np.concatenate([[0], np.cumsum(lengths)]),
                    {name: file[name][offsets[begin] : offsets[end]][rows] for name in particles},
                    {name: file[name][begin:end][part - begin] for name in jets},
                    file["label"][begin:end][part - begin],
                )
            )
            progress.advance(len(part))
        progress.close()
        classes = [name.decode() if isinstance(name, bytes) else name for name in file.attrs["classes"]]
        writer.describe(classes, [origin])
