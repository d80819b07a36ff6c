"""The script for `datasets` 3.x: what it serves there is what the builder serves here, without asid_hf installed.

It runs in an environment of its own, whose Python ASID_HF_TEST_DATASETS_3 names:

    python -m venv DIR && DIR/bin/pip install -r tests/requirements-datasets-3.txt
    ASID_HF_TEST_DATASETS_3=DIR/bin/python pytest tests/dataset_builder/test_loading_script.py
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from asid_hf.dataset_builder.release import PUBLISHED, PUBLISHED_GROUPS
from asid_release import file_of, verified_row, write_release, write_verified
from datasets import load_dataset
from hub_server import HubServer

import asid_hf  # noqa: F401, makes "asid-1m" known

FOLDER = Path(__file__).parents[2] / "dataset_builder"
SCRIPT = FOLDER / "asid-1m"
PYTHON = os.environ.get("ASID_HF_TEST_DATASETS_3")
needs_datasets_3 = pytest.mark.skipif(not PYTHON, reason="ASID_HF_TEST_DATASETS_3 names no Python with datasets 3.x")
ALL = ("all_attributes", "single_attribute", "raw")
LOADING = """
import json, sys
import datasets
assert datasets.__version__.startswith("3."), datasets.__version__
for config, options in json.loads(sys.argv[2]):
    try:
        rows = datasets.load_dataset(sys.argv[1], config, split="train", trust_remote_code=True, **options)
        assert "asid_hf" not in sys.modules
        print(json.dumps(list(rows) if options.get("streaming") else rows.to_list()))
    except Exception as error:
        print(json.dumps([type(e).__name__ + ": " + str(e) for e in (error, error.__cause__) if e]))
"""


def load_3(
    tmp_path: Path, config: str, script: Path = SCRIPT, environment: dict | None = None, **options: object
) -> list:
    return load_each_3(tmp_path, [(config, options)], script, environment)[0]


def load_each_3(
    tmp_path: Path, asked: list[tuple[str, dict]], script: Path = SCRIPT, environment: dict | None = None
) -> list[list]:
    """What several configurations and options give, in one process."""
    home = {"HF_HOME": str(tmp_path / "home3"), "HF_DATASETS_CACHE": str(tmp_path / "home3" / "datasets")}
    command = [PYTHON, "-c", LOADING, str(script), json.dumps(asked)]
    known = {**os.environ, "HF_HUB_OFFLINE": "1", **home, **(environment or {})}
    done = subprocess.run(command, cwd=tmp_path, env=known, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()[-len(asked) :]]


def load_here(config: str, **options: object) -> list:
    return load_dataset("asid-1m", config, split="train", **options).to_list()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release", configs=ALL)


def test_the_script_names_every_file_that_it_needs_for_older_versions_follow_no_further() -> None:
    named = set(re.findall(r"^from \.(\w+) import", (SCRIPT / "asid-1m.py").read_text(), re.MULTILINE))
    here = {path.stem for path in SCRIPT.glob("*.py")} - {"asid-1m"}
    assert named == here
    for name in here:
        path = SCRIPT / f"{name}.py"
        assert path.is_symlink() and path.is_file()
        tree = ast.parse(path.read_text())
        siblings = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1}
        assert siblings <= here, f"{name} imports {siblings - here}, which is not beside the script"


@needs_datasets_3
@pytest.mark.parametrize("config", [*ALL, "multi_attribute"])
def test_it_serves_the_rows_that_the_builder_serves(release: Path, tmp_path: Path, config: str) -> None:
    whole = {"data_dir": str(release)}
    few = {**whole, "groups": ["finevideo"], "columns": ["caption", "extra"], "held_out": 0.3}
    asked = [(config, whole), (config, {**whole, "streaming": True}), (config, few)]
    rows = load_here(config, **whole)
    assert load_each_3(tmp_path, asked) == [rows, rows, load_here(config, **few)]


@needs_datasets_3
def test_it_opens_verified_rows_and_what_derives_of_them(tmp_path: Path) -> None:
    folder = write_verified(tmp_path / "verified", [verified_row("a"), verified_row("b", duration=None)])
    asked = [(config, {"data_dir": str(folder)}) for config in ("verified", "single_attribute", "multi_attribute")]
    assert load_each_3(tmp_path, asked) == [load_here(config, **options) for config, options in asked]


@needs_datasets_3
def test_it_works_in_several_processes_and_from_a_copy_elsewhere(release: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(SCRIPT, tmp_path / "elsewhere" / "asid-1m")  # with what the links lead to
    assert not any(path.is_symlink() for path in copied.iterdir())
    rows = load_here("single_attribute", data_dir=str(release))
    assert load_3(tmp_path, "single_attribute", copied, data_dir=str(release), num_proc=2) == rows


@needs_datasets_3
def test_a_bad_line_is_named_there_too(release: Path, tmp_path: Path) -> None:
    with file_of(release, "raw", "finevideo").open("ab") as stream:
        stream.write(b'{"question": "?"}\n')
    outer, inner = load_3(tmp_path, "raw", data_dir=str(release))
    assert outer.startswith("DatasetGenerationError")
    assert "raw_finevideo.jsonl, line 4: The keys are question." in inner
    assert len(load_3(tmp_path, "raw", data_dir=str(release), on_error="record")) == 6


@needs_datasets_3
def test_videos_are_joined_there_too(release: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        archive.writestr("v0_finevideo.mp4", b"film")
    options = {"groups": ["finevideo"], "with_video": True, "videos": str(tmp_path / "v.zip")}
    rows = load_3(tmp_path, "raw", data_dir=str(release), **options)
    assert [row["video"] and row["video"]["path"] for row in rows] == [
        f"zip://v0_finevideo.mp4::{tmp_path}/v.zip",
        None,
        None,
    ]


@needs_datasets_3
def test_without_a_folder_it_opens_the_published_dataset_on_the_hub(tmp_path: Path) -> None:
    published = write_release(tmp_path / "published", 1, PUBLISHED_GROUPS, ALL)
    files = {p.relative_to(published).as_posix(): p.read_bytes() for p in published.rglob("*.jsonl")}
    with HubServer() as hub:
        hub.add_repo(PUBLISHED, files)
        environment = hub.environment(tmp_path / "home3")
        rows = load_3(tmp_path, "raw", environment=environment)
    assert [row["group"] for row in rows] == list(PUBLISHED_GROUPS)


def test_newer_versions_open_the_name_beside_the_script(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)  # where "asid-1m" is a folder with a script of that name
    assert len(load_here("raw", data_dir=str(release))) == 6
