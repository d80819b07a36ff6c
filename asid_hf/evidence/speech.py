"""What is said: recognition of the voiced parts of a clip, and the gate that says which of it may be relied on.

A recogniser writes fluent words for whatever it is given: for Spanish, for machines, for music. So every utterance
passes a gate, and only what is `verified` may confirm, contradict or enter a caption. The gate asks three things.

Voice: does the sound evidence hear speech there, rather than singing or nothing?
Confidence: the geometric mean of the probabilities the recogniser gave its own tokens, exp(mean log p). For English it
stays near 1; for what the model does not understand it falls, however fluent the text. Area under the ROC curve, 90
English against 90 Spanish, German and speechless pieces of the sets it was chosen on: 1.00. Forced alignment by
PocketSphinx: 0.76 (less a phone loop: 0.59). Agreement with PocketSphinx: 0.97, with the same recogniser at 1.06 times
the speed: 0.98, with a larger Moonshine: 1.00, at eight times the cost.
Language: a word or two prove nothing ("Ja" is written "Yeah", and surely), and the fewer the words, the surer they have
to be. What does not tell its language itself counts only where other utterances have told that of the clip, and none
counts in a clip most of whose words are doubtful.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol

import numpy as np

from ..errors import InputError
from ..schema import HeardUtterance, SoundEvidence, SpeechEvidence, Utterance
from .moonshine import moonshine_base, moonshine_tiny
from .sound import BLOCK, BLOCK_SAMPLES, SAMPLE_RATE, block_power, playable

# What is given to the recogniser (s): speech with pauses below JOIN is one piece, with MARGIN of its surroundings
# and PADDING of silence at both ends (word error rate on a real speech: 0.24 without, 0.12 with it).
JOIN, MARGIN, PADDING = 0.8, 0.2, 0.5
# Attention costs the square of the length, and times are as fine as pieces. A longer piece is cut where it is quietest.
LONGEST, CUT_WITHIN = 10.0, 4.0

VOICED = 0.5  # share of an utterance in which speech must be heard
LANGUAGE_SHARE = 1 / 3  # of a clip's words must tell the language for any of them to count

NO_WORDS = "no words"
NO_VOICE = "no voice is heard here"
SUNG = "sung, not spoken"
UNSURE = "the recogniser is unsure: unclear, or not in its language"
TOO_SHORT = "too short or too unsure to tell the language"
OTHER_LANGUAGE = "most words of the clip are unsure: probably another language"
REASONS = (NO_WORDS, NO_VOICE, SUNG, UNSURE, TOO_SHORT, OTHER_LANGUAGE)
"""Why an utterance is `unverifiable`."""

WORD = re.compile(r"\w[\w'’.-]*")
SUNG_MARK = "♪"


class Recogniser(Protocol):
    """Turns speech into words.

    Attributes:
        name: what the evidence is signed with.
        languages: ISO 639-1 codes of what it understands.
        sure: confidence from which its words are what was said in its language, by measurement.
        telling: (words, confidence), falling: an utterance of so many words, so sure, is in its language.

    Example:
        >>> class Parrot:
        ...     name, languages, sure, telling = "parrot", ("en",), 0.5, ((6, 0.6),)
        ...     def recognise(self, audio, sample_rate):
        ...         end = len(audio) / sample_rate
        ...         return [{"start": 0, "end": end, "speaker": None, "text": "Who's a pretty boy?", "confidence": 0.6}]
        >>> spoken = {"spans": [{"start": 0.0, "end": 1.0, "kind": "speech", "level": -20.0}]}
        >>> recognise_speech(np.zeros(16000, np.float32), spoken, Parrot())["utterances"][0]["reason"]
        'too short or too unsure to tell the language'
    """

    name: str
    languages: tuple[str, ...]
    sure: float
    telling: tuple[tuple[int, float], ...]

    def recognise(self, audio: np.ndarray, sample_rate: int) -> list[Utterance]:
        """Recognise (N,) float32 samples of at most half a minute; times in seconds from their start."""
        ...


def recognise_speech(
    audio: np.ndarray | None, sound: SoundEvidence | None, recogniser: str | Recogniser = "moonshine-tiny"
) -> SpeechEvidence:
    """Recognise what is said in a clip and tell what of it may be relied on.

    Args:
        audio: (N,) floating point samples at 16000 Hz, full scale -1 to 1; None for a clip without a sound track.
        sound: what `measure_sound` says of the same samples; only its speech and singing is recognised.
        recogniser: a name of `RECOGNISERS`, loaded once a process, or a recogniser.

    Returns:
        Utterances in order, apart, within 0 and N / 16000 s, each `verified` or `unverifiable` with one of `REASONS`;
        `language` is the recogniser's where the words show it, else None.

    Raises:
        InputError: unknown recogniser, or samples of another kind (see `playable`).
        MissingExtraError: the recogniser's packages or weights are not installed.

    Example:
        >>> from asid_hf.evidence.sound import measure_sound
        >>> silence = np.zeros(16000, np.float32)
        >>> recognise_speech(silence, measure_sound(silence))
        {'recogniser': 'moonshine-tiny', 'language': None, 'utterances': []}
    """
    name = _known(recogniser) if isinstance(recogniser, str) else recogniser.name
    audio = None if audio is None else playable(audio)
    pieces = [] if audio is None or sound is None else voiced_pieces(audio, sound)
    if not pieces:
        return {"recogniser": name, "language": None, "utterances": []}
    if isinstance(recogniser, str):
        recogniser = load_recogniser(recogniser)
    return gate(list(_recognise_pieces(audio, pieces, recogniser)), sound, recogniser)


def voiced_pieces(audio: np.ndarray, sound: SoundEvidence) -> list[tuple[float, float]]:
    """Tell which parts of a clip to give to a recogniser.

    Args:
        audio: (N,) float32 samples at 16000 Hz.
        sound: its sound evidence.

    Returns:
        (start, end) in seconds, in order and apart, each at most `LONGEST`: speech and singing with short pauses.

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
        if pieces and start - pieces[-1][1] < JOIN and end - pieces[-1][0] <= LONGEST:
            start = pieces.pop()[0]
        while end - start > LONGEST:
            cut = _quietest(audio, start + LONGEST - CUT_WITHIN, start + LONGEST)
            pieces.append((start, cut))
            start = cut
        pieces.append((start, end))
    return pieces


def gate(heard: list[Utterance], sound: SoundEvidence, recogniser: Recogniser) -> SpeechEvidence:
    """Tell which of the recognised utterances may be relied on, and why the others may not.

    Args:
        heard: utterances of one clip, in order.
        sound: its sound evidence.
        recogniser: what wrote them.

    Returns:
        The same utterances with `status` and `reason`.

    Example:
        >>> class Sure: name, languages, sure, telling = "sure", ("en",), 0.8, ((6, 0.85),)
        >>> sound = {"spans": [{"start": 0.0, "end": 9.0, "kind": "speech", "level": -20.0}]}
        >>> yes = {"start": 1.0, "end": 1.5, "speaker": None, "text": "Yes.", "confidence": 0.9}
        >>> gate([yes], sound, Sure)["utterances"][0]["reason"]
        'too short or too unsure to tell the language'
    """
    words = [len(WORD.findall(utterance["text"])) for utterance in heard]
    doubts = [_doubt(utterance, sound, recogniser.sure) for utterance in heard]
    told = sum(
        n
        for utterance, n, doubt in zip(heard, words, doubts, strict=True)
        if doubt is None and _tells(n, utterance["confidence"], recogniser)
    )
    spoken = sum(n for n, doubt in zip(words, doubts, strict=True) if doubt in (None, UNSURE))
    known = told > 0 and told >= LANGUAGE_SHARE * spoken
    unknown = None if known else OTHER_LANGUAGE if told else TOO_SHORT
    return {
        "recogniser": recogniser.name,
        "language": recogniser.languages[0] if known else None,
        "utterances": [_judged(utterance, doubt or unknown) for utterance, doubt in zip(heard, doubts, strict=True)],
    }


def _judged(utterance: Utterance, reason: str | None) -> HeardUtterance:
    return {**utterance, "status": "unverifiable" if reason else "verified", "reason": reason}


def _doubt(utterance: Utterance, sound: SoundEvidence, sure: float) -> str | None:
    """What speaks against an utterance taken alone, its language apart."""
    speech, singing = (_share(utterance, sound, kind) for kind in ("speech", "singing"))
    if not WORD.search(utterance["text"]):
        return NO_WORDS
    if SUNG_MARK in utterance["text"] or singing > speech:
        return SUNG
    if speech < VOICED:
        return NO_VOICE
    return UNSURE if utterance["confidence"] is None or utterance["confidence"] < sure else None


def _tells(words: int, confidence: float, recogniser: Recogniser) -> bool:
    """Whether an utterance alone tells its language."""
    needed = (sure for least, sure in recogniser.telling if words >= least)
    return confidence >= next(needed, math.inf)


def _share(utterance: Utterance, sound: SoundEvidence, kind: str) -> float:
    start, end = utterance["start"], utterance["end"]
    spans = (span for span in sound["spans"] if span["kind"] == kind)
    heard = sum(max(0.0, min(end, span["end"]) - max(start, span["start"])) for span in spans)
    return heard / (end - start) if end > start else 0.0


def _quietest(audio: np.ndarray, start: float, end: float) -> float:
    first = round(start / BLOCK)
    power = block_power(audio[first * BLOCK_SAMPLES : round(end / BLOCK) * BLOCK_SAMPLES])
    return round((first + 0.5 + int(power.argmin())) * BLOCK, 2)


def _recognise_pieces(
    audio: np.ndarray, pieces: list[tuple[float, float]], recogniser: Recogniser
) -> Iterator[Utterance]:
    """Recognise each piece with its surroundings, up to half way to its neighbours, and silence at both ends."""
    silence = round(PADDING * SAMPLE_RATE)
    borders = [-math.inf, *(moment for piece in pieces for moment in piece), math.inf]
    for index, (start, end) in enumerate(pieces):
        before, after = borders[2 * index], borders[2 * index + 3]
        begin = max(0.0, start - min(MARGIN, (start - before) / 2))
        stop = end + min(MARGIN, (after - end) / 2)
        piece = audio[round(begin * SAMPLE_RATE) : round(stop * SAMPLE_RATE)]
        last = start
        for utterance in recogniser.recognise(np.pad(piece, silence), SAMPLE_RATE):
            first, last = (min(max(last, utterance[moment] - PADDING + begin), end) for moment in ("start", "end"))
            if utterance["text"] and first < last:
                yield {**utterance, "start": round(first, 2), "end": last}


RECOGNISERS: dict[str, Callable[[], Recogniser]] = {"moonshine-tiny": moonshine_tiny, "moonshine-base": moonshine_base}
"""Name -> what loads it. To add a recogniser, add a line; it is loaded on first use, once a process."""


@lru_cache
def load_recogniser(name: str) -> Recogniser:
    """Load a recogniser by its name, once a process.

    Raises:
        InputError: no recogniser of that name.
        MissingExtraError: its packages or its weights are not installed.

    Example:
        >>> load_recogniser("moonshine-tiny").languages
        ('en',)
    """
    return RECOGNISERS[_known(name)]()


def _known(name: str) -> str:
    if name not in RECOGNISERS:
        raise InputError(f"{name!r} is no recogniser. Allowed: {', '.join(RECOGNISERS)}.")
    return name
