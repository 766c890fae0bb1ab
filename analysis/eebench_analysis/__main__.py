"""python -m eebench_analysis fetch|convert|generate|project|tune|point|metrics|columns|report|export."""

import argparse
import difflib
import os
import re
import sys

from .errors import DeviationError, InputError, ProgramError
from .fetch import DATA_SETS, fetch

INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Wrong usage is an InputError: one line, with what may have been meant."""

    def error(self, message):
        known = list(self._option_string_actions)
        for action in self._actions:
            known += map(str, action.choices or [])
        wrong = re.search(r"(?:invalid choice|unrecognized arguments): (.*?)(?: \(choose from|$)", message)
        words = re.split(r"[\s=':,/]+", wrong[1]) if wrong else []
        near = [match for word in words if word not in known for match in difflib.get_close_matches(word, known, 1)]
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise InputError(f"{message}{hint}; see {self.prog} --help")

    def parse_known_args(self, args=None, namespace=None):
        # argparse hands what a subcommand does not know back to the parser above, which knows less still.
        namespace, extras = super().parse_known_args(args, namespace)
        if extras:
            self.error(f"unrecognized arguments: {' '.join(extras)}")
        return namespace, extras


def main(arguments=None):
    try:
        options = parse(arguments)
        options.run(options)
        sys.stdout.flush()
    except (InputError, DeviationError, ProgramError) as error:
        print(f"eebench_analysis: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        reason = error.strerror or str(error)
        place = f"{error.filename}: {reason[:1].lower()}{reason[1:]}; check the path" if error.filename else reason
        print(f"eebench_analysis: {place}", file=sys.stderr)
        return InputError.exit_code
    except KeyboardInterrupt:
        print("eebench_analysis: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def count(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def counts(text):
    return [count(part) for part in text.split(",")]


def seed(text):
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def parse(arguments):
    parser = Parser(prog="python -m eebench_analysis", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    get = commands.add_parser("fetch", help="download a public data set and convert it")
    get.add_argument("name", choices=DATA_SETS)
    get.add_argument("-o", "--output", required=True, metavar="DIR")
    get.add_argument("--part", action="append", metavar="PART", help="train, val, ...; may be repeated (default: all)")
    get.add_argument("--limit-files", type=count, metavar="N", help="only the first N files of each part")
    get.add_argument("--from", dest="address", metavar="URL", help="a folder with the same files, such as a mirror")
    get.set_defaults(run=run_fetch)

    convert = commands.add_parser("convert", help="write jets in the layout eebench reads")
    convert.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="JetClass ROOT or parquet, top-tagging HDF5, quark-gluon .npz, JetClass-II, a folder of .npy arrays, "
        "or PELICAN's folder of train, valid and test files",
    )
    convert.add_argument("-o", "--output", required=True, metavar="OUT.h5", help="of PELICAN's folder: a folder")
    convert.add_argument(
        "--classes",
        metavar="A,B,...",
        type=lambda text: tuple(text.split(",")),
        help="class names in label order; for label_<class> columns: which of them (default: as in the file)",
    )
    convert.add_argument(
        "--drop-bad",
        action="store_true",
        help="leave out jets that eebench would refuse (not finite, no energy or transverse momentum); say how many",
    )
    convert.set_defaults(run=run_convert)

    generate = commands.add_parser("generate", help="make JetClass-like jets with Pythia 8 and FastJet")
    generate.add_argument(
        "--classes", metavar="A,B,...", type=lambda text: tuple(text.split(",")),
        help="of the ten of JetClass, in label order (default: all)",
    )  # fmt: skip
    generate.add_argument("--jets", type=count, required=True, metavar="N", help="of each class")
    generate.add_argument("--seed", type=seed, required=True, metavar="S", help="the same seed gives the same jets")
    generate.add_argument("-o", "--output", required=True, metavar="F", help="HDF5 file in the layout eebench reads")
    generate.add_argument("--processes", type=count, metavar="P", help="that share the work (default: one a core)")
    generate.add_argument(
        "--compare", metavar="JETS.h5", help="real jets to print distances to (default: the JetClass jets shipped)"
    )
    generate.set_defaults(run=run_generate)

    add_project(commands)

    tune = commands.add_parser("tune", help="search settings and networks by repeated `eebench train`")
    tune.add_argument("config", metavar="CONFIG", help="a model's TOML file with a table [tune]")
    tune.add_argument("--trials", type=count, required=True, metavar="N", help="trainings in all, earlier calls' included")
    tune.add_argument("-o", "--output", required=True, metavar="DIR")
    tune.add_argument("--data-train", required=True, metavar="F", help="jets to train on (HDF5)")
    tune.add_argument("--data-val", required=True, metavar="F", help="jets whose accuracy is the score (HDF5)")
    tune.add_argument("--ranks", type=count, default=1, metavar="P", help="of each training (default: 1)")
    tune.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of the trainings (default: cpu)")
    tune.set_defaults(run=run_tune)

    point = commands.add_parser("point", help="all about the times of one point: quantiles, intervals, energy")
    point.add_argument("campaign", metavar="DIR", help="campaign, task.h5 or merged.h5")
    point.add_argument("point", type=int, metavar="N", help="its number, from 0")
    point.set_defaults(run=run_point)

    metrics = commands.add_parser("metrics", help="accuracy, AUC, rejection, confusion of answers of `eebench predict`")
    metrics.add_argument("answers", metavar="ANSWERS.h5", help="of every exit, or with a rule of those taken")
    metrics.add_argument(
        "--format", choices=("json", "pelican", "pelican-nano", "pelican-roc"), default="json",
        help="of the output: everything as JSON (default), a row appended to a metrics.csv as PELICAN or its nano "
        "has it, or its ROC.csv",
    )  # fmt: skip
    metrics.add_argument("-o", "--output", metavar="OUT", help="file to write; without it the tables are only printed")
    metrics.set_defaults(run=run_metrics)

    columns = commands.add_parser("columns", help="answers of `eebench predict` in the columns that weaver-core writes")
    columns.add_argument("answers", metavar="ANSWERS.h5")
    columns.add_argument("-o", "--output", required=True, metavar="OUT", help="ends in .root or .parquet")
    columns.add_argument("--data", metavar="JETS.h5", help="the jets that were answered: their jet_* become observers")
    columns.add_argument("--exit", type=int, choices=range(64), metavar="K", help="of several exits this (default: the last)")
    columns.set_defaults(run=run_columns)

    scaling = commands.add_parser("scaling", help="fit what `eebench scale` measured, and predict more ranks")
    scaling.add_argument("measured", metavar="SCALING.h5", help="of eebench scale --stage train or infer")
    scaling.add_argument("--sums", metavar="SUMS.h5", help="of eebench scale --stage allreduce, for the all-reduce's part")
    scaling.add_argument(
        "--ranks", metavar="N,...", type=counts, default=[],
        help="predict these too",
    )  # fmt: skip
    scaling.add_argument("--machine", metavar="M.toml", help="a cluster of configs/machines, with --nodes")
    scaling.add_argument("--nodes", metavar="N,...", type=counts, default=[], help="predict so many of its nodes")
    scaling.add_argument("-o", "--output", required=True, metavar="FIGURE.png")
    scaling.set_defaults(run=run_scaling)

    report = commands.add_parser("report", help="write a campaign's figures (PNG) and report.html")
    report.add_argument("campaign", metavar="DIR", help="a campaign folder, or a folder of them: the newest")
    report.add_argument("-o", "--output", metavar="OUT", help="folder for the report (default: DIR/report)")
    report.set_defaults(run=run_report)

    export = commands.add_parser("export", help="write a network, or the points of a campaign, in a format of others")
    export.add_argument(
        "input", metavar="INPUT", help="weights.h5 that eebench train wrote; of parquet a campaign folder or result file"
    )
    export.add_argument(
        "--format", required=True, choices=["pt", "onnx", "parquet"],
        help="pt: the reference's state_dict, without early heads; parquet: a table with the columns of summary.csv",
    )  # fmt: skip
    export.add_argument("-o", "--output", required=True, metavar="OUT", help="file (pt, parquet) or new folder (onnx)")
    export.add_argument("--data", metavar="JETS.h5", help="onnx: jets to compare on (default: those shipped)")
    export.add_argument("--limit", type=count, default=64, metavar="N", help="onnx: the first N (default: 64)")
    export.set_defaults(run=run_export)
    return parser.parse_args(arguments)


def run_generate(options):
    try:
        import fastjet  # noqa: F401
        import pythia8mc  # noqa: F401
    except ModuleNotFoundError as missing:
        raise InputError(f"generate needs {missing.name}; pip install -e 'analysis[generate]'") from missing
    from .generate import generate

    generate(options.output, options.jets, options.seed, options.classes, options.processes, options.compare)


def add_project(commands):
    project = commands.add_parser("project", help="an experiment in a folder: train, evaluate, benchmark, plot, compare")
    actions = project.add_subparsers(required=True, metavar="ACTION")
    helps = {
        "new": "make WORKSPACE/PROJECT/project.toml, commented",
        "train": "train the network, or go on with it",
        "evaluate": "answers of every exit and of jets that leave early, and their metrics",
        "benchmark": "FLOPs, parameters, accuracy and time of every exit and threshold",
        "plot": "figures of the steps before",
        "chain": "several steps; the first that fails ends it",
    }
    for name, text in helps.items():
        action = actions.add_parser(name, help=text)
        action.add_argument("workspace", metavar="WORKSPACE")
        action.add_argument("project", metavar="PROJECT")
        action.set_defaults(run=run_new if name == "new" else run_chain)
        if name == "new":
            action.add_argument(
                "--model", default="part-small", metavar="M",
                help="a name of `eebench list models` or a TOML file (default: part-small)",
            )  # fmt: skip
        elif name == "chain":
            action.add_argument("steps", nargs="*", metavar="STEP", help="default: train evaluate benchmark plot")
        else:
            action.set_defaults(steps=[name])
    compare = actions.add_parser("compare", help="projects of a workspace in one figure and one table")
    compare.add_argument("workspace", metavar="WORKSPACE")
    compare.add_argument("projects", nargs="+", metavar="PROJECT")
    compare.set_defaults(run=run_compare)


def run_fetch(options):
    fetch(options.name, options.output, options.part, options.limit_files, options.address)


def run_convert(options):
    from .convert import convert

    convert(options.inputs, options.output, options.classes, options.drop_bad)


def run_new(options):
    from .project import new

    new(options.workspace, options.project, options.model)


def run_chain(options):
    import matplotlib

    matplotlib.use("Agg")
    from .project import chain

    chain(options.workspace, options.project, options.steps)


def run_compare(options):
    import matplotlib

    matplotlib.use("Agg")
    from .project import compare

    compare(options.workspace, options.projects)


def run_point(options):
    from .load import load
    from .one_point import text

    print(text(load(options.campaign), options.point))


def run_metrics(options):
    from .metrics import metrics

    metrics(options.answers, options.format, options.output)


def run_columns(options):
    try:
        import awkward  # noqa: F401
        import uproot  # noqa: F401
    except ModuleNotFoundError as missing:
        raise InputError(f"columns needs {missing.name}; pip install -e 'analysis[convert]'") from missing
    from .weaver import columns

    columns(options.answers, options.output, options.data, options.exit)


def run_tune(options):
    from .tune import tune

    tune(
        options.config,
        options.trials,
        options.output,
        options.data_train,
        options.data_val,
        options.ranks,
        options.device,
    )


def run_scaling(options):
    import matplotlib

    matplotlib.use("Agg")
    from .scaling import scaling

    nodes = sorted(set(options.nodes))
    scaling(options.measured, options.sums, options.ranks, options.output, options.machine, nodes)


def run_report(options):
    import matplotlib

    matplotlib.use("Agg")
    from .report import report

    print(report(options.campaign, options.output))


def run_export(options):
    if options.format == "parquet":
        from .points_table import write_parquet

        write_parquet(options.input, options.output)
        return
    try:
        from .export import export_onnx, export_state_dict
    except ModuleNotFoundError as missing:
        raise InputError(f"export needs {missing.name}; pip install -e 'analysis[export]'") from missing
    if options.format == "pt":
        export_state_dict(options.input, options.output)
    else:
        export_onnx(options.input, options.output, options.data, options.limit)


if __name__ == "__main__":
    sys.exit(main())
