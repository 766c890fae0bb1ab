"""Starts the program eebench under mpirun."""

import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

from .errors import InputError

STOPPED_BY_A_SIGNAL = 75  # exit code of eebench


def find_program():
    for program in ("mpirun", "eebench"):
        if shutil.which(program) is None:
            raise InputError(f"no program {program} on PATH; . scripts/environment.sh of eebench puts it there")


@contextmanager
def stopped_by_sigterm():
    """SIGTERM, with which batch systems stop, ends the training under way too."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(command, log, output=None):
    """Exit code of the program, whose words go to `log`; it ends with this process where that can be.

    `output` is a file for what it prints on stdout, if the log is not the place.
    """
    with ExitStack() as files:
        words = files.enter_context(open(log, "w"))
        printed = files.enter_context(open(output, "w")) if output else words
        process = files.enter_context(subprocess.Popen(command, stdout=printed, stderr=words))
        try:
            return process.wait()
        finally:
            process.terminate()


def last_line(log):
    """The program's last word, without what mpirun adds."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("eebench: ")]
    return lines[-1].removeprefix("eebench: ") if lines else None
