"""The real Qwen2 vocabulary, with the special tokens and the chat template of Qwen2.5-Omni, for tests and benchmarks.

The ranks of all byte sequences come inside the package dashscope (`tests/real_clips.py` lays them out beside the
clips); the merges that a `tokenizers` BPE needs are worked out of them. The file never enters the repository.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

RANKS = "qwen.tiktoken"
CLIPS_VARIABLE = "ASID_HF_TEST_CLIPS"
ROWS = 151_936  # of the embedding of Qwen2.5-Omni 3B; the rows behind the last token are unused
FIRST_SPECIAL = 151_643
SPECIAL = (
    "<|endoftext|> <|im_start|> <|im_end|> <|AUDIO|> <|audio_bos|> <|audio_eos|> <|box_end|> <|quad_start|> "
    "<|quad_end|> <|vision_bos|> <|vision_eos|> <|vision_pad|> <|IMAGE|> <|VIDEO|>"
).split()
MEDIA = {
    "image_token": "<|IMAGE|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
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


def qwen_tokenizer(cache: Path) -> PreTrainedTokenizerFast:
    """The tokenizer, converted once into `cache`.

    Raises:
        FileNotFoundError: the ranks are not there; the message says how to get them.
    """
    from transformers import Qwen2Tokenizer

    if not (cache / "tokenizer.json").is_file():
        ranks = _ranks(_ranks_file())
        vocab = {_printable(token): rank for token, rank in ranks.items()}
        made = Qwen2Tokenizer(
            vocab=vocab | {token: FIRST_SPECIAL + place for place, token in enumerate(SPECIAL)},
            merges=[(_printable(one), _printable(other)) for one, other in _merges(ranks)],
            pad_token="<|endoftext|>",
            eos_token="<|im_end|>",
            unk_token=None,
            chat_template=CHAT_TEMPLATE,
            model_max_length=32_768,
            extra_special_tokens=MEDIA,
        )
        made.add_tokens(SPECIAL, special_tokens=True)
        made.save_pretrained(cache)
    return Qwen2Tokenizer.from_pretrained(cache)


def missing() -> str:
    """Why the vocabulary cannot be had here; "" where it can."""
    try:
        _ranks_file()
    except FileNotFoundError as error:
        return str(error)
    return ""


def _ranks_file() -> Path:
    folder = os.environ.get(CLIPS_VARIABLE)
    if not folder:
        raise FileNotFoundError(f"{CLIPS_VARIABLE} is not set: run `python tests/real_clips.py DIR` and set it to DIR")
    path = Path(folder) / RANKS
    if not path.is_file():
        raise FileNotFoundError(f"{RANKS} is not in {CLIPS_VARIABLE}: run `python tests/real_clips.py` again")
    return path


def _ranks(path: Path) -> dict[bytes, int]:
    pairs = (line.split() for line in path.read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def _merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The merge that makes each sequence of several bytes: the last one left when it is split by all earlier merges."""
    return [
        _last_merge(token, rank, ranks) for token, rank in sorted(ranks.items(), key=lambda one: one[1]) if token[1:]
    ]


def _last_merge(token: bytes, rank: int, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    parts = [token[place : place + 1] for place in range(len(token))]
    while len(parts) > 2:
        known = [(ranks.get(parts[i] + parts[i + 1], rank), i) for i in range(len(parts) - 1)]
        lowest, place = min(known)
        if lowest >= rank:
            raise ValueError(f"{token!r} (rank {rank}) cannot be made of earlier ranks: this is no byte-level BPE.")
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts[0], parts[1]


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level BPE: itself where it prints, else one from 256 on."""
    prints = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in prints]
    return [chr(byte) if byte in prints else chr(256 + others.index(byte)) for byte in range(256)]


_LETTERS = _byte_letters()


def _printable(token: bytes) -> str:
    return "".join(_LETTERS[byte] for byte in token)
