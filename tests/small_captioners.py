"""Small captioners of random weights over a small vocabulary, in which a step of training takes a fraction of a second.

The real vocabulary has 152,000 entries, whose logits would take most of the time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_captioners import AUDIO, TEXT, VISION

MEDIA_BUDGET = {"min_pixels": 784, "frame_pixels": 56 * 84, "max_frames": 8}
ROWS = 700


def small_tokenizer() -> Any:
    """A byte-level BPE of the words that captioners are asked with, with the special tokens of Qwen2.5-Omni."""
    from tiny_omni import build_tokenizer

    from asid_hf import instructions

    words = [instructions.SYSTEM_PROMPT, *instructions.ALL, *instructions.SINGLE, *instructions.SEVERAL]
    return build_tokenizer(words, 614)


def small_processor() -> Any:
    """The processor of a small captioner."""
    from tiny_omni import build_processor

    return build_processor(small_tokenizer(), MEDIA_BUDGET)


def build_small_captioner(folder: Path, seed: int = 0, **text: Any) -> Path:
    """Save a small captioner and its processor; `text` changes its language model."""
    import torch
    from tiny_omni import IDS

    from asid_hf.captioner import AsidCaptionerConfig, AsidCaptionerForConditionalGeneration

    processor = small_processor()
    ids = processor.tokenizer.convert_tokens_to_ids
    ends = {"pad_token_id": ids("<|endoftext|>"), "eos_token_id": ids("<|im_end|>"), "bos_token_id": None}
    config = AsidCaptionerConfig(
        text_config={**TEXT, "vocab_size": ROWS, **ends, **text},
        vision_config=VISION,
        audio_config=AUDIO,
        media=MEDIA_BUDGET,
        **{name: ids(token) for name, token in IDS.items()},
    )
    torch.manual_seed(seed)
    model = AsidCaptionerForConditionalGeneration(config)
    with torch.no_grad():  # so that pictures and sounds weigh as much as words
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = (
        ends["eos_token_id"],
        ends["pad_token_id"],
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def recipe_at(folder: Path, model: Path, name: str = "run", **more: Any) -> Path:
    """Write a recipe that trains a small captioner for a few steps; the path of its YAML."""
    import yaml

    told = {
        "model_name_or_path": str(model),
        "output_dir": str(folder / name),
        "max_length": 512,
        "min_pixels": 784,
        "frame_pixels": 56 * 84,
        "max_frames": 4,
        "max_steps": 4,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_num_workers": 0,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        **more,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(told))
    return path
