"""What is said: recognition of the voiced parts of a clip, past the gate that says which of it may be relied on."""

from __future__ import annotations

import math

import numpy as np

from ..schema import SoundEvidence, SpeechEvidence, Utterance
from .gate import gate
from .recogniser import Polyglot, Recogniser
from .recognisers import load_recogniser, signature
from .sound import BLOCK, BLOCK_SAMPLES, SAMPLE_RATE, block_power, playable

# What is given to the recogniser (s): speech with pauses below JOIN is one piece, with MARGIN of its surroundings
# and PADDING of silence at both ends (word error rate on a real speech: 0.24 without, 0.12 with it).
JOIN, MARGIN, PADDING = 0.8, 0.2, 0.5
# Attention costs the square of the length, and times are as fine as pieces. A longer piece is cut where it is quietest.
LONGEST, CUT_WITHIN = 10.0, 4.0


def recognise_speech(
    audio: np.ndarray | None, sound: SoundEvidence | None, recogniser: str | Recogniser | Polyglot = "moonshine-tiny"
) -> SpeechEvidence:
    """Recognise what is said in a clip and tell what of it may be relied on.

    Args:
        audio: (N,) floating point samples at 16000 Hz, full scale -1 to 1; None for a clip without a sound track.
        sound: what `measure_sound` says of the same samples; only its speech and singing is recognised.
        recogniser: a name (see `load_recogniser`), loaded once a process, or a recogniser.

    Returns:
        Utterances in order, apart, within 0 and N / 16000 s, each `verified` or `unverifiable` with one of
        `doubts.REASONS`; `language` is the clip's where the words show it or the recogniser tells it, else None.

    Raises:
        InputError: unknown recogniser, or samples of another kind (see `playable`).
        MissingExtraError: the recogniser's packages or weights are not installed.

    Example:
        >>> from asid_hf.evidence.sound import measure_sound
        >>> silence = np.zeros(16000, np.float32)
        >>> recognise_speech(silence, measure_sound(silence))
        {'recogniser': 'moonshine-tiny', 'language': None, 'utterances': []}
    """
    name = signature(recogniser) if isinstance(recogniser, str) else recogniser.name
    audio = None if audio is None else playable(audio)
    if audio is None or sound is None or not voiced_pieces(audio, sound):
        return {"recogniser": name, "language": None, "utterances": []}
    if isinstance(recogniser, str):
        recogniser = load_recogniser(recogniser)
    pieces = voiced_pieces(audio, sound, getattr(recogniser, "longest", LONGEST))
    begins, given = _surrounded(audio, pieces)
    told = None
    if isinstance(recogniser, Polyglot):
        language, likelihood, said = recogniser.recognise_clip(given, SAMPLE_RATE)
        told = language, likelihood
    else:
        said = [recogniser.recognise(piece, SAMPLE_RATE) for piece in given]
    heard = [
        utterance
        for piece, begin, utterances in zip(pieces, begins, said, strict=True)
        for utterance in _placed(utterances, begin, *piece)
    ]
    return gate(heard, sound, recogniser, told)


def voiced_pieces(audio: np.ndarray, sound: SoundEvidence, longest: float = LONGEST) -> list[tuple[float, float]]:
    """Tell which parts of a clip to give to a recogniser.

    Args:
        audio: (N,) float32 samples at 16000 Hz.
        sound: its sound evidence.
        longest: seconds that a piece may last.

    Returns:
        (start, end) in seconds, in order and apart, each at most `longest`: speech and singing with short pauses.

    Example:
        >>> spoken = [{"start": a, "end": b, "kind": "speech", "level": -20.0} for a, b in ((1.0, 2.0), (2.5, 4.0))]
        >>> voiced_pieces(np.zeros(80000, np.float32), {"spans": spoken})
        [(1.0, 4.0)]
    """
    pieces: list[tuple[float, float]] = []
    for span in sound["spans"]:
        if span["kind"] not in ("speech", "singing") or span["start"] * SAMPLE_RATE >= len(audio):
            continue
        start, end = span["start"], min(span["end"], len(audio) / SAMPLE_RATE)
        if pieces and start - pieces[-1][1] < JOIN and end - pieces[-1][0] <= longest:
            start = pieces.pop()[0]
        while end - start > longest:
            cut = _quietest(audio, start + longest - CUT_WITHIN, start + longest)
            pieces.append((start, cut))
            start = cut
        pieces.append((start, end))
    return pieces


def _quietest(audio: np.ndarray, start: float, end: float) -> float:
    first = round(start / BLOCK)
    power = block_power(audio[first * BLOCK_SAMPLES : round(end / BLOCK) * BLOCK_SAMPLES])
    return round((first + 0.5 + int(power.argmin())) * BLOCK, 2)


def _surrounded(audio: np.ndarray, pieces: list[tuple[float, float]]) -> tuple[list[float], list[np.ndarray]]:
    """Each piece with its surroundings, up to half way to its neighbours, and silence at both ends; and its begin."""
    silence = round(PADDING * SAMPLE_RATE)
    borders = [-math.inf, *(moment for piece in pieces for moment in piece), math.inf]
    begins, given = [], []
    for index, (start, end) in enumerate(pieces):
        before, after = borders[2 * index], borders[2 * index + 3]
        begin = max(0.0, start - min(MARGIN, (start - before) / 2))
        stop = end + min(MARGIN, (after - end) / 2)
        begins.append(begin - PADDING)
        given.append(np.pad(audio[round(begin * SAMPLE_RATE) : round(stop * SAMPLE_RATE)], silence))
    return begins, given


def _placed(utterances: list[Utterance], begin: float, start: float, end: float) -> list[Utterance]:
    """Utterances of the piece from `start` to `end`, whose times count from `begin`, in the clip's times."""
    placed, last = [], start
    for utterance in utterances:
        first, last = (min(max(last, utterance[moment] + begin), end) for moment in ("start", "end"))
        if not utterance["text"] or first >= last:
            continue
        moved = {**utterance, "start": round(first, 2), "end": last}
        if utterance.get("word_times"):
            moved["word_times"] = [
                [round(min(max(moment + begin, first), last), 3) for moment in word] for word in utterance["word_times"]
            ]
        placed.append(moved)
    return placed
