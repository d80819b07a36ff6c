"""What a batch takes in bytes while it is trained on: hidden states, one layer, the head, the encoders.

All formulas count the tensors that autograd keeps for modules as transformers 5.24 has them, by token: s bytes a number
of what runs between layers, a bytes inside of them; norms compute in 32 bits. They hold for flash attention and sdpa.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn
    from trl import ModelConfig

    from asid_hf.training.arguments import CaptionerSFTConfig
    from asid_hf.training.plan import Plan

TILE = (4096, 32768)  # positions, words: of so many trl 1.16 makes logits at once (trl/kernels/chunked_logprob.py)
PATCH = 3 * 2 * 14 * 14  # numbers of a patch of pixels
PATCHES = 4  # of a token


@dataclass(frozen=True)
class Batch:
    """The largest batch of a process: how many rows, and most tokens of a row: in all and of each modality.

    Example:
        >>> Batch(rows=1, length=16384, text=700, video=14000, audio=1684).rows
        1
    """

    rows: int
    length: int
    text: int
    video: int
    audio: int

    @classmethod
    def of(cls, plan: Plan, training: CaptionerSFTConfig) -> Batch:
        """That of a plan: as if all rows of a batch were the longest, and each modality the longest of its kind."""
        most = {kind: spread["max"] for kind, spread in plan.tokens.items()}
        return cls(training.per_device_train_batch_size, most["all"], most["text"], most["video"], most["audio"])


def activation_bytes(
    captioner: nn.Module, training: CaptionerSFTConfig, model: ModelConfig, batch: Batch, stream: int, inner: int
) -> dict[str, int]:
    """Bytes of `activations`, kept from the forward to the backward pass; of `layer`, `head`, `encoders`, which pass.

    With gradient checkpointing the input of each layer is kept, and one layer at a time is computed again; without, all
    of each layer. `layer` has the gradients that flow back through it, too.

    Args:
        captioner: of which configuration, and which of its parts are trained.
        training, model: of the recipe.
        batch: the largest one.
        stream, inner: bytes of a number between layers, and inside of them.

    Example:
        >>> activation_bytes(captioner, training, model, batch, 2, 2)["activations"]  # doctest: +SKIP
        3288334336
    """
    text, again = captioner.config.text_config, training.gradient_checkpointing
    tokens = batch.rows * batch.length
    layer = tokens * layer_bytes(text, stream, inner) + attention_bytes(text, batch, inner, model.attn_implementation)
    if model.use_peft:
        # Each adapter keeps what goes into it, of 32 bits, and the mask of its dropout.
        layer += tokens * (6 * text.hidden_size + text.intermediate_size) * 5
    flowing = tokens * (2 * text.intermediate_size * inner + text.hidden_size * stream)
    between = tokens * text.hidden_size * stream
    kept = 2 * between + text.num_hidden_layers * (between if again else layer)  # 2: the embeddings, and the last one
    encoders_kept, encoders = _encoder_bytes(captioner, batch, again, stream, inner)
    return {
        "activations": kept + encoders_kept,
        "layer": layer + flowing,
        "head": head_bytes(captioner, batch, inner),
        "encoders": encoders,
    }


def layer_bytes(text: Any, stream: int, inner: int) -> int:
    """What one layer of the language model keeps of a token for its backward pass.

    Two norms: each its input in 32 bits, the same normalised, and its output, which goes into linear layers; q, k, v,
    the attention's output, once more as it goes on; cos and sin; of the MLP gate, its activation, up and their product.

    Args:
        text: configuration of the language model.
        stream, inner: bytes of a number between layers, and inside of them.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> sizes = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1}
        >>> layer_bytes(Made(**sizes), 2, 2)
        336
    """
    wide = text.hidden_size
    head = wide // text.num_attention_heads
    norms = 2 * wide * (4 + stream + inner)
    attention = inner * (3 * wide + 2 * head * text.num_key_value_heads + 2 * head)
    return norms + attention + 4 * inner * text.intermediate_size


def attention_bytes(text: Any, batch: Batch, inner: int, implementation: str | None) -> int:
    """What attention keeps beside: nothing of flash attention; of sdpa the mask of a padded batch; of eager all of it.

    Example:
        >>> attention_bytes(None, Batch(1, 1000, 100, 800, 100), 2, "flash_attention_2")
        0
    """
    square = batch.rows * batch.length**2
    if implementation == "eager":
        return square * (text.num_attention_heads * (4 + 2 * inner) + inner)
    if implementation in (None, "sdpa") and batch.rows > 1:
        return square * (1 + inner)  # as it is, and as numbers that are added
    return 0


def head_bytes(captioner: nn.Module, batch: Batch, inner: int) -> int:
    """The head of TRL, which makes logits in tiles, of answers alone (at most the text of a row).

    A tile; of the answers hidden states and their gradient in 32 bits; where the head is trained, its gradient in 32
    bits and once more in the weights' own; the words of a tile cast.

    Example:
        >>> head_bytes(captioner, Batch(1, 1000, 100, 800, 100), 2)  # doctest: +SKIP
        1887436800
    """
    words, wide = captioner.lm_head.weight.shape
    answers = batch.rows * batch.text
    tile = min(answers, TILE[0]) * min(words, TILE[1]) * inner
    trained = words * wide * (4 + inner) if captioner.lm_head.weight.requires_grad else 0
    return tile + answers * wide * (inner + 4) + min(words, TILE[1]) * wide * inner + trained


def _encoder_bytes(captioner: nn.Module, batch: Batch, again: bool, stream: int, inner: int) -> tuple[int, int]:
    """What both encoders keep, and what passes.

    Frozen ones keep nothing: their layers follow each other, of which one counts. The projectors behind them do where
    they are trained. The pixels of a batch are kept, in 32 bits.
    """
    vision, audio = captioner.config.vision_config, captioner.config.audio_config
    tower, ears = captioner.model.visual, captioner.model.audio_tower
    patches, steps = batch.rows * batch.video * PATCHES, 2 * batch.rows * batch.audio
    wide, deep = vision.hidden_size, vision.intermediate_size
    # Queries and keys are turned in 32 bits: each itself, by cosine, by sine.
    passing = patches * (2 * stream * wide + max(3 * inner * deep, (4 * inner + 24) * wide))
    hearing = steps * (2 * stream * audio.d_model + max(2 * inner * audio.encoder_ffn_dim, 4 * inner * audio.d_model))
    seen = patches * (wide * (8 + 2 * stream + 7 * inner) + 4 * inner * deep)
    heard = steps * (audio.d_model * (2 * stream + 7 * inner) + 2 * inner * audio.encoder_ffn_dim)
    kept = patches * PATCH * 4
    if _trained(tower.blocks):
        kept += vision.depth * (patches * wide * stream if again else seen)
        passing = max(passing, seen)
    if _trained(ears.layers):
        kept += audio.encoder_layers * (steps * audio.d_model * stream if again else heard)
        hearing = max(hearing, heard)
    if _trained(tower.merger):
        kept += patches * wide * (4 + stream + 3 * inner)
    if _trained(ears.proj):
        kept += batch.rows * batch.audio * audio.d_model * inner
    return kept, max(passing, hearing)


def _trained(part: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in part.parameters())
