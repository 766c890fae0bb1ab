"""python -m eebench_analysis convert|report|export."""

import argparse
import difflib
import re
import sys

from .errors import InputError

INPUT_ERROR = 2


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
    except InputError as error:
        print(f"eebench_analysis: {error}", file=sys.stderr)
        return INPUT_ERROR
    except OSError as error:
        print(f"eebench_analysis: {error}", file=sys.stderr)
        return INPUT_ERROR
    return 0


def parse(arguments):
    parser = Parser(prog="python -m eebench_analysis", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    convert = commands.add_parser("convert", help="write jets in the layout eebench reads")
    convert.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="JetClass ROOT or parquet, top-tagging HDF5, JetClass-II, or a folder of .npy arrays",
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

    report = commands.add_parser("report", help="write a campaign's figures (PNG) and report.md")
    report.add_argument("campaign", metavar="DIR", help="a campaign folder, or a folder of them: the newest")
    report.add_argument("-o", "--output", metavar="OUT", help="folder for the report (default: DIR/report)")
    report.set_defaults(run=run_report)

    export = commands.add_parser("export", help="write a network in a format of others")
    export.add_argument("weights", metavar="WEIGHTS.h5", help="weights that eebench train wrote")
    export.add_argument("--format", required=True, choices=["weaver"], help="weaver: state_dict (.pt)")
    export.add_argument("-o", "--output", required=True, metavar="OUT", help="file to write")
    export.set_defaults(run=run_export)
    return parser.parse_args(arguments)


def run_convert(options):
    from .convert import convert

    convert(options.inputs, options.output, options.classes, options.drop_bad)


def run_report(options):
    import matplotlib

    matplotlib.use("Agg")
    from .report import report

    print(report(options.campaign, options.output))


def run_export(options):
    try:
        from .export import export_weaver
    except ModuleNotFoundError as missing:
        raise InputError(
            f"export needs {missing.name}, which is not installed; pip install -e 'analysis[export]'"
        ) from missing
    export_weaver(options.weights, options.output)


if __name__ == "__main__":
    sys.exit(main())
