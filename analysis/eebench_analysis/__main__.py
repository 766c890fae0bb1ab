"""python -m eebench_analysis fetch|convert|prepare|tune|report|export."""

import argparse
import difflib
import re
import sys

from .errors import DeviationError, InputError
from .fetch import DATA_SETS, fetch

INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Wrong usage is an InputError: one line, with what may have been meant."""

    def error(self, message):
        known = list(self._option_string_actions)
        for action in self._actions:
            known += action.choices or []
        words = re.split(r"[\s=':,/]+", message.split(" (choose from ")[0])
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
    except (InputError, DeviationError, OSError) as error:
        print(f"eebench_analysis: {error}", file=sys.stderr)
        return getattr(error, "exit_code", InputError.exit_code)
    except KeyboardInterrupt:
        print("eebench_analysis: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def count(text):
    number = int(text)
    if number < 1:
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
        help="JetClass ROOT or parquet, top-tagging HDF5, quark-gluon .npz, JetClass-II, or a folder of .npy arrays",
    )
    convert.add_argument("-o", "--output", required=True, metavar="OUT.h5")
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

    prepare = commands.add_parser("prepare", help="select and weigh jets as a weaver data configuration says")
    prepare.add_argument("jets", metavar="JETS.h5", help="in the layout eebench reads")
    prepare.add_argument("--data-config", required=True, metavar="X.yaml")
    prepare.add_argument("-o", "--output", required=True, metavar="OUT.h5", help="and OUT.yaml, to be given as --features")
    prepare.add_argument("--seed", type=int, default=1, metavar="N", help="of the draws by weight (default: 1)")
    prepare.add_argument("--test", action="store_true", help="test_time_selection, no weights, no OUT.yaml")
    prepare.set_defaults(run=run_prepare)

    tune = commands.add_parser("tune", help="search settings and networks by repeated `eebench train`")
    tune.add_argument("config", metavar="CONFIG", help="a model's TOML file with a table [tune]")
    tune.add_argument("--trials", type=count, required=True, metavar="N", help="trainings in all, earlier calls' included")
    tune.add_argument("-o", "--output", required=True, metavar="DIR")
    tune.add_argument("--data-train", required=True, metavar="F", help="jets to train on (HDF5)")
    tune.add_argument("--data-val", required=True, metavar="F", help="jets whose accuracy is the score (HDF5)")
    tune.add_argument("--ranks", type=count, default=1, metavar="P", help="of each training (default: 1)")
    tune.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of the trainings (default: cpu)")
    tune.set_defaults(run=run_tune)

    report = commands.add_parser("report", help="write a campaign's figures (PNG) and report.md")
    report.add_argument("campaign", metavar="DIR", help="a campaign folder, or a folder of them: the newest")
    report.add_argument("-o", "--output", metavar="OUT", help="folder for the report (default: DIR/report)")
    report.set_defaults(run=run_report)

    export = commands.add_parser("export", help="write a network in a format of others")
    export.add_argument("weights", metavar="WEIGHTS.h5", help="weights that eebench train wrote")
    export.add_argument(
        "--format", required=True, choices=["pt", "onnx"], help="pt: the reference's state_dict, without early heads"
    )
    export.add_argument("-o", "--output", required=True, metavar="OUT", help="file (pt) or new folder (onnx)")
    export.add_argument("--data", metavar="JETS.h5", help="onnx: jets to compare on (default: those shipped)")
    export.add_argument("--limit", type=count, default=64, metavar="N", help="onnx: the first N (default: 64)")
    export.set_defaults(run=run_export)
    return parser.parse_args(arguments)


def run_fetch(options):
    fetch(options.name, options.output, options.part, options.limit_files, options.address)


def run_convert(options):
    from .convert import convert

    convert(options.inputs, options.output, options.classes, options.drop_bad)


def run_prepare(options):
    from .prepare import prepare

    prepare(options.jets, options.data_config, options.output, options.seed, options.test)


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


def run_report(options):
    import matplotlib

    matplotlib.use("Agg")
    from .report import report

    print(report(options.campaign, options.output))


def run_export(options):
    try:
        from .export import export_onnx, export_state_dict
    except ModuleNotFoundError as missing:
        raise InputError(f"export needs {missing.name}; pip install -e 'analysis[export]'") from missing
    if options.format == "pt":
        export_state_dict(options.weights, options.output)
    else:
        export_onnx(options.weights, options.output, options.data, options.limit)


if __name__ == "__main__":
    sys.exit(main())
