"""A release as trainers read it: the loaders of ms-swift and LLaMA-Factory themselves.

Their packages lie in a folder that ASID_HF_TEST_TRAINERS names:

    pip install --no-deps --target DIR -r tests/requirements-trainers.txt
    ASID_HF_TEST_TRAINERS=DIR pytest tests/dataset_builder/test_trainers.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from asid_hf.dataset_builder.build import BuildOptions, build
from asid_hf.dataset_builder.shapes import to_messages
from asid_release import verified_row, write_verified
from datasets import load_dataset

import asid_hf  # noqa: F401, makes "asid-1m" known

TRAINERS = os.environ.get("ASID_HF_TEST_TRAINERS")
pytestmark = pytest.mark.skipif(not TRAINERS, reason="ASID_HF_TEST_TRAINERS names no folder with trainers")

MS_SWIFT = """
import json, sys
from swift.dataset import load_dataset
for path in sys.argv[1:]:
    rows, _ = load_dataset([path], split_dataset_ratio=0.0, strict=True)
    turns = [[turn["content"] for turn in row["messages"]] for row in rows]
    print(json.dumps([turns, [row["videos"] for row in rows]]))
"""
LLAMA_FACTORY = """
import json, sys
from llamafactory.data.loader import _load_single_dataset
from llamafactory.data.parser import get_dataset_list
from llamafactory.hparams import DataArguments, ModelArguments
from transformers import Seq2SeqTrainingArguments
folder, *names = sys.argv[1:]
data = DataArguments(dataset=",".join(names), dataset_dir=folder, media_dir=folder, template="qwen2_omni")
training = Seq2SeqTrainingArguments(output_dir=folder, use_cpu=True)
for told in get_dataset_list(names, folder):
    rows = _load_single_dataset(told, ModelArguments(model_name_or_path="none"), data, training)
    turns = [[turn["content"] for turn in row["_prompt"] + row["_response"]] for row in rows]
    print(json.dumps([turns, [row["_videos"] for row in rows]]))
"""
SAID = 'He says, "Now \\ then." {x} \u2028 \U0001f600\nAt 3s, music plays.'
CONFIGS = ("all_attributes", "single_attribute", "multi_attribute")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trainers")
    rows = [verified_row(f"clip{number}") for number in range(12)]
    rows[3] |= {"caption": SAID, "duration": None}
    build([str(write_verified(folder / "verified", rows))], folder / "release", BuildOptions(held_out=0.3))
    return folder / "release"


def read_by(trainer: str, tmp_path: Path, *arguments: str) -> list[list]:
    """Of each file: the turns of its rows, and the videos of its rows."""
    told = {"PYTHONPATH": TRAINERS, "HF_HOME": str(tmp_path), "MODELSCOPE_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    environment = {**os.environ, **told, "DISABLE_VERSION_CHECK": "1"}  # of LLaMA-Factory: newer ones than it knows
    environment.pop("HF_DATASETS_CACHE", None)
    done = subprocess.run(
        [sys.executable, "-c", trainer, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]


def expected(release: Path, config: str, split: str) -> list[list]:
    shapes = [to_messages(row) for row in load_dataset("asid-1m", config, data_dir=str(release), split=split)]
    turns = [[turn["content"] for turn in shape["messages"]] for shape in shapes]
    return [turns, [shape["videos"] for shape in shapes]]


PLACES = [(config, split) for config in CONFIGS for split in ("train", "validation")]


def test_ms_swift_reads_the_published_layout_as_it_is(release: Path, tmp_path: Path) -> None:
    files = [str(path) for config, split in PLACES for path in release.glob(f"annotations/*/{split}/{config}_*.jsonl")]
    assert len(files) == len(PLACES)
    assert read_by(MS_SWIFT, tmp_path, *files) == [expected(release, *place) for place in PLACES]


def test_llama_factory_reads_the_release_as_its_dataset_dir(release: Path, tmp_path: Path) -> None:
    names = [f"asid_{config}{'' if split == 'train' else '_validation'}" for config, split in PLACES]
    assert read_by(LLAMA_FACTORY, tmp_path, str(release), *names) == [expected(release, *place) for place in PLACES]
