"""The model card of a trained captioner, rendered from what the run recorded and from nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate.state import AcceleratorState

if TYPE_CHECKING:
    from trl import ModelConfig

    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig
    from asid_hf.training.freezing import PartCount
    from asid_hf.training.plan import Plan

CARD, FACTS = "README.md", "training.json"
PACKAGES = ("asid_hf", "transformers", "trl", "peft", "accelerate", "datasets", "torch")


def write_card(folder: Path, facts: dict[str, Any], log: Sequence[dict]) -> None:
    """Write `README.md` and `training.json` into the folder of a captioner.

    Args:
        folder: of the run.
        facts: see `render_card`.
        log: what the trainer logged.

    Example:
        >>> write_card(Path("out"), facts, trainer.state.log_history)  # doctest: +SKIP
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).write_text(json.dumps({**facts, "log": list(log)}, indent=1, default=str), encoding="utf-8")
    (folder / CARD).write_text(render_card(facts, log), encoding="utf-8")


def render_card(facts: dict[str, Any], log: Sequence[dict]) -> str:
    """Render the card; a fact that is missing is an error, never an empty place.

    Args:
        facts: of `facts_of`.
        log: what the trainer logged.

    Example:
        >>> render_card(facts, [])  # doctest: +SKIP
    """
    from jinja2 import Environment, StrictUndefined

    template = files("asid_hf.model_card").joinpath("captioner.md.jinja").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    losses = {key: entry[key] for entry in log for key in entry if key.startswith("eval_") and key.endswith("_loss")}
    steps = max((entry.get("step", 0) for entry in log), default=0)
    return environment.from_string(template).render(facts=facts, losses=losses, steps=steps)


def facts_of(
    data: CaptionerArguments,
    training: CaptionerSFTConfig,
    model: ModelConfig,
    plan: Plan | None,
    parts: Sequence[PartCount],
) -> dict[str, Any]:
    """What the card tells: nothing of this machine, and no secret.

    Returns:
        `name`, `base_model` (id, or None where it is a folder of somebody's machine), `datasets` [{path, name, hub (id,
        or None), weight}], `arguments` (what the recipe says), `parts` [[part, parameters, trained]], `lora` (rank,
        alpha or None), `plan` (the counts of `plan.Plan`, or None), `processes`, `distributed`, `versions`.

    Args:
        data, training, model: the recipe.
        plan: of the rows; None of a stream.
        parts: what is trained.

    Example:
        >>> facts_of(data, training, model, plan, parts)["base_model"]  # doctest: +SKIP
        'Qwen/Qwen2.5-Omni-3B'
    """
    source, state = model.model_name_or_path, AcceleratorState()
    return {
        "name": training.hub_model_id or Path(training.output_dir).resolve().name,
        "base_model": None if os.path.isdir(source) else source,
        "datasets": [_dataset_facts(entry) for entry in data.datasets],
        "arguments": _without_trainable(_set_by_recipe(training) | _set_by_recipe(data), model.use_peft),
        "parts": [list(part) for part in parts],
        "lora": {"r": model.lora_r, "alpha": model.lora_alpha} if model.use_peft else None,
        "plan": _without_examples(plan) if plan is not None else None,
        "processes": state.num_processes,
        "distributed": state.distributed_type.value,
        "versions": {name: version(name) for name in PACKAGES},
    }


def _without_trainable(arguments: dict[str, Any], lora: bool) -> dict[str, Any]:
    """With LoRA adapters alone are trained, whatever `trainable` says."""
    return {name: value for name, value in arguments.items() if not (lora and name == "trainable")}


def _without_examples(plan: Plan) -> dict[str, Any]:
    """The counts of a plan: its examples name files."""
    return {name: value for name, value in plan.to_dict().items() if name != "examples"}


def _dataset_facts(entry: dict) -> dict[str, Any]:
    path = entry["path"]
    hub = "AudioVisual-Caption/ASID-1M" if path == "asid-1m" and not entry.get("data_dir") else path
    local = os.path.exists(path) or (path == "asid-1m" and entry.get("data_dir"))
    return {
        "path": Path(path).name if os.path.exists(path) else path,
        "name": entry.get("name"),
        "hub": None if local or "/" not in hub else hub,
        "weight": entry.get("weight", 1),
    }


_TOLD = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "num_train_epochs", "max_steps", "max_length", "bf16"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing", "weight_decay", "seed"),
    *("instructions", "instruction_seed", "trainable", "load_audio_from_video", "fps", "min_frames", "max_frames"),
    *("min_pixels", "frame_pixels", "total_pixels"),
)


def _set_by_recipe(arguments: Any) -> dict[str, Any]:
    told = {one.name: getattr(arguments, one.name) for one in fields(arguments) if one.name in _TOLD}
    if told.get("max_steps", -1) > 0:
        del told["num_train_epochs"]  # which it overrules
    return {name: getattr(value, "value", value) for name, value in told.items()}
