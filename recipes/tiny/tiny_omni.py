"""A Qwen2.5-Omni of two million parameters: its tokenizer, its processor, and the checkpoint in the real layout."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from rendering import SIDE
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    Qwen2_5OmniConfig,
    Qwen2_5OmniForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    WhisperFeatureExtractor,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from asid_hf.captioner import AsidCaptionerProcessor

WIDTH = 128
MEDIA = {
    "fps": 2.0,
    "min_frames": 4,
    "max_frames": 24,
    "min_pixels": SIDE * SIDE,  # as it is drawn: nothing is scaled
    "frame_pixels": SIDE * SIDE,
}
SPECIAL = (
    "<|endoftext|> <|im_start|> <|im_end|> <|AUDIO|> <|audio_bos|> <|audio_eos|> <|box_end|> <|quad_start|> "
    "<|quad_end|> <|vision_bos|> <|vision_eos|> <|vision_pad|> <|IMAGE|> <|VIDEO|>"
).split()
"""Of Qwen2.5-Omni, in its order."""

_TOKENS = {
    "image_token": "<|IMAGE|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}
IDS = {
    "audio_token_index": "<|AUDIO|>",
    "image_token_index": "<|IMAGE|>",
    "video_token_index": "<|VIDEO|>",
    "audio_start_token_id": "<|audio_bos|>",
    "audio_end_token_id": "<|audio_eos|>",
    "vision_start_token_id": "<|vision_bos|>",
    "vision_end_token_id": "<|vision_eos|>",
}
CHAT_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}
{%- for part in message['content'] %}
{%- if part['type'] == 'text' %}{{ part['text'] }}
{%- elif part['type'] == 'image' %}<|vision_bos|><|IMAGE|><|vision_eos|>
{%- elif part['type'] == 'video' %}<|vision_bos|><|VIDEO|><|vision_eos|>
{%- elif part['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>
{%- endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""ChatML, as Qwen2.5-Omni has it."""

_ROPE = {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0}  # halves of a head of 32
_TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 3 * WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "rope_parameters": _ROPE,
    "tie_word_embeddings": False,
    "initializer_range": 0.05,  # the real 0.02 suits widths of thousands
}
_VISION = {
    "depth": 3,
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_heads": 4,
    "out_hidden_size": WIDTH,
    "fullatt_block_indexes": [0, 1, 2],  # of pictures of three by three cells every layer sees all
    "window_size": 56,
    "initializer_range": 0.08,
}
_AUDIO = {
    "d_model": WIDTH,
    "encoder_layers": 2,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 2 * WIDTH,
    "output_dim": WIDTH,
    "num_mel_bins": 128,
    "initializer_range": 0.05,
}
_TALKER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "embedding_size": WIDTH,
    "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
}
_CODEC = [f"tts_codec_{kind}_token_id" for kind in ("pad", "start", "end", "mask")]
_TTS = [f"tts_text_{kind}_token_id" for kind in ("pad", "start", "end")]
_VOCODER = {
    "dit_config": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "head_dim": 8,
        "emb_dim": 16,
        "num_embeds": 50,
        "enc_emb_dim": 16,
        "enc_dim": 8,
        "enc_channels": [16, 16, 16, 16, 48],
        "enc_attention_channels": 8,
        "enc_se_channels": 8,
        "look_ahead_layers": [0],
        "look_backward_layers": [1],
    },
    "bigvgan_config": {"upsample_initial_channel": 64},
}


def build_tokenizer(texts: Iterable[str], size: int) -> Qwen2Tokenizer:
    """Train a byte-level BPE of Qwen2's kind.

    Args:
        texts: what it is to write in few tokens.
        size: of the vocabulary with its special tokens, at least 270; smaller where the texts give no more.

    Example:
        >>> build_tokenizer(["a red circle"] * 9, 290)("<|im_start|>a red")["input_ids"][1:]
        [64, 274]
    """
    trained = Tokenizer(models.BPE())
    trained.normalizer, trained.decoder = normalizers.NFC(), decoders.ByteLevel()
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    letters = pre_tokenizers.ByteLevel.alphabet()
    wanted = {"vocab_size": size - len(SPECIAL), "initial_alphabet": letters, "show_progress": False}
    trained.train_from_iterator(texts, trainers.BpeTrainer(**wanted))
    # Its own file tells the merges; what is made of them is a tokenizer of the real one's class.
    parts = json.loads(trained.to_str())["model"]
    vocab = dict(parts["vocab"])
    vocab |= {token: len(parts["vocab"]) + place for place, token in enumerate(SPECIAL)}
    made = Qwen2Tokenizer(
        vocab=vocab,
        merges=[tuple(pair) for pair in parts["merges"]],
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        unk_token=None,
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
        extra_special_tokens=_TOKENS,
    )
    made.add_tokens(SPECIAL, special_tokens=True)
    return made


def build_processor(tokenizer: Qwen2Tokenizer, media: dict = MEDIA) -> AsidCaptionerProcessor:
    """The captioner's processor, by default with a budget in which the world's pictures keep their size.

    Example:
        >>> build_processor(build_tokenizer(["a"], 280)).media["fps"]
        2.0
    """
    return AsidCaptionerProcessor(
        Qwen2VLImageProcessor(),
        Qwen2VLVideoProcessor(cap_pixels_per_frame=True),
        WhisperFeatureExtractor(feature_size=128, sampling_rate=16000),
        tokenizer,
        chat_template=CHAT_TEMPLATE,
        media=media,
    )


def build_omni(tokenizer: Qwen2Tokenizer, seed: int = 0) -> Qwen2_5OmniForConditionalGeneration:
    """A whole Omni of random weights: thinker, talker, vocoder.

    Example:
        >>> omni = build_omni(build_tokenizer(["a"], 280))
        >>> sum(weight.numel() for weight in omni.thinker.parameters()) < 3_000_000
        True
    """
    torch.manual_seed(seed)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in IDS.items()}
    talker = {**_TALKER, **ids, "vocab_size": len(tokenizer) + len(_CODEC)}
    talker |= {name: len(tokenizer) + place for place, name in enumerate(_CODEC)}
    talker |= dict.fromkeys(_TTS, tokenizer.pad_token_id)
    thinker = {
        "text_config": {**_TEXT, "vocab_size": len(tokenizer)},
        "vision_config": _VISION,
        "audio_config": _AUDIO,
        "media": MEDIA,  # of no meaning to plain transformers
        **ids,
    }
    config = Qwen2_5OmniConfig(thinker_config=thinker, talker_config=talker, token2wav_config=_VOCODER)
    return Qwen2_5OmniForConditionalGeneration(config)


def save_omni(model: Any, processor: AsidCaptionerProcessor, folder: Path) -> None:
    """Save a whole Omni as it is published: weights, one voice, processor.

    Example:
        >>> save_omni(omni, processor, Path("tiny/base"))  # doctest: +SKIP
    """
    model.save_pretrained(folder)
    voice = {"bos_token": 1, "cond": torch.zeros(1, 16), "ref_mel": torch.zeros(1, 10, 80)}
    torch.save({"Chelsie": voice}, folder / "spk_dict.pt")
    processor.save_pretrained(folder)
