"""What the arguments of a run may be: values that are refused, and why."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from trl import ModelConfig

from asid_hf.errors import InputError

ENTRY = {"path": str, "name": str, "split": str, "weight": float, "limit": int}
"""Keys of a dataset with a meaning of their own; all others are arguments of `load_dataset`."""

UNUSED = {
    "assistant_only_loss": "what the assistant says is learned, in any case",
    "chat_template_path": "the template is the processor's",
    "completion_only_loss": "what the assistant says is learned, in any case",
    "dataset_num_proc": "rows are looked at by plan_workers",
    "dataset_text_field": "rows have turns, see asid_hf.training.formatting",
    "eos_token": "the tokens are the processor's",
    "model_init_kwargs": "name dtype, attn_implementation and model_revision themselves",
    "pad_to_multiple_of": "batches are padded to their longest row",
    "pad_token": "the tokens are the processor's",
    "truncation_mode": "no text is cut",
}
UNUSED_OF_MODEL = {
    "load_in_4bit": "weights are not quantised",
    "load_in_8bit": "weights are not quantised",
    "lora_modules_to_save": "LoRA alone is trained",
    "lora_target_parameters": "LoRA lies in linear layers; name lora_target_modules",
}
"""Options of TRL that do nothing here, and why."""

DTYPES = ("auto", "bfloat16", "float16", "float32")

LEAST = {
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "dataloader_num_workers": 0,
    "seed": 0,
}


def check_model(model: ModelConfig) -> None:
    """Refuse what cannot be computed with, and options of TRL that would change nothing.

    Raises:
        InputError: it names the option.

    Example:
        >>> check_model(ModelConfig("a-model", dtype="float33"))
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: dtype=float33. Allowed: auto, bfloat16, float16, float32.
    """
    _refuse_unused(model, UNUSED_OF_MODEL)
    if model.lora_r < 1 or not 0 <= model.lora_dropout < 1:
        raise InputError(f"lora_r={model.lora_r}, lora_dropout={model.lora_dropout}: 1 or more; from 0 to below 1.")
    if model.dtype not in (None, *DTYPES):
        raise InputError(f"dtype={model.dtype}. Allowed: {', '.join(DTYPES)}.")


def check_training(training: Any) -> None:
    """Refuse options of TRL that would change nothing, and numbers that are too small.

    Raises:
        InputError: it names the option.

    Example:
        >>> check_training(CaptionerSFTConfig("out"))  # doctest: +SKIP
    """
    _refuse_unused(training, UNUSED)
    for name, least in LEAST.items():
        if (value := getattr(training, name)) is None or value < least:
            raise InputError(f"{name}={value}. It has to be {least} or more.")


def _refuse_unused(arguments: Any, unused: dict[str, str]) -> None:
    defaults = {one.name: one.default for one in fields(arguments)}
    for name, why in unused.items():
        value = getattr(arguments, name)
        filled_in = str(value).startswith("<") and str(value).endswith("_TOKEN>")  # by TRL itself
        if value not in (defaults[name], None, []) and not filled_in:
            raise InputError(f"{name}={value!r} would change nothing: {why}. Leave it out.")


def check_entry(name: str, entry: Any, streaming: bool = False) -> None:
    """Refuse an entry of `datasets` or `eval_datasets` that describes none; `streaming`: whether the run streams it.

    Raises:
        InputError: it says what is wrong.

    Example:
        >>> check_entry("datasets", {"path": "asid-1m", "weight": 0.5})
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        raise InputError(f"{name}: {entry!r} is no dataset: give a mapping with `path` and arguments of load_dataset.")
    for key, kind in ENTRY.items():
        value = entry.get(key)
        if value is not None and not isinstance(value, (int, float) if kind is float else kind):
            raise InputError(f"{name}: {key}={value!r} of {entry['path']} is to be of type {kind.__name__}.")
    if "streaming" in entry and bool(entry["streaming"]) != streaming:
        raise InputError(
            f"{name}: streaming of {entry['path']}: all datasets are streamed, or none. Set it for the run."
        )
    if name == "eval_datasets" and "weight" in entry:
        raise InputError(f"{name}: weight of {entry['path']}: held-out rows come once. Leave it out; see eval_rows.")
    for key in ("weight", "limit"):
        if entry.get(key) is not None and not 0 < entry[key] < float("inf"):
            raise InputError(f"{name}: {key}={entry[key]} of {entry['path']} has to be a number over 0.")
