"""pyannote.audio, the diariser of WhisperX: an optional package that no extra brings, and models behind a form.

Its models are given to those who accept their conditions on the Hub: log in with `hf auth login`, or give a local copy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from .speakers import Turn

PYANNOTE = "pyannote"
MODEL = "pyannote/speaker-diarization-community-1"
INSTALL = "'pyannote.audio>=3.1,<5'"


class Pyannote:
    """A diarisation pipeline of pyannote.audio 3 or 4; see `speakers.Diariser`.

    Args:
        name: what the evidence is signed with.
        pipeline: a `pyannote.audio.Pipeline`.

    Example:
        >>> load_pyannote().name  # doctest: +SKIP
        'pyannote'
    """

    def __init__(self, name: str, pipeline: object) -> None:
        self.name, self.pipeline = name, pipeline

    def turns(self, audio: np.ndarray, sample_rate: int) -> list[Turn]:
        """The turns in (N,) float32 samples at 16000 Hz; of version 4 those in which no two speak at once."""
        import torch

        from .speakers import Turn

        told = self.pipeline({"waveform": torch.from_numpy(np.atleast_2d(audio)), "sample_rate": sample_rate})
        for field in ("exclusive_speaker_diarization", "speaker_diarization"):
            told = getattr(told, field, None) or told
        return [Turn(span.start, span.end, str(label)) for span, _, label in told.itertracks(yield_label=True)]


def load_pyannote(model: str = "") -> Pyannote:
    """Load a pipeline of pyannote.audio: on a graphics card where there is one.

    Args:
        model: id on the Hub, or a local folder; "" for `MODEL`.

    Raises:
        MissingExtraError: pyannote.audio is not installed.
        InputError: there is no such pipeline, or its conditions were not accepted.

    Example:
        >>> load_pyannote("me/my-pipeline").name  # doctest: +SKIP
        'pyannote:me/my-pipeline'
    """
    try:
        import torch
        from pyannote.audio import Pipeline
    except ImportError as error:
        raise MissingExtraError("The diariser pyannote", "", INSTALL) from error
    name = f"{PYANNOTE}:{Path(model).name if Path(model).is_dir() else model}" if model else PYANNOTE
    try:
        pipeline = Pipeline.from_pretrained(model or MODEL)
    except (OSError, ValueError, KeyError) as error:
        pipeline, reason = None, str(error).splitlines()[0][:200]
    else:
        reason = "its conditions were not accepted"
    if pipeline is None:
        raise InputError(
            f"The diariser {name} cannot be loaded ({reason}). Accept the conditions of {model or MODEL} on the Hub "
            "and log in (`hf auth login`), or give the folder of a pipeline: pyannote:<folder>."
        )
    if torch.cuda.is_available():
        pipeline.to(torch.device("cuda"))
    return Pyannote(name, pipeline)
