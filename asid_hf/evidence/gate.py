"""The gate that says which recognised words may be relied on.

A recogniser writes fluent words for whatever it is given: for Spanish, for machines, for music. So every utterance
passes a gate, and only what is `verified` may confirm, contradict or enter a caption. The gate asks four things.

Voice: does the sound evidence hear speech there, rather than singing or nothing?
Confidence: the geometric mean of the probabilities the recogniser gave its own tokens, exp(mean log p). For English it
stays near 1; for what the model does not understand it falls, however fluent the text. Area under the ROC curve, 90
English against 90 Spanish, German and speechless pieces of the sets it was chosen on: 1.00 (Moonshine tiny). Forced
alignment by PocketSphinx: 0.76 (less a phone loop: 0.59). Agreement with PocketSphinx: 0.97, with the same recogniser
at 1.06 times the speed: 0.98, with a larger Moonshine: 1.00, at eight times the cost.
Text: is it one that recognisers invent (see `doubts`)?
Language: of a recogniser that tells none, a word or two prove nothing ("Ja" is written "Yeah", and surely), and the
fewer the words, the surer they have to be; what does not tell its language itself counts only where other utterances
have told that of the clip. One that tells the language has to be sure of it. And none counts in a clip most of whose
words are doubtful.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..schema import HeardUtterance, SoundEvidence, SpeechEvidence, Utterance
from .doubts import (
    BOILERPLATE,
    CIRCLES,
    NO_VOICE,
    NO_WORDS,
    OTHER_LANGUAGE,
    SUNG,
    TOO_SHORT,
    UNKNOWN_LANGUAGE,
    UNSURE,
    is_boilerplate,
    turns_in_circles,
)

if TYPE_CHECKING:
    from .recogniser import Polyglot, Recogniser

VOICED = 0.5  # share of an utterance in which speech must be heard
LANGUAGE_SHARE = 1 / 3  # of a clip's words must tell the language for any of them to count
LANGUAGE_SURE = 0.5
"""Probability from which a language that the recogniser tells is that of the clip; faster-whisper asks for as much."""

WORD = re.compile(r"\w[\w'’.-]*")
SUNG_MARK = "♪"


def gate(
    heard: Sequence[Utterance],
    sound: SoundEvidence,
    recogniser: Recogniser | Polyglot,
    told: tuple[str | None, float] | None = None,
) -> SpeechEvidence:
    """Tell which of the recognised utterances may be relied on, and why the others may not.

    Args:
        heard: utterances of one clip, in order; each may hold a `doubt` of the recogniser's own.
        sound: its sound evidence.
        recogniser: what wrote them.
        told: language (ISO 639-1 or None) and its likelihood, 0 to 1, of a recogniser that tells languages itself.

    Returns:
        The same utterances with `status` and `reason`.

    Example:
        >>> class Sure: name, languages, sure, telling = "sure", ("en",), 0.8, ((6, 0.85),)
        >>> sound = {"spans": [{"start": 0.0, "end": 9.0, "kind": "speech", "level": -20.0}]}
        >>> yes = {"start": 1.0, "end": 1.5, "speaker": None, "text": "Yes.", "confidence": 0.9}
        >>> gate([yes], sound, Sure)["utterances"][0]["reason"]
        'too short or too unsure to tell the language'
        >>> gate([yes], sound, Sure, told=("en", 0.9))["utterances"][0]["status"]
        'verified'
    """
    doubts = [_doubt(utterance, sound, recogniser.sure) for utterance in heard]
    if told is None or (told[0] is None and getattr(recogniser, "telling", ())):
        language, unknown = _language_of_words(heard, doubts, recogniser)
    else:
        language, unknown = _language_told(heard, doubts, *told)
    return {
        "recogniser": recogniser.name,
        "language": language,
        "utterances": [_judged(utterance, doubt or unknown) for utterance, doubt in zip(heard, doubts, strict=True)],
    }


def _judged(utterance: Utterance, reason: str | None) -> HeardUtterance:
    known = {field: value for field, value in utterance.items() if field != "doubt"}
    return {**known, "status": "unverifiable" if reason else "verified", "reason": reason}


def _doubt(utterance: Utterance, sound: SoundEvidence, sure: float) -> str | None:
    """What speaks against an utterance taken alone, its language apart."""
    speech, singing = (_share(utterance, sound, kind) for kind in ("speech", "singing"))
    text, confidence = utterance["text"], utterance["confidence"]
    if not WORD.search(text):
        return NO_WORDS
    if SUNG_MARK in text or singing > speech:
        return SUNG
    if speech < VOICED:
        return NO_VOICE
    if is_boilerplate(text, speech, confidence):
        return BOILERPLATE
    if turns_in_circles(text):
        return CIRCLES
    if utterance.get("doubt"):
        return utterance["doubt"]
    return UNSURE if confidence is None or confidence < sure else None


def _language_of_words(
    heard: Sequence[Utterance], doubts: list[str | None], recogniser: Recogniser
) -> tuple[str | None, str | None]:
    """The recogniser's language where the words show it, else why not."""
    sure = [u for u, doubt in zip(heard, doubts, strict=True) if doubt is None]
    telling = sum(_words(u) for u in sure if _tells(_words(u), u["confidence"], recogniser))
    if telling and telling >= LANGUAGE_SHARE * _spoken(heard, doubts):
        return recogniser.languages[0], None
    return None, OTHER_LANGUAGE if telling else TOO_SHORT


def _language_told(
    heard: Sequence[Utterance], doubts: list[str | None], language: str | None, likelihood: float
) -> tuple[str | None, str | None]:
    """The language that was told where it was told surely and most words are good, else why not."""
    if language is None or likelihood < LANGUAGE_SURE:
        return None, UNKNOWN_LANGUAGE
    good = sum(_words(utterance) for utterance, doubt in zip(heard, doubts, strict=True) if doubt is None)
    if good and good >= LANGUAGE_SHARE * _spoken(heard, doubts):
        return language, None
    return None, OTHER_LANGUAGE


def _spoken(heard: Sequence[Utterance], doubts: list[str | None]) -> int:
    """Words of a clip that somebody said, surely read or not."""
    return sum(_words(utterance) for utterance, doubt in zip(heard, doubts, strict=True) if doubt in (None, UNSURE))


def _words(utterance: Utterance) -> int:
    return len(WORD.findall(utterance["text"]))


def _tells(words: int, confidence: float, recogniser: Recogniser) -> bool:
    """Whether an utterance alone tells its language."""
    needed = (sure for least, sure in recogniser.telling if words >= least)
    return confidence >= next(needed, math.inf)


def _share(utterance: Utterance, sound: SoundEvidence, kind: str) -> float:
    start, end = utterance["start"], utterance["end"]
    spans = (span for span in sound["spans"] if span["kind"] == kind)
    heard = sum(max(0.0, min(end, span["end"]) - max(start, span["start"])) for span in spans)
    return heard / (end - start) if end > start else 0.0
