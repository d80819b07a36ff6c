"""Fixtures: temporary caches, no network, real clips out of pinned packages where those are present."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

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


@pytest.fixture
def asid_here(capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CompletedProcess]:
    """Run the command `asid` in this process, where what it needs is imported, and its models loaded, already.

    Tells what a process of its own would: its exit code, and all that it wrote. An error that the command does not
    catch is the test's.
    """
    from asid_hf.cli import main

    def run(*arguments: object, cwd: Path | None = None) -> CompletedProcess:
        words = ["asid", *map(str, arguments)]
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", words)
            patch.setattr(sys, "excepthook", sys.excepthook)  # typer puts its own
            if cwd:
                patch.chdir(cwd)
            with pytest.raises(SystemExit) as ended:
                main()
        return CompletedProcess(words, ended.value.code or 0, *capfd.readouterr())

    return run


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
