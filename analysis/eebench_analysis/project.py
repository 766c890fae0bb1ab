"""Experiments in folders: WORKSPACE/PROJECT holds one configuration and what each step made of it.

    project.toml    the network, [train] and [project]
    train/          weights.h5, checkpoints, logs of `eebench train`
    evaluate/       answers.h5 of every exit, answers-<threshold>.h5 of jets that left early, metrics.json
    benchmark/      campaign/ of `eebench bench`, profile.json of `eebench profile`, results.csv
    plots/          figures
"""

import csv
import difflib
import json
import re
import shutil
from pathlib import Path

import numpy as np

from .errors import InputError, ProgramError
from .load import load, ok_points
from .metrics import as_text, background_class, describe, write_json
from .points import BASELINES, threshold_text, thresholds_text
from .predictions import read_predictions
from .program import find_program, last_line, run, stopped_by_sigterm
from .progress import note
from .tables import markdown

SHARE = Path(__file__).resolve().parents[2]
JETS = SHARE / "suites" / "assets" / "jets_test.h5"
FITTED_RULES = ("learned", "prototype", "lte", "jei")  # by `eebench gates`
FILES = ("train", "validate", "test")
TEMPLATE = """\
# Project {name}. The network and how it is trained begin as those of the model {model}; [project], at the end, says on
# which jets and what is measured. `eebench train --help` names further keys of [train] and their defaults;
# train/config.toml holds all of them once it was trained.

{network}
# Paths count from this folder.
[project]
train = "{jets}"  # jets to train on; these travel along, to try it: name your own
validate = "{jets}"  # jets that choose the best epoch
test = "{jets}"  # jets that evaluate and benchmark report on
ranks = 1  # MPI ranks of every step
device = "cpu"  # or "cuda", one GPU a rank
rule = "confidence"  # by which jets leave early: `eebench list rules`, or a formula
thresholds = [0.5, 0.7, 0.9]  # each is tried; [0.9, 0.7] among them is one for each early exit
batch = [1, 64]  # jets a rank is handed at a time in the benchmark
effort = "quick"  # of the benchmark: smoke, quick, standard or official
"""
KINDS = {
    **dict.fromkeys((*FILES, "device", "rule", "effort"), (str, "a text")),
    "ranks": (int, "a number"),
    "thresholds": (list, "a list"),
    "batch": (list, "a list"),
}


class Project:
    def __init__(self, workspace, name):
        self.name, self.folder = name, Path(workspace) / name
        self.file = self.folder / "project.toml"
        if not self.file.is_file():
            raise InputError(f"{self.folder}: no project (no project.toml); project new {workspace} {name} makes one")
        self.settings, self.network = read_settings(self.file)

    def path(self, key):
        return (self.folder / self.settings[key]).resolve()

    def command(self, *words):
        device = ["--device", self.settings["device"]] if words[0] != "profile" else []
        return ["mpirun", "-n", str(self.settings["ranks"]), "eebench", *map(str, words), *device]

    def run(self, step, *words, log=None, output=None):
        """One call of the program, whose words go to <step>/<log, else the command>.log."""
        log = self.folder / step / f"{log or words[0]}.log"
        note(f"{self.name}: {step}: eebench {words[0]}, see {log}")
        code = run(self.command(*words), log, output)
        if code:
            reason = last_line(log) or f"exit code {code} of eebench {words[0]}"
            reason = reason.replace(str(self.asked), str(self.file))
            if "another -o" in reason:
                reason += f"; here: remove {words[words.index('-o') + 1]} to begin anew, or make another project"
            raise ProgramError(f"{self.name}: {step} failed: {reason} ({log})", code)

    @property
    def asked(self):
        """project.toml without [project], as `eebench train` takes it."""
        return self.folder / "train" / f"{self.name}.toml"

    @property
    def weights(self):
        return self.folder / "train" / "weights.h5"

    @property
    def campaign(self):
        return self.folder / "benchmark" / "campaign"


def read_settings(path):
    """[project] of the file, checked, and the text without it."""
    tomlkit = need_tomlkit()
    try:
        config = tomlkit.parse(path.read_text())
    except (tomlkit.exceptions.TOMLKitError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML ({error}); correct it") from None
    settings = config.pop("project", None)
    if not isinstance(settings, dict):
        raise InputError(f"{path}: no table [project]; project new writes one to copy")
    settings = settings.unwrap()
    for key in settings:
        if key not in KINDS:
            raise InputError(f"{path}: [project] has no key '{key}'{meant(key, KINDS)}; it has {', '.join(KINDS)}")
    for key, (kind, words) in KINDS.items():
        if not isinstance(settings.get(key), kind) or not settings[key] or settings[key] is True:
            raise InputError(f"{path}: [project] {key} must be {words}")
    return settings, tomlkit.dumps(config)


def meant(word, known):
    near = difflib.get_close_matches(word, known, 1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def need_tomlkit():
    try:
        import tomlkit
    except ImportError:
        raise InputError("project needs tomlkit; pip install tomlkit") from None
    return tomlkit


def new(workspace, name, model):
    if not re.fullmatch(r"[\w-]+", name):
        raise InputError(f"'{name}' cannot name a project; use letters, digits, _ and -")
    folder = Path(workspace) / name
    if folder.exists():
        raise InputError(f"{folder}: is there already; give another name")
    network = model_file(model).read_text()
    folder.mkdir(parents=True)
    text = TEMPLATE.format(name=name, model=model, network=network.rstrip() + "\n", jets=JETS)
    (folder / "project.toml").write_text(text)
    note(f"{folder / 'project.toml'}: look at it, then: python -m eebench_analysis project chain {workspace} {name}")


def model_file(model):
    """The configuration of a name of `eebench list models`, or a TOML file as it is."""
    if Path(model).suffix == ".toml" and Path(model).is_file():
        return Path(model)
    known = {path.stem: path for path in sorted((SHARE / "configs" / "models").glob("*.toml"))}
    if model not in known:
        raise InputError(f"no model '{model}'{meant(model, known)}; give a TOML file or one of {', '.join(known)}")
    return known[model]


def train(project):
    """Goes on where checkpoints are; then gates, if jets are to leave by them."""
    folder = project.folder / "train"
    folder.mkdir(exist_ok=True)
    project.asked.write_text(project.network)
    files = ["--data-train", project.path("train"), "--data-val", project.path("validate")]
    project.run("train", "train", "--config", project.asked, *files, "-o", folder, "--resume")
    if project.settings["rule"] in FITTED_RULES:
        project.run("train", "gates", "--weights", project.weights, "--data", project.path("validate"))
    shutil.copyfile(project.asked, folder / "trained.toml")


def need_training(project):
    """The weights must be those of the configuration as it stands, which is left at `asked`."""
    tomlkit = need_tomlkit()
    trained = project.folder / "train" / "trained.toml"
    if not trained.is_file():
        raise InputError(f"{project.name}: no finished training in {trained.parent}; run the step train first")
    if tomlkit.parse(trained.read_text()).unwrap() != tomlkit.parse(project.network).unwrap():
        raise InputError(f"{project.file}: the network or [train] was changed since the training; run the step train")
    project.asked.write_text(project.network)
    if project.path("test") in (project.path("train"), project.path("validate")):
        note(f"{project.name}: the test jets are those of the training: figures show how it works, not how good it is")


def evaluate(project):
    need_training(project)
    folder = project.folder / "evaluate"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    predict = ["predict", "--weights", project.weights, "--data", project.path("test")]
    every = folder / "answers.h5"
    project.run("evaluate", *predict, "-o", every, log=every.stem)
    leaving = []
    for thresholds in project.settings["thresholds"]:
        text = ",".join(map(str, np.atleast_1d(thresholds)))
        answers = folder / f"answers-{text}.h5"
        rule = ["--rule", project.settings["rule"], "--threshold", text]
        project.run("evaluate", *predict, *rule, "-o", answers, log=f"answers-{text}")
        leaving.append(describe(read_predictions(answers)))
    description = describe(read_predictions(every))
    write_json(folder / "metrics.json", description | {"leaving": leaving})
    print(as_text(description))


def benchmark(project):
    need_training(project)
    folder = project.folder / "benchmark"
    folder.mkdir(exist_ok=True)
    suite = folder / "suite.toml"
    suite.write_text(suite_text(project))
    project.run("benchmark", "profile", project.asked, "--json", output=folder / "profile.json")
    project.run("benchmark", "bench", "--suite", suite, "-o", project.campaign, "--resume")
    rows = table(project.name, load(project.campaign))
    with open(folder / "results.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(as_markdown(rows))


def suite_text(project):
    tomlkit = need_tomlkit()
    s = project.settings
    suite = {
        "name": project.name,
        "effort": s["effort"],
        "data": str(project.path("test")),
        "jets": 0,
        "models": {project.name: {"weights": str(project.weights.resolve())}},
        "axes": {"rule": s["rule"], "threshold": s["thresholds"], "batch": s["batch"], "scenario": "offline"},
    }
    return tomlkit.dumps(suite)


def table(name, data):
    """A row for each exit if all jets left there, and for each threshold; time at the largest batch."""
    points = ok_points(data)
    points = points.isel(point=np.flatnonzero(points["batch"].values == points["batch"].values.max()))
    baseline, exit_index = np.isin(points["rule"].values, BASELINES), points["fixed_exit"].values
    rows = []
    for index in np.lexsort([exit_index, ~baseline]):
        p = points.isel(point=index)
        exits = int(p["exits"])
        rows.append(
            {
                "project": name,
                "jets leave": leaving(p),
                "accuracy": float(p["accuracy"]),
                "auc": float(p["auc"]),
                "flops": float(p["flops"]),
                "multiply_adds": float(p["multiply_adds"]),
                "parameters": float(p["parameters"]),
                "jets_per_second": float(p["throughput"]),
                **{f"share_exit{k}": float(p["exit_fraction"].values[k]) for k in range(exits)},
                **rejections(p),
            }
        )
    return rows


def rejections(p):
    """Of QCD by class, and which of them are lower limits; empty where there is no QCD."""
    names = [name.decode() for name in p["class"].values]
    background = background_class(names)
    signals = [] if background is None else [k for k in range(len(names)) if k != background]
    found = {f"rejection_{names[k]}": float(p["rejection"].values[k]) for k in signals}
    limits = [names[k] for k in signals if p["rejection_is_limit"].values[k] == 1]
    return found | ({"rejection_lower_limits": " ".join(limits)} if found else {})


def leaving(p):
    if p["rule"].item() in BASELINES:
        last = int(p["fixed_exit"]) == int(p["exits"]) - 1
        return f"all at exit {int(p['fixed_exit'])}" + (", the last" if last else "")
    own = p["thresholds"].values
    return f"{p['rule'].item()} {thresholds_text(map(threshold_text, own[~np.isnan(own)]))}"


def as_markdown(rows):
    header = ["project", "jets leave", "accuracy", "AUC", "10⁶ FLOPs", "10³ parameters", "jets/s", "left at exit [%]"]
    lines = []
    for row in rows:
        shares = "/".join(f"{100 * row[key]:.0f}" for key in row if key.startswith("share_exit"))
        lines.append(
            [
                row["project"], row["jets leave"], f"{row['accuracy']:.4f}", f"{row['auc']:.4f}", f"{row['flops'] / 1e6:.3g}",
                f"{row['parameters'] / 1e3:.4g}", f"{row['jets_per_second']:.4g}", shares,
            ]
        )  # fmt: skip
    return markdown(header, lines)


def plot(project):
    from .project_figures import draw

    folder = project.folder / "plots"
    for needed, step in ((project.folder / "evaluate" / "metrics.json", "evaluate"), (project.campaign, "benchmark")):
        if not needed.exists():
            raise InputError(f"{project.name}: no {needed}; run the step {step} first")
    evaluation = json.loads((project.folder / "evaluate" / "metrics.json").read_text())
    folder.mkdir(exist_ok=True)
    for path in draw(project.name, project.folder / "train", evaluation, load(project.campaign), folder):
        note(f"{path}")


STEPS = {"train": train, "evaluate": evaluate, "benchmark": benchmark, "plot": plot}


def chain(workspace, name, steps):
    """Runs the steps (all, if none is named) in the order given; the first that fails stops the chain."""
    steps = steps or list(STEPS)
    for step in steps:
        if step not in STEPS:
            raise InputError(f"there is no step '{step}'{meant(step, STEPS)}; there are {', '.join(STEPS)}")
    if set(steps) - {"plot"}:
        find_program()
    with stopped_by_sigterm():
        for step in steps:
            # Read anew: a chain runs for hours, and the file is there to be changed.
            STEPS[step](Project(workspace, name))


def compare(workspace, names):
    """All projects in one figure and one table."""
    from .project_figures import draw_comparison

    campaigns = {}
    for name in names:
        project = Project(workspace, name)
        if not project.campaign.exists():
            raise InputError(f"{name}: no {project.campaign}; run the step benchmark of it first")
        campaigns[name] = load(project.campaign)
    rows = [row for name, data in campaigns.items() for row in table(name, data)]
    folder = Path(workspace) / "comparisons"
    folder.mkdir(exist_ok=True)
    output = folder / "-".join(names)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(f"{output}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if len({data.attrs["data_sha256"] for data in campaigns.values()}) > 1:
        note("these projects were not measured on the same test jets")
    print(as_markdown(rows))
    for path in draw_comparison(campaigns, output):
        note(f"{path}")
