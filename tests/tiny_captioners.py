"""Tiny Qwen2.5-Omnis of random weights, saved whole: thinker, talker, vocoder, voices, processor."""

from __future__ import annotations

from pathlib import Path

from qwen_vocabulary import ROWS, qwen_tokenizer

ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
TEXT = {
    "vocab_size": ROWS,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32768,
    "rope_parameters": ROPE,
    "tie_word_embeddings": False,
}
VISION = {
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_heads": 2,
    "out_hidden_size": 32,
    "fullatt_block_indexes": [1],
    "window_size": 56,
}
AUDIO = {
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "output_dim": 32,
    "num_mel_bins": 128,
}
IDS = {
    "audio_token_index": 151646,
    "image_token_index": 151655,
    "video_token_index": 151656,
    "audio_start_token_id": 151647,
    "audio_end_token_id": 151648,
    "vision_start_token_id": 151652,
    "vision_end_token_id": 151653,
}
TALKER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "embedding_size": 32,
    "vocab_size": 100,
    "rope_parameters": ROPE,
}
VOCODER = {
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


def thinker_config(**text: object) -> dict:
    """Of a tiny thinker, as keyword arguments; `text` changes its language model."""
    return {"text_config": {**TEXT, **text}, "vision_config": VISION, "audio_config": AUDIO, **IDS}


def omni_processor(cache: Path) -> object:
    """The processor of Qwen2.5-Omni with its real vocabulary, converted once into `cache`."""
    from transformers import (
        Qwen2_5OmniProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
        WhisperFeatureExtractor,
    )

    tokens = qwen_tokenizer(cache)
    return Qwen2_5OmniProcessor(
        Qwen2VLImageProcessor(),
        Qwen2VLVideoProcessor(cap_pixels_per_frame=True),
        WhisperFeatureExtractor(feature_size=128, chunk_length=300, sampling_rate=16000),
        tokens,
        chat_template=tokens.chat_template,
    )


def build_whole_omni(folder: Path, cache: Path, seed: int = 0, **text: object) -> Path:
    """Save a whole tiny Omni in several files, and its processor."""
    import torch
    from transformers import Qwen2_5OmniConfig, Qwen2_5OmniForConditionalGeneration

    torch.manual_seed(seed)
    config = Qwen2_5OmniConfig(thinker_config=thinker_config(**text), talker_config=TALKER, token2wav_config=VOCODER)
    model = Qwen2_5OmniForConditionalGeneration(config)
    with torch.no_grad():  # whatever is all ones or zeros at the start would not show a lost weight
        for weight in model.thinker.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    model.save_pretrained(folder, max_shard_size="15MB")
    voice = {"bos_token": 1, "cond": torch.zeros(1, 16), "ref_mel": torch.zeros(1, 10, 80)}
    torch.save({"Chelsie": voice}, folder / "spk_dict.pt")
    omni_processor(cache).save_pretrained(folder)
    return folder
