"""What is trained: by name, counted on models of real size, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from real_sizes import meta_captioner

from asid_hf.errors import InputError
from asid_hf.training.collator import TOLD, OmniCollator
from asid_hf.training.freezing import (
    TRAINABLE,
    PartCount,
    check_frozen,
    count_parts,
    freeze,
    lora_targets,
    table,
)

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*/stage*.yaml"))

# parameters; trained in stages 1 and 2; trained by LoRA of rank 16 in stage 3
COUNTS = {"3b": (4_703_464_448, 3_436_435_712, 29_933_568), "7b": (8_931_813_888, 7_664_782_080, 40_370_176)}


@pytest.mark.parametrize("size", COUNTS)
def test_the_recipes_train_so_many_parameters(size: str, one_thread: None) -> None:
    from peft import LoraConfig, get_peft_model

    model = meta_captioner(size)
    counts = freeze(model, TRAINABLE)
    check_frozen(counts, lora=False)
    every, full, lora = COUNTS[size]
    assert (sum(c.parameters for c in counts), sum(c.trained for c in counts)) == (every, full)
    frozen = {count.part for count in counts if not count.trained}
    assert frozen == {"model.audio_tower", "model.visual"}
    adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=lora_targets(model)))
    counts = count_parts(adapted)
    check_frozen(counts, lora=True)
    assert {count.part: count.trained for count in counts if count.trained} == {"model.language_model": lora}


def test_a_name_that_is_none_is_refused_with_those_that_are(captioner: Any) -> None:
    with pytest.raises(InputError, match=r"visual\.merg'.*model\.visual"):
        freeze(captioner, ["lm_head", "model.visual.merg"])


def test_names_are_whole(captioner: Any) -> None:
    freeze(captioner, ["model.visual.blocks.1"])
    trained = {name for name, weight in captioner.named_parameters() if weight.requires_grad}
    assert trained and all(name.startswith("model.visual.blocks.1.") for name in trained)


def test_lora_lies_in_the_language_model_alone_whatever_is_named(captioner: Any) -> None:
    assert all(name.startswith("model.language_model.layers.") for name in lora_targets(captioner, ["q_proj"]))
    assert len(lora_targets(captioner)) == 7 * len(lora_targets(captioner, ["q_proj"]))
    assert lora_targets(captioner, ["all-linear"]) == lora_targets(captioner) == lora_targets(captioner, "all-linear")
    assert lora_targets(captioner, "q_proj") == lora_targets(captioner, ["q_proj"])  # TRL makes a name of a list of one
    with pytest.raises(InputError, match="no fc1"):
        lora_targets(captioner, ["fc1"])


@pytest.mark.parametrize(
    ("counts", "lora", "message"),
    [
        ([PartCount("lm_head", 5, 0)], False, "Nothing is trained"),
        ([PartCount("model.visual.merger", 5, 1), PartCount("model.language_model", 5, 1)], True, "model.visual"),
        ([PartCount("model.visual", 5, 1)], False, "The encoder model.visual would be trained"),
    ],
)
def test_another_set_than_meant_is_refused(counts: list, lora: bool, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_frozen(counts, lora)


def test_an_encoder_is_trained_only_where_it_is_named(captioner: Any) -> None:
    with pytest.raises(InputError, match=r"The encoder model\.audio_tower would"):
        check_frozen(freeze(captioner, ["model"]), lora=False, named=["model"])
    named = ["model.visual.blocks.1", "lm_head"]
    check_frozen(freeze(captioner, named), lora=False, named=named)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_recipes_train_what_the_paper_trains(path: Path) -> None:
    told = yaml.safe_load(path.read_text())
    if path.stem == "stage3":
        assert told["use_peft"] and (told["lora_r"], told["lora_alpha"]) == (16, 32) and "trainable" not in told
    else:
        assert not told.get("use_peft") and set(told.get("trainable", TRAINABLE)) == set(TRAINABLE)


def test_the_table_adds_up() -> None:
    shown = table([PartCount("lm_head", 1000, 10), PartCount("other", 2000, 0)])
    assert shown.splitlines()[-1].split() == ["all", "3,000", "10"]


@pytest.mark.parametrize("reentrant", [False, True])
def test_frozen_encoders_run_once_a_step_and_the_gradients_are_those_without_checkpointing(
    captioner: Any, processor: Any, training_row: Any, reentrant: bool
) -> None:
    freeze(captioner, TRAINABLE)
    batch = OmniCollator(processor)([training_row("heard"), training_row("seen")])
    batch.pop(TOLD)
    runs = []
    for block in (captioner.model.visual.blocks[0], captioner.model.audio_tower.layers[0]):
        block.register_forward_hook(lambda *_: runs.append(1))

    def gradients() -> dict[str, torch.Tensor]:
        captioner.zero_grad()
        captioner.train()(**batch, use_cache=False).loss.backward()
        return {name: weight.grad.clone() for name, weight in captioner.named_parameters() if weight.grad is not None}

    plain = gradients()
    captioner.gradient_checkpointing_enable({"use_reentrant": reentrant})
    runs.clear()
    again = gradients()
    assert len(runs) == 2
    assert plain.keys() == again.keys() and all(torch.equal(plain[name], again[name]) for name in plain)


def test_an_encoder_that_is_trained_gets_its_gradients_through_checkpointing(
    captioner: Any, processor: Any, training_row: Any
) -> None:
    freeze(captioner, ["model.visual"])
    captioner.gradient_checkpointing_enable({"use_reentrant": True})
    batch = OmniCollator(processor)([training_row("seen")])
    batch.pop(TOLD)
    captioner.train()(**batch, use_cache=False).loss.backward()
    assert all(weight.grad is not None for weight in captioner.model.visual.blocks.parameters())
