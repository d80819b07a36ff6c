"""Tiny chat models built from configurations, with their own small vocabularies, saved as the real ones are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_captioners import AUDIO, ROPE, VISION

WORDS = (
    "[unk] <|endoftext|> <|im_start|> <|im_end|> <|vision_bos|> <|vision_eos|> <|audio_bos|> <|audio_eos|> <|IMAGE|> "
    "<|VIDEO|> <|AUDIO|> system user assistant you describe the clip a man red car drives past and dog runs is seen in "
    "picture at scene sound no music"
).split()
SPECIAL = [word for word in WORDS if word.startswith("<|")]
TEXT_TEMPLATE = """\
{%- for message in messages %}<|im_start|>{{ message['role'] }} {{ message['content'] }} <|im_end|>
{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant {% endif %}"""
CLIP_TEMPLATE = """\
{%- for message in messages %}<|im_start|>{{ message['role'] }} {% for part in message['content'] -%}
{%- if part['type'] == 'text' %}{{ part['text'] }} {% elif part['type'] == 'image' -%}
<|vision_bos|><|IMAGE|><|vision_eos|> {% elif part['type'] == 'video' -%}
<|vision_bos|><|VIDEO|><|vision_eos|> {% elif part['type'] == 'audio' -%}
<|audio_bos|><|AUDIO|><|audio_eos|> {% endif %}{% endfor %}<|im_end|>
{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant {% endif %}"""
TEXT_SIZES = {
    "vocab_size": len(WORDS),
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "bos_token_id": None,
    "eos_token_id": WORDS.index("<|im_end|>"),
    "pad_token_id": WORDS.index("<|endoftext|>"),
    "tie_word_embeddings": False,
}


def skip_without_torch(*packages: str) -> None:
    for package in ("torch", "transformers", *packages):
        pytest.importorskip(package, reason="the packages of in-process models are not installed")


def tokenizer(template: str, **special: str) -> object:
    """A tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[unk]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[unk]",
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        chat_template=template,
        extra_special_tokens=special or None,
    )


def build_text_model(folder: Path, seed: int = 0, template: str = TEXT_TEMPLATE, **sizes: object) -> Path:
    """Save an OLMo 2 of random weights: it says words of its vocabulary, the same ones for the same words."""
    import torch
    from transformers import Olmo2Config, Olmo2ForCausalLM

    torch.manual_seed(seed)
    model = Olmo2ForCausalLM(Olmo2Config(**{**TEXT_SIZES, **sizes}))
    model.generation_config.do_sample = True  # as chat models come: a caller who wants none has to say so
    model.generation_config.temperature = 1.5
    model.generation_config.top_k = 50
    model.save_pretrained(folder)
    tokenizer(template).save_pretrained(folder)
    return folder


def build_omni(folder: Path) -> Path:
    """Save the thinker of a Qwen2.5-Omni of random weights, and its processor."""
    import torch
    from transformers import (
        Qwen2_5OmniProcessor,
        Qwen2_5OmniThinkerConfig,
        Qwen2_5OmniThinkerForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
        WhisperFeatureExtractor,
    )

    torch.manual_seed(0)
    places = {
        name: WORDS.index(word)
        for name, word in {
            "audio_token_index": "<|AUDIO|>",
            "image_token_index": "<|IMAGE|>",
            "video_token_index": "<|VIDEO|>",
            "audio_start_token_id": "<|audio_bos|>",
            "audio_end_token_id": "<|audio_eos|>",
            "vision_start_token_id": "<|vision_bos|>",
            "vision_end_token_id": "<|vision_eos|>",
        }.items()
    }
    config = Qwen2_5OmniThinkerConfig(
        text_config={**TEXT_SIZES, "rope_parameters": ROPE},
        vision_config=VISION,
        audio_config={**AUDIO, "num_mel_bins": 80},
        **places,
    )
    model = Qwen2_5OmniThinkerForConditionalGeneration(config)
    model.generation_config.eos_token_id = TEXT_SIZES["eos_token_id"]
    model.generation_config.pad_token_id = TEXT_SIZES["pad_token_id"]
    model.save_pretrained(folder)
    tokens = tokenizer(
        CLIP_TEMPLATE,
        image_token="<|IMAGE|>",
        audio_token="<|AUDIO|>",
        video_token="<|VIDEO|>",
        vision_bos_token="<|vision_bos|>",
        vision_eos_token="<|vision_eos|>",
        audio_bos_token="<|audio_bos|>",
        audio_eos_token="<|audio_eos|>",
    )
    size = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    Qwen2_5OmniProcessor(
        Qwen2VLImageProcessor(size=size),
        Qwen2VLVideoProcessor(size=size, cap_pixels_per_frame=True),
        WhisperFeatureExtractor(feature_size=80, chunk_length=10, sampling_rate=16000),
        tokens,
        chat_template=CLIP_TEMPLATE,
    ).save_pretrained(folder)
    return folder
