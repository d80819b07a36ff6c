"""Recipes are read strictly: every one here, and what is wrong with others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("trl", reason="the packages of training are not installed")

from asid_hf.errors import InputError
from asid_hf.training.arguments import CaptionerArguments, read_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*/stage*.yaml"))
CPU = ["--use_cpu", "true", "--bf16", "false"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_recipe_is_read_strictly(path: Path) -> None:
    data, training, model = read_recipe(path, CPU)
    told = yaml.safe_load(path.read_text())
    for key, value in told.items():
        if key not in ("bf16", "use_cpu"):
            read = next(getattr(part, key) for part in (data, training, model) if hasattr(part, key))
            assert getattr(read, "value", read) == value, key


@pytest.mark.parametrize("size", ["3b", "7b"])
def test_the_real_recipes_have_the_published_hyper_parameters(size: str) -> None:
    for stage in (1, 2, 3):
        data, training, model = read_recipe(ROOT / f"recipes/asid_captioner_{size}/stage{stage}.yaml", CPU)
        assert training.per_device_train_batch_size * training.gradient_accumulation_steps * 8 == 128
        assert (training.learning_rate, training.lr_scheduler_type, training.warmup_steps) == (2e-5, "cosine", 0.05)
        assert (data.fps, data.min_frames, data.max_frames, training.num_train_epochs) == (2, 4, 768, 1)
        if stage < 3:
            assert (data.frame_pixels, data.total_pixels) == (512 * 784, 50 * 512 * 784)
            assert training.max_length == 16384 and not model.use_peft
        else:
            assert (data.frame_pixels, data.total_pixels) == (256 * 784, 60 * 256 * 784)
            assert training.max_length == 22384
            assert (model.use_peft, model.lora_r, model.lora_alpha) == (True, 16, 32)


def test_each_stage_starts_from_the_one_before() -> None:
    for folder in {path.parent for path in RECIPES}:
        told = [yaml.safe_load((folder / f"stage{stage}.yaml").read_text()) for stage in (1, 2, 3)]
        assert [one["model_name_or_path"] for one in told[1:]] == [one["output_dir"] for one in told[:2]]


def recipe(folder: Path, **more: Any) -> Path:
    told = {
        "model_name_or_path": "m",
        "output_dir": "o",
        "datasets": [{"path": "asid-1m"}],
        "use_cpu": True,
        "bf16": False,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**told, **more}))
    return path


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"learning_rat": 1}, "learning_rat"),
        ({"datasets": []}, "No datasets"),
        ({"model_name_or_path": None}, "No model"),
        ({"datasets": [{"name": "raw"}]}, "`path`"),
        ({"datasets": ["asid-1m"]}, "is no dataset"),
        ({"datasets": [{"path": "a", "weight": 0}]}, "weight=0"),
        ({"datasets": [{"path": "a", "weight": "much"}]}, "of type float"),
        ({"datasets": [{"path": "a", "limit": 0.5}]}, "of type int"),
        ({"datasets": [{"path": "a", "weight": float("inf")}]}, "weight=inf"),
        ({"train_sampling_strategy": "grouped"}, "train_sampling_strategy=grouped"),
        ({"merge_adapter": True}, "no adapter"),
        ({"plan": False}, "plan"),
        ({"packing": True}, "packing"),
        ({"remove_unused_columns": True}, "remove_unused_columns"),
        ({"frame_pixels": 10}, "frame_pixels=10"),
        ({"max_lost": 2}, "max_lost=2"),
        ({"eval_rows": 0}, "eval_rows=0"),
        ({"eval_datasets": [{"path": "a", "weight": 2}]}, "held-out rows come once"),
        ({"datasets": [{"path": "a", "streaming": True}]}, "all are streamed, or none|all datasets are streamed"),
        ({"streaming": True}, "set max_steps"),
        ({"eval_strategy": "steps", "eval_steps": 1}, "needs eval_datasets"),
        ({"per_device_train_batch_size": 0}, "per_device_train_batch_size=0"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps=0"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": None}, "seed=None"),
        ({"dataloader_num_workers": -1}, "dataloader_num_workers=-1"),
        ({"dtype": "float33"}, "dtype=float33"),
        ({"lora_r": 0}, "lora_r=0"),
        ({"lora_dropout": 2.0}, "lora_dropout=2"),
        ({"load_in_4bit": True}, "load_in_4bit=True would change nothing"),
        ({"lora_modules_to_save": ["lm_head"]}, "lora_modules_to_save"),
        ({"completion_only_loss": False}, "completion_only_loss=False would change nothing"),
        ({"assistant_only_loss": True}, "assistant_only_loss"),
        ({"truncation_mode": "keep_end"}, "truncation_mode"),
        ({"chat_template_path": "a.jinja"}, "chat_template_path"),
        ({"hub_strategy": "every_save"}, "hub_strategy"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said(tmp_path: Path, more: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_recipe(recipe(tmp_path, **more))


def test_the_command_line_says_otherwise_and_is_read_strictly_too(tmp_path: Path) -> None:
    path = recipe(tmp_path, max_steps=5)
    assert read_recipe(path, ["--max_steps", "7"])[1].max_steps == 7
    for other in ("--max_stepz", "--max_step"):
        with pytest.raises(InputError, match=other[2:]):
            read_recipe(path, [other, "7"])
    for said in ('{"path": "json", "limit": 3}', "{path: json, limit: 3}"):
        assert read_recipe(path, ["--datasets", said])[0].datasets == [{"path": "json", "limit": 3}]
    with pytest.raises(InputError, match="is no mapping"):
        read_recipe(path, ["--datasets", "json"])
    assert read_recipe(overrides=[f"--config={path}"])[1].max_steps == 5
    with pytest.raises(InputError, match="path of a recipe is missing"):
        read_recipe(overrides=["--config"])
    assert read_recipe(path, ["--trainable", "lm_head"])[0].trainable == ["lm_head"]
    assert read_recipe(recipe(tmp_path, trainable="lm_head", max_steps=5))[0].trainable == ["lm_head"]
    with pytest.raises(InputError, match=r"none\.yaml cannot be read"):
        read_recipe(overrides=["--config", str(tmp_path / "none.yaml")])
    path.write_text("datasets: [")
    with pytest.raises(InputError, match=r"recipe\.yaml: while parsing"):
        read_recipe(overrides=["--config", str(path)])


def test_options_that_ask_for_nothing_are_no_fault(tmp_path: Path) -> None:
    more = {"pad_to_multiple_of": None, "lora_target_parameters": [], "datasets": [{"path": "a", "streaming": False}]}
    _, training, _ = read_recipe(recipe(tmp_path, **more))
    assert replace(training).max_length == training.max_length  # TRL has filled in what was None


def test_every_argument_has_a_help() -> None:
    from dataclasses import fields

    assert all(one.metadata.get("help") for one in fields(CaptionerArguments))


def test_workers_are_kept_with_their_clips_where_there_are_any(tmp_path: Path) -> None:
    kept = [
        read_recipe(recipe(tmp_path, dataloader_num_workers=count))[1].dataloader_persistent_workers for count in (0, 2)
    ]
    assert kept == [False, True]
