"""Fixtures: temporary caches, no network, real clips out of pinned packages where those are present."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

CLIPS_VARIABLE = "ASID_HF_TEST_CLIPS"


@pytest.fixture(scope="session", autouse=True)
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep every cache of the ecosystem in a temporary folder, and every hub out of reach."""
    home = tmp_path_factory.mktemp("hf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(home))
        patch.setenv("HF_DATASETS_CACHE", str(home / "datasets"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        yield


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
