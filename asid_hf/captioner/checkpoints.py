"""Checkpoints: whether all of their weights came in, and LoRA adapters over them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from transformers.utils import PROCESSOR_NAME, cached_file, is_peft_available
from transformers.utils.peft_utils import find_adapter_config_file

try:
    from asid_hf.errors import CheckpointError, InputError, MissingExtraError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import CheckpointError, InputError, MissingExtraError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SHOWN = 5  # names in a message
ADAPTER = "adapter_model.safetensors"
_LORA = re.compile(r"^(.+?)\.(lora_(?:A|B|embedding_A|embedding_B|magnitude_vector))(\..*)?$")


def check_loaded(told: dict, name: str, may_mismatch: bool = False) -> None:
    """Refuse a checkpoint of which not every weight came in, or which had others.

    Args:
        told: the loading info of transformers.
        name: of the checkpoint, for the message.
        may_mismatch: whether the caller allowed weights of another size (`ignore_mismatched_sizes`).

    Raises:
        CheckpointError: naming them; a model that misses weights has random ones.

    Example:
        >>> check_loaded({"missing_keys": ["lm_head.weight"], "unexpected_keys": []}, "a-model")
        Traceback (most recent call last):
        ...
        asid_hf.errors.CheckpointError: a-model: 1 weights missing: lm_head.weight. It is no whole Qwen2.5-Omni, ...
    """
    wrong = [_named(f"weights {kind}", told.get(f"{kind}_keys") or ()) for kind in ("missing", "unexpected")]
    if not may_mismatch:
        wrong.append(_named("weights of another size", [key[0] for key in told.get("mismatched_keys") or ()]))
    wrong = [text for text in wrong if text]
    if wrong:
        kinds = "no whole Qwen2.5-Omni, thinker or ASID-Captioner, or was saved by another version of it"
        raise CheckpointError(f"{name}: {'; '.join(wrong)}. It is {kinds}: check where it comes from.")


def _named(what: str, names: Any) -> str:
    names = sorted(map(str, names))
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{len(names)} {what}: {shown}" if names else ""


def module_name(name: str) -> str:
    """A module's or weight's name in this model, from the one it has in a whole Omni, a thinker, or here.

    Example:
        >>> module_name("thinker.model.layers.0.self_attn.q_proj")
        'model.language_model.layers.0.self_attn.q_proj'
        >>> module_name("audio_tower.proj"), module_name("model.visual.merger")
        ('model.audio_tower.proj', 'model.visual.merger')
    """
    name = name.removeprefix("thinker.")
    if name.startswith(("audio_tower.", "visual.")):
        return f"model.{name}"
    return re.sub(r"^model\.(?!language_model\.|visual\.|audio_tower\.)", "model.language_model.", name)


def adapter_base(name: str | os.PathLike | None, base: str | os.PathLike | None = None, **hub: Any) -> str | None:
    """What a LoRA adapter lies over: `base`, or what it says itself; None where `name` is no adapter.

    Raises:
        CheckpointError: an adapter that does not say.
        MissingExtraError: it is one, and peft is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     adapter_base(folder) is None
        True
    """
    if name is None or find_adapter_config_file(str(name), **hub) is None:
        return None
    if base is not None:
        return str(base)
    _need_peft()
    from peft import PeftConfig

    base = PeftConfig.from_pretrained(str(name), **hub).base_model_name_or_path
    if not base:
        raise CheckpointError(f"The adapter {name} does not say over which model it was trained. Give it as `base`.")
    return base


def load_adapter(
    model: PreTrainedModel, name: str | os.PathLike, base: str, merge: bool, **hub: Any
) -> PreTrainedModel:
    """Put a LoRA adapter over a captioner, whichever of the layouts it was trained over.

    Args:
        model: the captioner.
        name: Hub id or folder of the adapter.
        base: what the captioner was loaded from, for when the adapter is saved again.
        merge: add it to the weights; else it stays apart, frozen, for use.
        **hub: revision, token, cache_dir, local_files_only.

    Returns:
        The captioner.

    Raises:
        CheckpointError: it has more than LoRA weights, or some that this model has no place for.

    Example:
        >>> load_adapter(model, "my-adapter", "ASID-Captioner-3B", merge=True)  # doctest: +SKIP
    """
    _need_peft()
    from peft import PeftConfig, PeftModel, inject_adapter_in_model
    from peft.utils import load_peft_weights

    config = PeftConfig.from_pretrained(str(name), **hub)
    weights = {}
    for key, weight in load_peft_weights(str(name), device="cpu", **hub).items():
        weights[module_name(key.removeprefix("base_model.model."))] = weight
    config.target_modules = _targets(weights, model, str(name))
    config.base_model_name_or_path = base
    for pattern in ("rank_pattern", "alpha_pattern"):
        named = getattr(config, pattern, None) or {}
        setattr(config, pattern, {module_name(key): value for key, value in named.items()})
    if merge:
        whole = PeftModel(model, config)
        _set_weights(whole, {f"base_model.model.{key}": weight for key, weight in weights.items()}, str(name))
        return whole.merge_and_unload()
    # Not `model.add_adapter`: transformers 5.24 asks for a peft that is not out.
    inject_adapter_in_model(config, model)
    model.peft_config, model._hf_peft_config_loaded = {"default": config}, True
    _set_weights(model, weights, str(name))
    model.requires_grad_(False)
    return model.eval()


def save_adapter(model: PreTrainedModel, folder: str | os.PathLike, state_dict: dict | None = None) -> None:
    """Save the adapter that lies over a captioner, as peft lays one out.

    `state_dict`: the weights to save, where they are not all in this process; by default the model's own.

    Not by way of transformers: 5.24 asks for a peft that is not out.

    Raises:
        InputError: there are several.

    Example:
        >>> save_adapter(model, "my-adapter")  # doctest: +SKIP
    """
    from peft import get_peft_model_state_dict

    if len(model.peft_config) > 1:
        raise InputError(f"The captioner has adapters {', '.join(model.peft_config)}. Save them by peft.")
    os.makedirs(folder, exist_ok=True)
    ((name, config),) = model.peft_config.items()
    weights = get_peft_model_state_dict(model, state_dict, adapter_name=name)
    kept = {f"base_model.model.{key}": weight.detach().cpu().contiguous() for key, weight in weights.items()}
    save_file(kept, Path(folder, ADAPTER), metadata={"format": "pt"})
    config.save_pretrained(folder)


def has_processor(name: str | os.PathLike, **hub: Any) -> bool:
    """Whether a processor lies with a checkpoint, in the file of today's transformers or of those before 5.

    Example:
        >>> has_processor(os.curdir)
        False
    """
    names = (PROCESSOR_NAME, "preprocessor_config.json")
    return any(cached_file(name, file, _raise_exceptions_for_missing_entries=False, **hub) for file in names)


def _targets(weights: dict, model: PreTrainedModel, name: str) -> list[str]:
    """The modules that the weights are of, by their whole names: a pattern meant for another layout would miss them."""
    modules = {module for module, _ in model.named_modules()}
    targets, foreign = set(), []
    for key in weights:
        match = _LORA.match(key)
        if match and match[1] in modules:
            targets.add(match[1])
        else:
            foreign.append(key)
    if foreign or not targets:
        raise CheckpointError(
            f"The adapter {name} has weights that are no LoRA of this model: {_named('in all', foreign)}. Merge it "
            "where it was trained, and give the merged checkpoint."
        )
    return sorted(targets)


def _set_weights(model: Any, weights: dict, name: str) -> None:
    from peft import set_peft_model_state_dict

    told = set_peft_model_state_dict(model, weights)
    missing = [key for key in told.missing_keys if "lora_" in key]
    check_loaded({"missing_keys": missing, "unexpected_keys": told.unexpected_keys}, f"The adapter {name}")


def _need_peft() -> None:
    if not is_peft_available():
        raise MissingExtraError("a LoRA adapter", "captioner")
