"""Fixtures: temporary caches, no network, real clips out of pinned packages where those are present."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

CLIPS_VARIABLE = "ASID_HF_TEST_CLIPS"


def pytest_configure() -> None:
    """Keep every cache of the ecosystem in a temporary folder, and every hub out of reach.

    Before anything is collected: the libraries read these when they are imported, and tests import them at their top.
    """
    home = tempfile.mkdtemp(prefix="asid-hf-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["HF_HOME"] = home
    os.environ["HF_DATASETS_CACHE"] = str(Path(home, "datasets"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"


@pytest.fixture(scope="session")
def real_clip() -> Callable[[str], Path]:
    """Give the path of a real clip by file name; skip where `tests/real_clips.py` has not laid it out."""
    folder = os.environ.get(CLIPS_VARIABLE)

    def find(name: str) -> Path:
        if not folder:
            pytest.skip(f"{CLIPS_VARIABLE} is not set: run `python tests/real_clips.py DIR` and set it to DIR")
        path = Path(folder) / name
        if not path.is_file():
            pytest.skip(f"{name} is not in {CLIPS_VARIABLE}: run `python tests/real_clips.py` again")
        return path

    return find
