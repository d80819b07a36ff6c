"""Writing a whole Qwen2.5-Omni checkpoint: a captioner as its thinker, everything else as its base has it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import snapshot_download, split_torch_state_dict_into_shards
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

try:
    from asid_hf.errors import CheckpointError, InputError, OutputError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import CheckpointError, InputError, OutputError

from .checkpoints import module_name

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, ProcessorMixin

INDEX, SINGLE, CONFIG = "model.safetensors.index.json", "model.safetensors", "config.json"
OTHERS = ("talker.", "token2wav.")
SHARD_SIZE = "5GB"
_WANTED = ("*.json", "*.safetensors", "*.txt", "*.jinja", "spk_dict.pt")
_NO_COPY = (INDEX, CONFIG, "processor_config.json", "adapter_config.json")


def export_omni(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    path: str | os.PathLike,
    base: str | os.PathLike,
    max_shard_size: str = SHARD_SIZE,
    **hub: Any,
) -> None:
    """Write a whole Qwen2.5-Omni checkpoint that vLLM, SGLang, ms-swift and plain transformers open.

    The thinker is the captioner's, under `thinker.`; talker, vocoder and voices are copied from the base, one weight
    at a time; so are its tokenizer and processor files, of which the captioner's take the place.

    Args:
        model: the captioner, without adapters that are not merged.
        processor: its processor.
        path: a new folder, or an empty one. What is written comes to light in it when all is written.
        base: Hub id or folder of the whole Qwen2.5-Omni that it came from.
        max_shard_size: of a file of weights.
        **hub: revision, token, cache_dir, local_files_only, for a base on the Hub.

    Raises:
        InputError: unmerged adapters, quantised weights, a size that is none, or a base that is no whole Omni.
        CheckpointError: the base's thinker has other weights than the captioner, or its files are damaged.
        OutputError: the folder cannot be written, or holds something.

    Example:
        >>> export_omni(model, processor, "omni", base="Qwen/Qwen2.5-Omni-3B")  # doctest: +SKIP
    """
    if getattr(model, "_hf_peft_config_loaded", False):
        raise InputError("The captioner has an adapter that is not merged: load it with merge_adapter=True.")
    if getattr(model, "hf_quantizer", None) is not None:
        raise InputError("The captioner is quantised: load it without quantization_config.")
    base = _folder(base, hub)
    told = _base_config(base)
    weights = dict(_thinker_weights(model))
    shards = _split(weights, max_shard_size)
    try:
        others = {key: base / file for key, file in _weight_files(base).items() if key.startswith(OTHERS)}
        _check_same(weights, base)
    except SafetensorError as error:
        raise CheckpointError(f"Weights of the base {base.name} cannot be read: {error}. Download it again.") from error
    target = _empty(path)
    try:
        with tempfile.TemporaryDirectory(prefix=".export-", dir=target) as folder:
            draft = Path(folder)
            _write_weights(draft, shards, others)
            _write_config(draft, model, told)
            _copy_files(base, draft)
            _write_processor(draft, processor)
            for file in sorted(draft.iterdir(), key=lambda file: file.name == CONFIG):  # without which nothing opens it
                file.rename(target / file.name)
    except (OSError, SafetensorError) as error:
        said = getattr(error, "strerror", None) or error
        raise OutputError(f"{target} cannot be written: {said}.") from error


def _folder(base: str | os.PathLike, hub: dict) -> Path:
    if os.path.isdir(base):
        return Path(base)
    try:
        return Path(snapshot_download(str(base), allow_patterns=list(_WANTED), **hub))
    except (OSError, ValueError) as error:  # no such repository, no such name, no way to the Hub
        raise CheckpointError(f"The base {base} cannot be had: {' '.join(str(error).split())[:300]}") from error


def _split(weights: dict[str, torch.Tensor], max_shard_size: str) -> list[dict[str, torch.Tensor]]:
    try:
        split = split_torch_state_dict_into_shards(weights, max_shard_size=max_shard_size)
    except ValueError as error:
        raise InputError(f"max_shard_size={max_shard_size!r}. Give a size as 5GB or 500MB.") from error
    return [{name: weights[name] for name in names} for names in split.filename_to_tensors.values()]


def _base_config(base: Path) -> dict:
    file = base / CONFIG
    told = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    if told.get("model_type") != "qwen2_5_omni":
        kind = told.get("model_type", "no model")
        raise InputError(f"The base {base.name} is {kind}. Give a whole Qwen2.5-Omni, as Qwen/Qwen2.5-Omni-7B.")
    return told


def _empty(path: str | os.PathLike) -> Path:
    target = Path(path)
    try:
        target.mkdir(parents=True, exist_ok=True)
        held = any(target.iterdir())
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}.") from error
    if held:
        raise OutputError(f"{target} is not empty. Name a new folder, or empty it.")
    return target


def _weight_files(base: Path) -> dict[str, str]:
    """Weight -> file of a checkpoint in safetensors.

    Raises:
        InputError: it has none.
    """
    if (base / INDEX).is_file():
        return json.loads((base / INDEX).read_text("utf-8"))["weight_map"]
    if (base / SINGLE).is_file():
        with safe_open(base / SINGLE, "pt") as file:
            return dict.fromkeys(file.keys(), SINGLE)
    raise InputError(f"The base {base.name} has no weights in safetensors ({SINGLE}, or {INDEX} and its files).")


def _thinker_weights(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """The captioner's weights by the names that a whole Omni on the Hub has for them."""
    for name, weight in model.state_dict().items():
        yield omni_name(name), weight


def omni_name(name: str) -> str:
    """The name in a whole Omni's files of a weight of the captioner; `checkpoints.module_name` backwards.

    Example:
        >>> omni_name("model.language_model.layers.0.mlp.up_proj.weight")
        'thinker.model.layers.0.mlp.up_proj.weight'
        >>> omni_name("model.visual.merger.ln_q.weight"), omni_name("lm_head.weight")
        ('thinker.visual.merger.ln_q.weight', 'thinker.lm_head.weight')
    """
    for ours, theirs in (("model.language_model.", "model."), ("model.audio_tower.", "audio_tower.")):
        if name.startswith(ours):
            return f"thinker.{theirs}{name.removeprefix(ours)}"
    return f"thinker.{name.removeprefix('model.')}" if name.startswith("model.visual.") else f"thinker.{name}"


def _check_same(weights: dict, base: Path) -> None:
    """Refuse a base of another size or make: its talker would not fit."""
    ours = {name: list(weight.shape) for name, weight in weights.items()}
    theirs: dict[str, list[int]] = {}
    files = _weight_files(base)
    for file in sorted(set(files.values())):
        with safe_open(base / file, "pt") as opened:
            keys = [key for key in opened.keys() if key.startswith("thinker.")]
            theirs |= {omni_name(module_name(key)): opened.get_slice(key).get_shape() for key in keys}
    if "thinker.lm_head.weight" not in theirs:  # a base whose head is its word embeddings
        ours.pop("thinker.lm_head.weight", None)
    if differing := sorted(name for name in ours.keys() | theirs if ours.get(name) != theirs.get(name)):
        shown = f"{differing[0]} is {theirs.get(differing[0])} there and {ours.get(differing[0])} here"
        raise CheckpointError(f"The base {base.name} has another thinker than the captioner: {shown}.")


def _write_weights(target: Path, shards: list[dict], others: dict[str, Path]) -> None:
    """Write ours in shards, then the base's own shards without its thinker; nothing is held in memory but one shard."""
    by_file: dict[Path, list[str]] = {}
    for name, file in others.items():
        by_file.setdefault(file, []).append(name)
    count = len(shards) + len(by_file)
    index: dict[str, str] = {}
    size = 0

    def write(number: int, tensors: dict) -> None:
        nonlocal size
        file = f"model-{number:05d}-of-{count:05d}.safetensors"
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(tensors, target / file, metadata={"format": "pt"})
        index.update(dict.fromkeys(tensors, file))
        size += sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())

    for number, shard in enumerate(shards, 1):
        write(number, shard)
    for number, (file, names) in enumerate(by_file.items(), len(shards) + 1):
        with safe_open(file, "pt") as opened:
            write(number, {name: opened.get_tensor(name) for name in names})
    told = {"metadata": {"total_size": size}, "weight_map": dict(sorted(index.items()))}
    (target / INDEX).write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def _write_config(target: Path, model: PreTrainedModel, told: dict) -> None:
    """The base's configuration, its thinker's as it is: only the type that weights have may be another now."""
    dtype = str(model.dtype).removeprefix("torch.")
    for part in (told, told["thinker_config"]):
        for key in {"dtype", "torch_dtype"} & part.keys():
            part[key] = dtype
    (target / CONFIG).write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def _copy_files(base: Path, target: Path) -> None:
    for file in base.iterdir():
        small = file.suffix in (".json", ".txt", ".jinja") and file.name not in _NO_COPY
        if file.is_file() and (small or file.name == "spk_dict.pt"):
            shutil.copyfile(file, target / file.name)


def _write_processor(target: Path, processor: ProcessorMixin) -> None:
    """The captioner's processor under the name of its parent, which needs none of our code."""
    from transformers import Qwen2_5OmniProcessor

    plain = Qwen2_5OmniProcessor(
        processor.image_processor,
        processor.video_processor,
        processor.feature_extractor,
        processor.tokenizer,
        chat_template=processor.chat_template,
    )
    plain.save_pretrained(target)
