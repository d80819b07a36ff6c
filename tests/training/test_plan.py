"""What a run will do, told before it starts: counts, percentiles, steps; too many lost rows are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Video

pytest.importorskip("trl", reason="the packages of training are not installed")

from asid_hf.errors import InputError
from asid_hf.training.arguments import read_recipe
from asid_hf.training.collator import OmniCollator
from asid_hf.training.mixing import load_rows
from asid_hf.training.plan import check_plan, keep, make_plan, measured
from asid_hf.training.planning import plan_run


@pytest.fixture(autouse=True)
def _fast(one_thread: None) -> None:
    """Small models, one thread."""


def test_the_lengths_are_those_of_the_batches_and_the_counts_add_up(write_recipe: Callable, processor: object) -> None:
    recipe = write_recipe(max_length=150)
    data, training, model = read_recipe(recipe)
    rows = measured(load_rows(data), data, training, model.model_name_or_path)
    plan = make_plan(rows, data, training)
    collator = OmniCollator(processor, max_length=150, media=data.media)
    kept = keep(rows)
    lengths = [collator.prepare(row).length for row in kept]
    assert kept["length"] == lengths and len(kept) == plan.samples_per_epoch
    assert plan.tokens["all"]["max"] == max(lengths) and plan.tokens["all"]["total"] == sum(lengths)
    assert plan.tokens["all"]["p50"] == np.percentile(lengths, 50, method="inverted_cdf")
    assert plan.rows == 96 == plan.fits + plan.fitted + plan.refused
    assert plan.fitted > 0 and plan.fitted == sum(map(bool, kept["fitted"]))


@pytest.mark.parametrize(
    ("more", "world", "steps"),
    [
        ({"max_steps": -1, "num_train_epochs": 2}, 1, 48),
        ({"max_steps": -1, "num_train_epochs": 1, "gradient_accumulation_steps": 5}, 1, 5),
        ({"max_steps": -1, "num_train_epochs": 1}, 8, 3),
        ({"max_steps": 7}, 8, 7),
    ],
)
def test_steps_are_those_that_the_trainer_takes(write_recipe: Callable, more: dict, world: int, steps: int) -> None:
    data, training, model = read_recipe(write_recipe(**more))
    rows = measured(load_rows(data), data, training, model.model_name_or_path)
    plan = make_plan(rows, data, training, world)
    assert (plan.steps, plan.batch) == (steps, 4 * world * more.get("gradient_accumulation_steps", 1))


def test_reasons_are_counted_with_examples_and_too_many_are_refused(
    write_recipe: Callable, release: Path, tmp_path: Path
) -> None:
    import shutil

    videos = tmp_path / "videos"
    shutil.copytree(release / "videos", videos)
    (videos / "clip03.mp4").write_bytes(b"lost" * 100)
    (videos / "clip05.mp4").unlink()
    place = {"path": "asid-1m", "name": "single_attribute", "data_dir": str(release), "videos": str(videos)}
    data, training, model = read_recipe(write_recipe(datasets=[{**place, "groups": ["finevideo"]}]))
    plan = make_plan(measured(load_rows(data), data, training, model.model_name_or_path), data, training)
    assert plan.reasons == {"not_media": 8, "its clip is not there": 8}
    assert plan.examples["not_media"][0]["video_id"] == "clip03"
    check_plan(plan, max_lost=0.2)
    with pytest.raises(InputError, match=r"16 of 96 rows \(16\.7 %\) would be lost, over max_lost=0\.1: 8 not_media"):
        check_plan(plan, max_lost=0.1)


def test_the_command_prints_it_and_ends_with_an_error_where_rows_would_be_lost(
    write_recipe: Callable, asid_here: Callable
) -> None:
    recipe = write_recipe()
    configs = Path(__file__).parents[2] / "recipes" / "accelerate_configs"
    done = asid_here("plan", "--config", recipe, "--accelerate-config", configs / "zero2.yaml", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["plan"]["rows"] == 96 and told["plan"]["batch"] == 32
    assert told["parts"]["model.visual"]["trained"] == 0 and told["memory"]["total"] > 0
    lost = asid_here("plan", "--config", recipe, "--max_length", "105")
    assert lost.returncode == 2 and "would be lost" in lost.stderr and "too_long" in lost.stdout
    wrong = asid_here("plan", "--config", recipe, "--max_lenght", "105")
    assert wrong.returncode == 2 and "max_lenght" in wrong.stderr


def test_data_without_a_row_and_data_that_cannot_be_read_are_said(write_recipe: Callable, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"prompt": "a", "completion": "b"}\n')
    place = {"path": "json", "data_files": str(lines)}
    with pytest.raises(InputError, match="The datasets have no rows"):
        plan_run(write_recipe(datasets=[{**place, "weight": 0.2}]))
    lines.write_text("{")
    with pytest.raises(InputError, match="The dataset json cannot be loaded"):
        plan_run(write_recipe(datasets=[place]))


def test_a_plan_refuses_what_the_run_would(write_recipe: Callable, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion": ""}\n')
    place = {"path": "json", "data_files": str(lines)}
    told = plan_run(write_recipe(eval_datasets=[place]))
    assert (told.held_out, told.left_out) == ({"general": 1}, {"an empty turn": 1})
    assert "Held out: 1 rows (1 general). Left out, for they cannot be read: 1 an empty turn." in told.render()
    with pytest.raises(InputError, match="are no whole step"):
        plan_run(write_recipe(datasets=[place], max_lost=0.5, dataloader_drop_last=True))
    best = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2}
    best |= {"load_best_model_at_end": True}
    with pytest.raises(InputError, match="give one of eval_general_loss"):
        plan_run(write_recipe(eval_datasets=[place], **best))
    lines.write_text('{"prompt": "a", "completion": ""}\n')
    with pytest.raises(InputError, match="No held-out row can be read"):
        plan_run(write_recipe(eval_datasets=[place], eval_strategy="steps", eval_steps=2))
    lines.write_text("")
    with pytest.raises(InputError, match=r"has no rows|cannot be loaded"):
        plan_run(write_recipe(datasets=[place]))


def test_a_column_of_videos_is_trained_on_as_it_lies(write_recipe: Callable, clips: dict, tmp_path: Path) -> None:
    rows = {"video": [clips["heard"], clips["seen"]], "instruction": ["?"] * 2, "caption": ["A.", "B."]}
    table = Dataset.from_dict(rows).cast_column("video", Video())
    table.to_parquet(tmp_path / "rows.parquet")
    place = {"path": "parquet", "data_files": str(tmp_path / "rows.parquet")}
    told = plan_run(write_recipe(datasets=[place])).plan
    assert told.rows == 2 and not told.refused and told.tokens["video"]["total"] > 0


def test_of_a_stream_the_first_rows_are_looked_at(write_recipe: Callable) -> None:
    told = plan_run(write_recipe(streaming=True), stream_rows=10)
    assert told.plan.rows == 10 and "the first of a stream" in told.render()


@pytest.mark.parametrize("name", ["cpu", "ddp", "zero2", "zero3_offload", "fsdp2"])
def test_every_accelerate_configuration_is_read_and_says_how_to_launch_it(name: str) -> None:
    from asid_hf.training.machines import read_machines

    path = Path(__file__).parents[2] / "recipes" / "accelerate_configs" / f"{name}.yaml"
    machines = read_machines(path)
    header = path.read_text().split("compute_environment")[0]
    assert f"accelerate launch --config_file recipes/accelerate_configs/{name}.yaml" in header
    assert "easured" in header and (machines.processes, machines.precision) == (
        (2, "no") if name == "cpu" else (8, "bf16")
    )
