"""Sound as Qwen2.5-Omni's audio tower takes it: a log-mel spectrogram of the clip's own length.

The reference pads every clip to 300 s before it looks; of that only the clip's own part is used. Here it is padded by
what the last window needs, so that the values are the same, and sound of any length is heard to its end (the reference
cuts it at 300 s).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

try:
    from asid_hf.media_budget import audio_tokens
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .media_budget import audio_tokens

if TYPE_CHECKING:
    from transformers import WhisperFeatureExtractor

LEAST = 3  # mel frames that make a token


def mel_of(audio: np.ndarray, extractor: WhisperFeatureExtractor) -> torch.Tensor:
    """The log-mel spectrogram of a sound.

    Args:
        audio: (N,) float32 at the extractor's rate, nominally -1..1.
        extractor: of Whisper's kind: window, hop and number of mel bands.

    Returns:
        (bands, L) float32, L = ceil(N / hop), at least `LEAST`.

    Example:
        >>> from transformers import WhisperFeatureExtractor
        >>> tuple(mel_of(np.zeros(16000, np.float32), WhisperFeatureExtractor(feature_size=128)).shape)
        (128, 100)
    """
    hop = extractor.hop_length
    frames = max(LEAST, math.ceil(len(audio) / hop))
    padded = np.zeros((frames + math.ceil(extractor.n_fft / hop)) * hop, np.float32)
    padded[: len(audio)] = audio
    told = extractor(
        padded,
        sampling_rate=extractor.sampling_rate,
        padding="do_not_pad",
        truncation=False,
        return_tensors="pt",
    )
    return told["input_features"][0, :, :frames].contiguous()


def mel_tokens(frames: int) -> int:
    """How many tokens a spectrogram of `frames` takes.

    Example:
        >>> mel_tokens(100)
        25
    """
    return audio_tokens(frames * 160)
