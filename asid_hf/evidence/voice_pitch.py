"""How high each speaker's voice is: the fundamental frequency of what they say, by autocorrelation.

After P. Boersma, "Accurate short-term analysis of the fundamental frequency" (1993): the autocorrelation of a windowed
frame over that of its window, whose highest peak within the range of voices is the period.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..schema import Utterance, Voice
from .sound import SAMPLE_RATE

LOWEST, HIGHEST = 65.0, 420.0  # Hz
FRAME, HOP = 0.05, 0.02  # s: a frame holds three periods of the lowest voice
PERIODIC = 0.6  # correlation from which a frame is voiced
HIGHER = 0.02  # what each octave more must win by: twice the period fits as well as the period
LEAST_VOICED = 0.4  # s of voiced frames that tell a voice's pitch


def measure_voices(audio: np.ndarray, utterances: Sequence[Utterance]) -> list[Voice]:
    """Measure how high the voice of each speaker is.

    Args:
        audio: (N,) float32 samples at 16000 Hz of the whole clip.
        utterances: of this clip, with speakers.

    Returns:
        One for each speaker, by name: the median pitch in Hz of all they say, None where too little of it is voiced.

    Example:
        >>> tone = np.sign(np.sin(2 * np.pi * 110 * np.arange(16000) / 16000)).astype(np.float32)
        >>> said = {"start": 0.0, "end": 1.0, "speaker": "speaker 1", "text": "Ah.", "confidence": None}
        >>> measure_voices(tone, [said])[0]["pitch"]
        110.0
    """
    frames: dict[str, list[np.ndarray]] = {}
    for utterance in utterances:
        if utterance["speaker"] is not None:
            spoken = audio[round(utterance["start"] * SAMPLE_RATE) : round(utterance["end"] * SAMPLE_RATE)]
            frames.setdefault(utterance["speaker"], []).append(frame_pitches(spoken))
    return [{"speaker": speaker, "pitch": _median(np.concatenate(frames[speaker]))} for speaker in sorted(frames)]


def frame_pitches(audio: np.ndarray) -> np.ndarray:
    """The pitch of each voiced frame.

    Args:
        audio: (N,) float32 samples at 16000 Hz.

    Returns:
        (V,) Hz, one for each of the frames, 20 ms apart, in which a period is clear.

    Example:
        >>> frame_pitches(np.zeros(16000, np.float32)).tolist()
        []
    """
    size, hop = round(FRAME * SAMPLE_RATE), round(HOP * SAMPLE_RATE)
    if len(audio) < size:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), size)[::hop]
    power = frames.var(1)
    frames = frames[power > max(1e-7, 0.05 * power.max())]  # silence and breath between the sounds tell nothing
    if not len(frames):
        return np.zeros(0)
    window = np.hanning(size)
    correlation = _autocorrelation((frames - frames.mean(1, keepdims=True)) * window)
    correlation = correlation / correlation[:, :1] / (_autocorrelation(window[None]) / (window @ window))
    first, last = int(SAMPLE_RATE / HIGHEST), int(SAMPLE_RATE / LOWEST) + 1
    lags = np.arange(first, last)
    strength = correlation[:, first:last] - HIGHER * np.log2(lags / first)
    inner = strength[:, 1:-1]
    peaks = np.where((inner >= strength[:, :-2]) & (inner >= strength[:, 2:]), inner, -1.0)
    best = peaks.argmax(1) + 1
    chosen = np.arange(len(frames)), best
    voiced = (peaks.max(1) > -1.0) & (correlation[:, first:last][chosen] >= PERIODIC)
    return SAMPLE_RATE / _refined(strength, best, lags)[voiced]


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """(F, N) of (F, N) frames."""
    size = frames.shape[1]
    spectrum = np.fft.rfft(frames, 2 * size)
    return np.fft.irfft(np.abs(spectrum) ** 2)[:, :size]


def _refined(strength: np.ndarray, best: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Lags of the peaks, between samples: the top of a parabola through each and its neighbours."""
    rows = np.arange(len(best))
    before, at, after = (strength[rows, best + step] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
    return lags[best] + shift


def _median(pitches: np.ndarray) -> float | None:
    return round(float(np.median(pitches)), 1) if len(pitches) * HOP >= LEAST_VOICED else None
