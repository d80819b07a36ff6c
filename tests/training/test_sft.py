"""Whole runs of a small captioner: what is trained, what is saved, what goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

pytest.importorskip("trl", reason="the packages of training are not installed")

from asid_hf.captioner import AsidCaptionerForConditionalGeneration
from asid_hf.errors import InputError
from asid_hf.schema import ATTRIBUTES
from asid_hf.training.arguments import read_recipe
from asid_hf.training.freezing import TRAINABLE
from asid_hf.training.held_out import held_out_rows
from asid_hf.training.resuming import checkpoint_of, identity_of
from asid_hf.training.sft import train

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _fast(one_thread: None) -> None:
    """Small models, one thread."""


def run(path: Path, *overrides: str) -> Any:
    return train(*read_recipe(path, overrides))


def losses(trainer: Any) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return AsidCaptionerForConditionalGeneration.from_pretrained(folder).state_dict()


@contextmanager
def broken(videos: Path, count: int) -> Iterator[None]:
    """The first clips turn out damaged once all rows were looked at."""
    from asid_hf.training.trainer import CaptionerTrainer

    train_steps = CaptionerTrainer.train

    def break_first(self: Any, *arguments: Any, **options: Any) -> Any:
        for path in sorted(videos.glob("*.mp4"))[:count]:
            path.write_bytes(b"lost" * 50)
        return train_steps(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CaptionerTrainer, "train", break_first)
        yield


def test_encoders_are_unchanged_bit_for_bit_and_all_trained_parts_have_changed(
    write_recipe: Callable, small: Path
) -> None:
    trainer = run(write_recipe())
    before, after = weights(small), weights(Path(trainer.args.output_dir))
    for name, weight in before.items():
        trained = any(name == part or name.startswith(f"{part}.") for part in TRAINABLE)
        if not trained:
            assert torch.equal(weight, after[name]), name
    for part in TRAINABLE:
        own = [name for name in before if name.startswith(part)]
        assert any(not torch.equal(before[name], after[name]) for name in own), part
    assert losses(trainer)[-1] < losses(trainer)[0]


def test_lora_trains_adapters_alone_and_its_merged_copy_writes_the_same(write_recipe: Callable, small: Path) -> None:
    recipe = write_recipe(use_peft=True, lora_r=4, lora_alpha=8, merge_adapter=True, max_steps=3, lora_dropout=0.0)
    trainer = run(recipe)
    folder = Path(trainer.args.output_dir)
    adapter = load_file(folder / "adapter_model.safetensors")
    assert all("lora_" in name and "language_model.layers" in name for name in adapter)
    assert any(weight.abs().sum() > 0 for name, weight in adapter.items() if "lora_B" in name)
    base = {
        name.replace(".base_layer", ""): weight for name, weight in trainer.model.get_base_model().state_dict().items()
    }
    for name, weight in weights(small).items():
        assert torch.equal(weight, base[name]), name
    merged = AsidCaptionerForConditionalGeneration.from_pretrained(folder / "merged")
    apart = AsidCaptionerForConditionalGeneration.from_pretrained(folder, base=small)
    ids = {"input_ids": torch.arange(20)[None], "attention_mask": torch.ones(1, 20, dtype=torch.long)}
    with torch.no_grad():
        assert torch.allclose(merged(**ids).logits, apart(**ids).logits, atol=1e-5)
    assert merged.processor.media["max_frames"] == 4


def test_a_stage_starts_from_the_one_before(write_recipe: Callable, release: Path) -> None:
    first = run(write_recipe("stage1", max_steps=2))
    more = {"path": "asid-1m", "name": "all_attributes", "data_dir": str(release), "videos": str(release / "videos")}
    second = write_recipe("stage2", model_name_or_path=first.args.output_dir, max_steps=2, datasets=[more])
    third = write_recipe("stage3", model_name_or_path=run(second).args.output_dir, max_steps=1, use_peft=True)
    trainer = run(third)
    assert trainer.state.global_step == 1 and (Path(trainer.args.output_dir) / "adapter_config.json").is_file()


@pytest.mark.parametrize(
    "kind",
    [
        {"train_sampling_strategy": "group_by_length"},
        {"train_sampling_strategy": "random"},
        {"use_peft": True, "lora_r": 4, "lora_dropout": 0.1},
    ],
    ids=["grouped", "random", "lora"],
)
def test_a_run_that_was_stopped_goes_on_with_the_same_losses(write_recipe: Callable, kind: dict) -> None:
    """Over the end of an epoch, which is 6 steps long."""
    more = {"max_steps": 10, "save_strategy": "steps", "save_steps": 4, "gradient_accumulation_steps": 2}
    more |= {"per_device_train_batch_size": 8, **kind}
    whole = run(write_recipe("whole", **more))
    stopped = write_recipe("stopped", **more)
    folder = yaml.safe_load(stopped.read_text())["output_dir"]
    shutil.copytree(Path(whole.args.output_dir) / "checkpoint-4", Path(folder) / "checkpoint-4")
    again = run(stopped, "--resume_from_checkpoint", "true")
    assert losses(again) == losses(whole) and len(losses(whole)) == 10
    one, other = (trainer.model.state_dict() for trainer in (whole, again))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_a_run_left_that_was_killed_while_it_saved_is_not_gone_on_with(
    write_recipe: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = write_recipe(max_steps=3, save_strategy="steps", save_steps=1, resume_from_checkpoint="true")
    folder = Path(run(recipe).args.output_dir)
    whole = (folder / "checkpoint-2" / "trainer_state.json").read_text()
    (folder / "checkpoint-2" / "trainer_state.json").write_text(whole[: len(whole) // 2])
    (folder / "checkpoint-3" / "trainer_state.json").unlink()
    training, identity = read_recipe(recipe)[1], json.loads((folder / "checkpoint-1" / "run.json").read_text())
    assert checkpoint_of(training, identity) == str(folder / "checkpoint-1")
    assert all(f"{name} is not whole" in caplog.text for name in ("checkpoint-2", "checkpoint-3"))
    again = run(recipe)
    assert again.state.global_step == 3 and len(losses(again)) == 3
    training.resume_from_checkpoint = str(folder / "checkpoint-2" / "nothing")
    with pytest.raises(InputError, match="no folder of a whole checkpoint"):
        checkpoint_of(training, identity)


def test_of_two_runs_in_one_folder_the_second_goes_on_with_its_own_checkpoints(write_recipe: Callable) -> None:
    recipe = write_recipe(max_steps=3, save_strategy="steps", save_steps=1, resume_from_checkpoint="true")
    folder = Path(run(recipe).args.output_dir)
    changed = ("--learning_rate", "0.01")
    second = run(recipe, *changed, "--resume_from_checkpoint", "false")
    (folder / "checkpoint-3" / "run.json").unlink()  # as where an old one was being removed: it may be anybody's
    assert losses(run(recipe, *changed)) == losses(second)
    shutil.rmtree(folder / "checkpoint-3")
    with pytest.raises(InputError, match=r"checkpoint-2 is of a run that was started with another learning_rate\."):
        run(recipe)


def test_a_run_goes_on_with_the_rows_that_it_was_started_with_wherever_they_lie(
    write_recipe: Callable, release: Path, tmp_path: Path
) -> None:
    rows = [{"prompt": f"Say {n}.", "completion": f"It is {n}."} for n in range(8)]
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    more = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1, "resume_from_checkpoint": "true"}
    recipe = write_recipe(datasets=[{"path": "json", "data_files": str(lines)}], **more)
    first = run(recipe)
    moved = lines.rename(tmp_path / "moved.jsonl")
    elsewhere = ("--datasets", json.dumps({"path": "json", "data_files": str(moved)}))
    assert losses(run(recipe, *elsewhere)) == losses(first)
    moved.write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))
    with pytest.raises(InputError, match=r"another rows\."):
        run(recipe, *elsewhere)
    moved.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=r"another rows of a step\."):
        run(recipe, *elsewhere, "--per_device_train_batch_size", "1")
    for rows_a_step, decides in ((4, False), (3, True)):  # of 8 rows: there the last step is filled up
        told = read_recipe(recipe, [*elsewhere, "--per_device_train_batch_size", str(rows_a_step)])
        one, two = (identity_of(*told, first.train_dataset, processes) for processes in (1, 2))
        told[1].per_device_train_batch_size = 2 * rows_a_step
        same = identity_of(*told, first.train_dataset, 1)
        assert one != two and (same != two) == decides


def test_a_finished_run_that_is_started_again_trains_no_step(write_recipe: Callable, small: Path) -> None:
    more = {"max_steps": 3, "save_strategy": "steps", "save_steps": 3, "resume_from_checkpoint": "true"}
    recipe = write_recipe(**more)
    first = run(recipe)
    before = weights(Path(first.args.output_dir))
    shutil.rmtree(Path(first.args.output_dir) / "processor", ignore_errors=True)
    (Path(first.args.output_dir) / "model.safetensors").unlink()  # as if it had been stopped before it was saved
    again = run(recipe)
    after = weights(Path(again.args.output_dir))
    assert again.state.global_step == 3 and losses(again) == losses(first)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_run_started_otherwise_is_not_gone_on_with(write_recipe: Callable, small: Path, tmp_path: Path) -> None:
    more = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1, "resume_from_checkpoint": "true"}
    base = shutil.copytree(small, tmp_path / "base")
    recipe = write_recipe(model_name_or_path=str(base), **more)
    run(recipe)
    with pytest.raises(InputError, match=r"another learning_rate, max_steps\."):
        run(recipe, "--max_steps", "4", "--learning_rate", "0.5")
    run(recipe, "--logging_steps", "2")  # decides no step
    copied = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(copied)
    run(recipe)  # the same weights, copied anew
    (base / "model.safetensors").write_bytes(copied[:-1000] + bytes(1000))
    with pytest.raises(InputError, match=r"another model\."):
        run(recipe)
    assert run(recipe, "--resume_from_checkpoint", "false").state.global_step == 2


def test_an_adapter_is_merged_where_the_trainer_shares_weights_out(
    write_recipe: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under ZeRO-3: `from_pretrained` would then ask DeepSpeed, which waits for the other processes."""
    from transformers.integrations import deepspeed

    class Sharing:
        def is_zero3(self) -> bool:
            return True

    from asid_hf.training.trainer import CaptionerTrainer

    sharing, train_steps = Sharing(), CaptionerTrainer.train

    def then_share(self: Any, *arguments: Any, **options: Any) -> Any:
        done = train_steps(self, *arguments, **options)
        monkeypatch.setattr(deepspeed, "_hf_deepspeed_config_weak_ref", weakref.ref(sharing))
        assert deepspeed.is_deepspeed_zero3_enabled()
        return done

    monkeypatch.setattr(CaptionerTrainer, "train", then_share)
    trainer = run(write_recipe(use_peft=True, lora_r=4, merge_adapter=True, max_steps=1))
    assert weights(Path(trainer.args.output_dir) / "merged")


def test_held_out_rows_that_cannot_be_read_are_left_out_and_none_is_trained_on(
    write_recipe: Callable, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(release / "videos", videos)
    (videos / "clip01.mp4").write_bytes(b"lost" * 50)
    place = {"path": "asid-1m", "name": "all_attributes", "data_dir": str(release), "videos": str(videos)}
    place["groups"] = ["finevideo"]
    recipe = write_recipe(eval_datasets=[place], sample_captions=0, max_steps=1)
    data, training, model = read_recipe(recipe)
    kept, left_out = held_out_rows(data, training, model)
    assert len(kept["all"]) == 11 and left_out == {"not_media": 1}
    trainer = run(recipe)
    assert "Held out: 11 rows (11 all). Left out, for they cannot be read: 1 not_media." in capsys.readouterr().out
    assert trainer.get_eval_dataloader(trainer.eval_dataset["all"]).collate_fn.replacements is None
    assert trainer.get_train_dataloader().collate_fn.replacements is not None


def test_rows_that_fail_after_the_last_log_are_named_and_counted(
    write_recipe: Callable, release: Path, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(release / "videos", videos)
    told = {"path": "asid-1m", "name": "single_attribute", "data_dir": str(release), "videos": str(videos)}
    recipe = write_recipe(
        datasets=[told], max_steps=2, logging_steps=50, max_lost=1.0, clip_cache_mb=0, dataloader_num_workers=0
    )
    with broken(videos, 6):
        trainer = run(recipe)
    failed = (tmp_path / "run" / "failed_clips.jsonl").read_text().splitlines()
    lost = trainer.state.log_history[-1]["rows/failed"]
    assert 0 < lost <= trainer._seen and len(failed) >= lost


def test_held_out_clips_that_fail_are_named_and_count_in_no_loss(
    write_recipe: Callable, release: Path, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(release / "videos", videos)
    place = {"path": "asid-1m", "data_dir": str(release), "videos": str(videos), "groups": ["finevideo"]}
    more = {"eval_strategy": "steps", "eval_steps": 1, "max_steps": 1, "sample_captions": 0, "clip_cache_mb": 0}
    recipe = write_recipe(eval_datasets=[{**place, "name": "all_attributes"}] * 2, **more)  # two rows about each clip
    with broken(videos, 4):
        trainer = run(recipe)
    (told,) = [entry for entry in trainer.state.log_history if "eval_all_rows/failed" in entry]
    assert told["eval_all_rows/failed"] == 8
    good = trainer.eval_dataset["all"].select([*range(4, 12), *range(16, 24)])
    assert trainer.evaluate({"all": good})["eval_all_loss"] == pytest.approx(told["eval_all_loss"], rel=1e-5)
    named = [json.loads(line) for line in (tmp_path / "run" / "failed_clips.jsonl").read_text().splitlines()]
    assert {(one["video_id"], one["held_out"]) for one in named} == {(f"clip{n:02d}", "eval_all") for n in range(4)}
    assert len(named) == 4  # though they were looked at once more
    for path in videos.glob("*.mp4"):
        path.write_bytes(b"lost" * 50)
    trainer.args.metric_for_best_model = "eval_all_loss"
    told = trainer.evaluate()
    assert "eval_all_loss" not in told and not trainer._determine_best_metric(told, None)


def test_a_held_out_loss_is_the_mean_of_all_tokens_whatever_the_batches_are(
    write_recipe: Callable, tmp_path: Path
) -> None:
    lines = tmp_path / "held_out.jsonl"
    rows = [{"prompt": "Say it.", "completion": "A word " * number} for number in (1, 2, 9, 20, 3)]
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    trainer = run(write_recipe(eval_datasets=[{"path": "json", "data_files": str(lines)}], max_steps=1))
    told = []
    trainer.args.dataloader_drop_last = True  # of rows that are trained on
    for trainer.args.per_device_eval_batch_size in (1, 2, 5):
        told.append(trainer.evaluate()["eval_general_loss"])
    assert told == pytest.approx([told[0]] * 3, rel=1e-5)
    batch = trainer.eval_collator(list(trainer.eval_dataset["general"]))
    batch.pop("told")
    trainer.model.eval()
    assert trainer.model(**batch).loss.item() == pytest.approx(told[0], rel=1e-5)


def test_a_run_whose_rows_all_fail_does_not_end_well(write_recipe: Callable, release: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(release / "videos", videos)
    place = {"path": "asid-1m", "name": "all_attributes", "data_dir": str(release), "videos": str(videos)}
    recipe = write_recipe(datasets=[{**place, "limit": 4}], max_steps=3, clip_cache_mb=0)
    said = r"12 of 12 rows failed, over max_lost=0\.01; the last: .*clip\d\d\.mp4"
    with broken(videos, 12), pytest.raises(InputError, match=said):
        run(recipe)


def test_an_adapter_over_an_adapter_opens_as_it_was_trained(write_recipe: Callable) -> None:
    lora = {"use_peft": True, "lora_r": 4, "max_steps": 2, "learning_rate": 0.05}
    first = run(write_recipe("first", **lora)).args.output_dir
    second = run(write_recipe("second", **lora, model_name_or_path=first, merge_adapter=True)).args.output_dir
    opened, below = (
        AsidCaptionerForConditionalGeneration.from_pretrained(folder, merge_adapter=True).state_dict()
        for folder in (second, first)
    )
    merged = weights(Path(second) / "merged")
    assert all(torch.allclose(opened[name], merged[name], atol=1e-6) for name in merged)
    assert any(not torch.allclose(below[name], merged[name], atol=1e-3) for name in merged)


def test_held_out_losses_are_told_by_attribute_and_samples_are_written(write_recipe: Callable, release: Path) -> None:
    place = {"path": "asid-1m", "name": "single_attribute", "data_dir": str(release), "videos": str(release / "videos")}
    place |= {"groups": ["finevideo"], "limit": 40}
    trainer = run(
        write_recipe(
            eval_datasets=[place], eval_rows=2, sample_captions=2, eval_strategy="steps", eval_steps=2, max_steps=2
        )
    )
    told = {key for entry in trainer.state.log_history for key in entry if key.startswith("eval_") and "_loss" in key}
    assert told == {f"eval_{name}_loss" for name in ATTRIBUTES}
    folder = Path(trainer.args.output_dir)
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert [one["step"] for one in samples] == [2, 2]
    assert samples[0]["attributes"] != samples[1]["attributes"]
    card = (folder / "README.md").read_text()
    assert "| narrative_elements |" in card and "model.visual.merger" in card


def test_what_is_saved_tells_nothing_of_the_machine_and_holds_no_pickle(
    write_recipe: Callable, tmp_path: Path, release: Path
) -> None:
    trainer = run(write_recipe(hub_token="hf_secretsecret", save_strategy="steps", save_steps=2, max_steps=2))
    folder = Path(trainer.args.output_dir)
    for name in ("README.md", "training.json"):
        text = (folder / name).read_text()
        assert str(tmp_path) not in text and str(release) not in text and "hf_secret" not in text
    assert not list(folder.glob("*.bin"))
    assert (folder / "training.json").read_text().count('"loss"') == 2


def test_too_many_lost_rows_are_refused_before_the_first_step(
    write_recipe: Callable, release: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(max_length=115)
    with pytest.raises(InputError, match=r"\d+ of 96 rows .* max_lost=0\.01"):
        run(recipe)
    assert not list((tmp_path / "run").glob("checkpoint*"))


def test_a_run_in_which_many_clips_fail_saves_and_ends(write_recipe: Callable, release: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(release / "videos", videos)
    told = {"path": "asid-1m", "name": "single_attribute", "data_dir": str(release), "videos": str(videos)}
    recipe = write_recipe(datasets=[told], max_steps=20, clip_cache_mb=0, plan_workers=1)
    data, training, model = read_recipe(recipe)
    from asid_hf.training import sft

    planned = sft.planned_rows

    def then_break(*arguments: Any) -> Any:
        rows = planned(*arguments)
        for path in sorted(videos.glob("*.mp4"))[:9]:
            path.write_bytes(b"lost" * 50)
        return rows

    sft.planned_rows = then_break
    try:
        with pytest.raises(InputError, match=r"rows failed, over max_lost=0\.01"):
            train(data, training, model)
    finally:
        sft.planned_rows = planned
    failed = [json.loads(line) for line in (tmp_path / "run" / "failed_clips.jsonl").read_text().splitlines()]
    assert {one["reason"] for one in failed} == {"not_media"} and (tmp_path / "run" / "config.json").is_file()


def test_a_stream_is_trained_on_and_needs_a_number_of_steps(write_recipe: Callable) -> None:
    trainer = run(write_recipe(streaming=True, max_steps=2))
    assert len(losses(trainer)) == 2
    with pytest.raises(InputError, match="max_steps"):
        run(write_recipe(streaming=True, max_steps=-1, num_train_epochs=1))


def test_general_rows_are_mixed_in_by_weight(write_recipe: Callable, release: Path, tmp_path: Path) -> None:
    general = tmp_path / "general.jsonl"
    turns = [{"role": "user", "content": "Add two and two."}, {"role": "assistant", "content": "Four."}]
    general.write_text((json.dumps({"messages": turns}) + "\n") * 10)
    clips = {"path": "asid-1m", "name": "all_attributes", "data_dir": str(release), "videos": str(release / "videos")}
    clips["groups"] = ["finevideo"]
    recipe = write_recipe(
        datasets=[{**clips, "weight": 2}, {"path": "json", "data_files": str(general), "weight": 0.5}]
    )
    trainer = run(recipe)
    rows = trainer.train_dataset
    assert len(rows) == 2 * 12 + 5 and sum(video is None for video in rows["video"]) == 5


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes").glob("*/stage*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_recipe_runs_shrunk(
    path: Path, write_recipe: Callable, release: Path, small: Path, tmp_path: Path
) -> None:
    """As it is written, but for the model, the place of the data, the precision, and the number of steps."""
    told = yaml.safe_load(path.read_text())
    place = {"data_dir": str(release), "videos": str(release / "videos"), "held_out": 0.3}
    for entry in (*told["datasets"], *told["eval_datasets"]):
        entry |= place
    told |= {"model_name_or_path": str(small), "output_dir": str(tmp_path / "out"), "dtype": "float32"}
    told |= {"attn_implementation": "sdpa", "bf16": False, "use_cpu": True, "max_steps": 2, "plan_workers": 1}
    told |= {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "dataloader_num_workers": 0}
    told |= {"eval_rows": 1, "sample_captions": 0, "eval_steps": 2, "save_strategy": "no", "min_pixels": 784}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(told))
    trainer = run(recipe)
    assert trainer.state.global_step == 2 and all(loss > 0 for loss in losses(trainer))


def test_runs_are_pushed_with_card_and_code_and_nothing_of_this_machine(
    write_recipe: Callable, tmp_path: Path, release: Path
) -> None:
    """A whole model, and an adapter whose base is a folder: the merged copy is what is of use to others."""
    from hub_server import HubServer

    lines = tmp_path / "lines.jsonl"
    row = {"instruction": "?", "caption": "A pattern.", "attributes": ["scene"]}
    clips = [*sorted((release / "videos").glob("*.mp4")), release / "none.mp4"]
    lines.write_text("".join(json.dumps({**row, "video": str(clip)}) + "\n" for clip in clips))
    more = {"datasets": [{"path": "json", "data_files": str(lines)}], "max_lost": 0.5, "max_steps": 1}
    more |= {"save_strategy": "steps", "save_steps": 1, "report_to": ["tensorboard"], "hub_token": "hf_secret"}
    lora = {"use_peft": True, "lora_r": 4, "merge_adapter": True, "hub_revision": "next"}
    kinds = {"whole": ({}, "main"), "lora": (lora, "next")}
    recipes = [
        str(write_recipe(name, **more, **kind, push_to_hub=True, hub_model_id=f"me/{name}"))
        for name, (kind, _) in kinds.items()
    ]
    for name in (".env", "stage.log", "wandb/debug.log", "wandb/config.json"):
        for kind in kinds:
            path = tmp_path / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"hf_secret {tmp_path}")
    script = "import sys; from asid_hf.training.arguments import read_recipe; from asid_hf.training.sft import train; "
    script += "[train(*read_recipe(path)) for path in sys.argv[1:]]"
    with HubServer() as hub:
        hub.tokens["hf_secret"] = "me"
        environment = {**os.environ, **hub.environment(tmp_path / "home", token="hf_secret"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", script, *recipes]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=250)
        assert done.returncode == 0, done.stderr[-3000:]
        for name, (_, branch) in kinds.items():
            repo = hub.repos["model", f"me/{name}"]
            pushed = {path: _content(blob.content) for path, blob in repo.commits[repo.refs[branch]].items()}
            _check_pushed(pushed, name)
            for secret in ("hf_secret", str(tmp_path), str(release)):
                assert not [path for path, content in pushed.items() if secret.encode() in content], secret
            assert list((tmp_path / name / "runs").rglob("events.out.*"))


def _content(held: bytes | Path) -> bytes:
    return held if isinstance(held, bytes) else held.read_bytes()


def _check_pushed(files: dict[str, bytes], name: str) -> None:
    assert {"README.md", "training.json", "model.safetensors", "processor_config.json"} <= files.keys()
    assert "modeling_asid_captioner.py" in files and "adapter_config.json" not in files
    assert not [path for path in files if path.endswith(".bin") or "events" in path or "checkpoint-" in path]
    assert not files.keys() & {"samples.jsonl", "failed_clips.jsonl", "stage.log", ".env"}
    assert files["README.md"].startswith(b"---") and f"# me/{name}".encode() in files["README.md"]


def test_on_a_processor_the_head_scores_the_positions_with_a_label_and_no_others(
    write_recipe: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl.kernels.chunked_logprob import ChunkedLogProbFunction

    scored: list[int] = []
    apply = ChunkedLogProbFunction.apply

    def counted(hidden: torch.Tensor, *rest: Any) -> Any:
        scored.append(len(hidden))
        return apply(hidden, *rest)

    monkeypatch.setattr(ChunkedLogProbFunction, "apply", counted)
    trainer = run(write_recipe(max_steps=1))
    trainer.model.eval()
    batch = next(iter(trainer.get_train_dataloader()))
    batch.pop("told")
    scored.clear()
    ours = trainer.compute_loss(trainer.model, dict(batch))
    assert ours.item() == pytest.approx(trainer.model(**batch).loss.item(), rel=1e-5)
    labelled = int((batch["labels"][:, 1:] != -100).sum())
    assert scored == [labelled] and 0 < labelled < batch["labels"].numel() / 2
