import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "analysis"))

# A network that trains in no time; settings of [train] may follow.
TINY = (ROOT / "tests/data/tiny.toml").read_text()


@pytest.fixture
def samples():
    """The full samples, which do not travel with the repository."""
    folder = Path(os.environ.get("EEBENCH_TEST_DATA", ROOT / ".." / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no samples in {folder} (EEBENCH_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def program():
    """PATH with the program of the build on it."""
    path = os.environ["PATH"]
    if "EEBENCH_PROGRAM" in os.environ:
        path = f"{Path(os.environ['EEBENCH_PROGRAM']).parent}{os.pathsep}{path}"
    if shutil.which("eebench", path=path) is None:
        pytest.skip("no program eebench (EEBENCH_PROGRAM or PATH)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        yield path
