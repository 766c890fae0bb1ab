import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "analysis"))


@pytest.fixture
def samples():
    """The full samples, which do not travel with the repository."""
    folder = Path(os.environ.get("EEBENCH_TEST_DATA", ROOT / ".." / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no samples in {folder} (EEBENCH_TEST_DATA)")
    return folder
