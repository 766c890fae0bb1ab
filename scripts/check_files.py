#!/usr/bin/env python3
"""Checks that every header, script, resource and test sample is used by something in the repository, and that every
Python package that setup.sh installs is used too and stays below a version that is known; and that the tests named on
the page of tests/ stand in the files named beside them."""

import re
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

# Packages by what is written where they are used, if that is not an import of their name.
USED_AS = {
    "pyyaml": "import yaml",
    "h5netcdf": 'engine="h5netcdf"',
    "nbconvert": '"-m", "nbconvert"',
    "ipykernel": '"name": "python3"',  # the kernel that notebooks name
}


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


def faults_of_packages(texts):
    sources = [file for file in texts if file.suffix in {".py", ".ipynb"} and file.name != Path(__file__).name]
    code = "\n".join(texts[file] for file in sources)
    for line in (ROOT / "scripts/requirements.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name = re.match(r"[\w-]+", line)[0]
        if not re.search(r"==|<", line):
            yield f"scripts/requirements.txt: {name} has no upper bound"
        if not re.search(re.escape(USED_AS[name]) if name in USED_AS else rf"(import|from) {name}\b", code):
            yield f"scripts/requirements.txt: nothing in the repository uses {name}"


def missing_tests():
    """Of the tests' page: after its file a test is named in quotes, "..." for what is left out; brackets are asides."""
    for row in (ROOT / "tests/README.md").read_text().splitlines():
        code = ""
        row = re.sub(r"\([^()]*\)", "", row.rpartition(" | ")[2])
        for file, function, sentence in re.findall(r'`([\w/]+\.(?:cpp|py))`|`(test_\w+)`|"([^"]+)"', row):
            if file:
                path = ROOT / "tests" / file
                code = path.read_text() if path.is_file() else ""
                continue
            cut = re.escape(sentence).replace(r"\.\.\.", ".*")
            if not re.search(rf"def {function}\(" if function else rf'TEST_CASE\(\s*"{cut}', code):
                yield f"tests/README.md: no test {function or sentence} in the file named before it"


def main():
    files = [file for file in tracked() if (ROOT / file).is_file()]
    texts = {file: (ROOT / file).read_text(errors="replace") for file in files if is_text(file)}
    unused = [*faults_of_packages(texts), *missing_tests()]
    for file in filter(expected_elsewhere, files):
        # A Python module and a configuration are named without their ending.
        name = file.stem if file.suffix in {".py", ".toml", ".yaml", ".cmake"} else file.name
        if not any(name in text for other, text in texts.items() if other != file):
            unused.append(f"{file}: nothing in the repository names it")
    print("\n".join(unused) or f"files: all {len(files)} are used")
    return 1 if unused else 0


if __name__ == "__main__":
    sys.exit(main())
