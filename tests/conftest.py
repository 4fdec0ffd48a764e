"""What all tests share."""

import os
from pathlib import Path

import hypothesis
import pytest

# No test asserts a duration, and CI runs the same examples every time.
hypothesis.settings.register_profile("here", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("here")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded material for measuring, which is no part of the project."""
    folder = Path(os.environ.get("WIREBEAM_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("needs the recorded material: set WIREBEAM_SHARED to the folder that holds data/")
    return folder
