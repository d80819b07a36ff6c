"""The sizes of Qwen2.5-Omni 3B and 7B, for models on the meta device: no weight is made."""

from __future__ import annotations

from typing import Any

VISION = {
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "depth": 32,
    "num_heads": 16,
    "fullatt_block_indexes": [7, 15, 23, 31],
}
AUDIO = {
    "d_model": 1280,
    "encoder_layers": 32,
    "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "num_mel_bins": 128,
}
ROPE = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}
TEXT = {
    "3b": {
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_hidden_layers": 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "vocab_size": 151_936,
    },
    "7b": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152_064,
    },
}


def real_config(size: str) -> Any:
    """The configuration of a captioner of real size."""
    from asid_hf.captioner import AsidCaptionerConfig

    text = TEXT[size]
    return AsidCaptionerConfig(
        text_config={**text, "rope_parameters": ROPE, "tie_word_embeddings": False},
        vision_config={**VISION, "out_hidden_size": text["hidden_size"]},
        audio_config={**AUDIO, "output_dim": text["hidden_size"]},
    )


def meta_captioner(size: str) -> Any:
    """A captioner of real size without weights."""
    import torch

    from asid_hf.captioner import AsidCaptionerForConditionalGeneration

    with torch.device("meta"):
        return AsidCaptionerForConditionalGeneration(real_config(size))
