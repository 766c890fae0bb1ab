#!/usr/bin/env python3
"""Checks that every header, script, resource and test sample is used by something in the repository."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Entry points and documents: people or tools call them by name.
ENTRY = {
    ".clang-format", ".clang-tidy", ".gitignore", ".gitattributes", "CMakeLists.txt",
    "CMakePresets.json", "README.md", "CONTRIBUTING.md", "LICENSE", "NOTICE", "main.cpp",
    "conftest.py", "__init__.py", "__main__.py", "pyproject.toml", "run",
}
# Found by their place: globbed by CMake, pytest, or `eebench list`.
PLACES = ("results/", "suites/", "tests/fuzz/corpus/")
SUFFIXES_FOUND_BY_PLACE = {".cpp", ".cu", ".md", ".ipynb"}


def tracked():
    output = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True)
    return [Path(name) for name in output.stdout.decode().split("\0") if name]


def is_text(file):
    return b"\0" not in (ROOT / file).read_bytes()[:4096]


def expected_elsewhere(file):
    return not (
        file.name in ENTRY
        or file.suffix in SUFFIXES_FOUND_BY_PLACE
        or file.as_posix().startswith(PLACES)
        or file.name.startswith("test_")
    )


def main():
    files = [file for file in tracked() if (ROOT / file).is_file()]
    texts = {file: (ROOT / file).read_text(errors="replace") for file in files if is_text(file)}
    unused = []
    for file in filter(expected_elsewhere, files):
        # A Python module and a configuration are named without their ending.
        name = file.stem if file.suffix in {".py", ".toml", ".yaml", ".cmake"} else file.name
        if not any(name in text for other, text in texts.items() if other != file):
            unused.append(f"{file}: nothing in the repository names it")
    print("\n".join(unused) or f"files: all {len(files)} are used")
    return 1 if unused else 0


if __name__ == "__main__":
    sys.exit(main())
