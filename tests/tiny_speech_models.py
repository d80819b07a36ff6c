"""Tiny speech models built from configurations, saved as the real ones are: they say what they are told to say.

Their weights are made, not learnt: the decoder's answer at each position is written into its position embeddings, and
what its layers add is zero. So decoding, timestamps, languages and confidences run for real on known answers.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LANGUAGES = ("en", "es", "de")
WIDTH, PEAK = 64, 3.0  # of the embeddings: size, and length of each


def skip_without_torch() -> None:
    for package in ("torch", "torchaudio", "transformers"):
        pytest.importorskip(package, reason="the extra asr is not installed")


def byte_letters() -> list[str]:
    """The 256 letters that stand for bytes in byte-level vocabularies, in the order of the bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in kept else chr(next(others)) for byte in range(256)]


def whisper_vocabulary() -> dict[str, int]:
    tokens = [*byte_letters(), "<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES)]
    tokens += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    tokens += ["<|notimestamps|>", *(f"<|{step * 0.02:.2f}|>" for step in range(1501))]
    return {token: id for id, token in enumerate(tokens)}


def build_whisper(
    folder: Path,
    says: str | None,
    language: dict[str, float] | None = None,
    silence: float = 0.0,
    sure: float = 1.0,
    multilingual: bool = True,
) -> Path:
    """Save a Whisper that says `says`, with timestamps as in "<|0.00|> Hello.<|1.00|>", whatever it hears.

    `says` None leaves the weights random. `language`: how strongly each is told; `silence`: how strongly that nobody
    speaks; `sure`: what its logits are multiplied by.
    """
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    torch.manual_seed(0)
    vocabulary = whisper_vocabulary()
    specials = [token for token in vocabulary if token.startswith("<|") and not token[2].isdigit()]
    tokenizer = WhisperTokenizer(
        vocab={token: id for token, id in vocabulary.items() if id <= vocabulary["<|endoftext|>"]}, merges=[]
    )
    tokenizer.add_special_tokens({"additional_special_tokens": specials[1:]})
    tokenizer.add_tokens([token for token in vocabulary if token.startswith("<|") and token[2].isdigit()])
    assert tokenizer.convert_tokens_to_ids("<|30.00|>") == vocabulary["<|30.00|>"]
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(vocabulary),
            num_mel_bins=8,
            d_model=WIDTH,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            max_target_positions=200,
            decoder_start_token_id=vocabulary["<|startoftranscript|>"],
            bos_token_id=vocabulary["<|endoftext|>"],
            eos_token_id=vocabulary["<|endoftext|>"],
            pad_token_id=vocabulary["<|endoftext|>"],
            init_std=0.5,
        )
    )
    if says is not None:
        first = {vocabulary[f"<|{code}|>"]: weight for code, weight in (language or {"en": 1.0}).items()}
        first[vocabulary["<|nospeech|>"]] = silence
        _teach(model, [vocabulary[token] for token in _tokens(says)], 3 if multilingual else 1, first, sure)
    settings = {
        "decoder_start_token_id": vocabulary["<|startoftranscript|>"],
        "eos_token_id": vocabulary["<|endoftext|>"],
        "pad_token_id": vocabulary["<|endoftext|>"],
        "no_timestamps_token_id": vocabulary["<|notimestamps|>"],
        "max_initial_timestamp_index": 50,
        "is_multilingual": multilingual,
    }
    if multilingual:
        settings["lang_to_id"] = {f"<|{code}|>": vocabulary[f"<|{code}|>"] for code in LANGUAGES}
        settings["task_to_id"] = {task: vocabulary[f"<|{task}|>"] for task in ("translate", "transcribe")}
    model.generation_config = GenerationConfig(**settings)
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=8), tokenizer).save_pretrained(folder)
    return folder


def _tokens(says: str) -> list[str]:
    letters = byte_letters()
    tokens, rest = [], says
    while rest:
        if rest.startswith("<|"):
            token, rest = rest[: rest.index("|>") + 2], rest[rest.index("|>") + 2 :]
            tokens.append(token)
        else:
            text, mark, rest = rest.partition("<|")
            tokens += [letters[byte] for byte in text.encode()]
            rest = mark + rest
    return [*tokens, "<|endoftext|>"]


def _teach(model: object, answers: list[int], prefix: int, first: dict[int, float], sure: float) -> None:
    """Make the decoder's answers, from behind the prefix on, `answers`, and `first` the weights of its first one."""
    import torch

    decoder = model.model.decoder
    with torch.no_grad():
        table = torch.nn.functional.normalize(torch.randn(model.config.vocab_size, WIDTH), dim=-1) * PEAK
        table[:, : len(first)] = 0  # the tokens of the first answer have axes of their own, and do not disturb others
        for axis, token in enumerate(first):
            table[token] = PEAK * torch.eye(WIDTH)[axis]
        for layer in decoder.layers:
            for part in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
                part.weight.zero_()
                part.bias.zero_()
        decoder.embed_tokens.weight.copy_(table)
        model.proj_out.weight.copy_(table)
        decoder.layer_norm.weight.fill_(sure)
        decoder.embed_positions.weight.zero_()
        for position, answer in enumerate(answers, start=prefix - 1):
            decoder.embed_positions.weight[position] = 8 * table[answer]
        for token, weight in first.items():
            decoder.embed_positions.weight[0] += 8 * weight * table[token]


CTC_LETTERS = ("<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ")


def build_ctc(folder: Path, even: bool = False) -> Path:
    """Save a Wav2Vec2ForCTC with the vocabulary of the English ones, 20 ms a frame.

    Its weights are random; where it is `even`, it finds some ten letters and the blank equally likely all the time.
    """
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(CTC_LETTERS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
    )
    folder.mkdir(parents=True, exist_ok=True)
    words = folder / "vocab.json"
    words.write_text(json.dumps({letter: id for id, letter in enumerate(CTC_LETTERS)}))
    model = Wav2Vec2ForCTC(config)
    if even:
        with torch.no_grad():
            model.lm_head.weight.zero_()
            model.lm_head.bias.fill_(-4.0)
            model.lm_head.bias[[CTC_LETTERS.index(letter) for letter in ("<pad>", "|", *"ETAONIHRG")]] = 0.0
    model.save_pretrained(folder)
    Wav2Vec2CTCTokenizer(str(words)).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(folder)
    return folder
