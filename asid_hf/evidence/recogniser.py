"""What a recogniser is: speech in, words out; one of a language, or one that tells the language itself."""

from __future__ import annotations

from typing import NamedTuple, NotRequired, Protocol, runtime_checkable

import numpy as np

from ..schema import Utterance


class Recognised(Utterance):
    """An utterance as a recogniser wrote it, with the `doubt` it has itself, one of `doubts.REASONS`, if any."""

    doubt: NotRequired[str | None]


class Told(NamedTuple):
    """What a recogniser that tells languages itself makes of a clip.

    `language`: ISO 639-1, None where it told none; `likelihood` of it, 0 to 1; `pieces`: the utterances of each piece,
    times in seconds from the piece's start.
    """

    language: str | None
    likelihood: float
    pieces: list[list[Recognised]]


class Recogniser(Protocol):
    """Turns speech into words.

    Attributes:
        name: what the evidence is signed with.
        languages: ISO 639-1 codes of what it understands.
        sure: confidence from which its words are what was said in its language, by measurement.
        telling: (words, confidence), falling: an utterance of so many words, so sure, is in its language.

    Example:
        >>> from asid_hf.evidence.speech import recognise_speech
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

    def recognise(self, audio: np.ndarray, sample_rate: int) -> list[Recognised]:
        """Recognise (N,) float32 samples of at most half a minute; times in seconds from their start."""
        ...


@runtime_checkable
class Polyglot(Protocol):
    """A recogniser that tells the language of a clip itself, and so is given all of its pieces at once.

    Attributes:
        name, sure: as of `Recogniser`.
        longest: seconds of the longest piece it takes, its margins and silence left out.

    Where it tells no language, it is judged by its words, if it has `languages` and `telling` as of `Recogniser`.

    Example:
        >>> from asid_hf.evidence.speech import recognise_speech
        >>> class Parrot:
        ...     name, sure, longest = "parrot", 0.5, 20.0
        ...     def recognise_clip(self, pieces, sample_rate):
        ...         said = {"start": 0, "end": 1, "speaker": None, "text": "¿Quién es este loro?", "confidence": 0.6}
        ...         return Told("es", 0.9, [[said]])
        >>> spoken = {"spans": [{"start": 0.0, "end": 1.0, "kind": "speech", "level": -20.0}]}
        >>> recognise_speech(np.zeros(16000, np.float32), spoken, Parrot())["language"]
        'es'
    """

    name: str
    sure: float
    longest: float

    def recognise_clip(self, pieces: list[np.ndarray], sample_rate: int) -> Told:
        """Recognise pieces, each (N,) float32 samples, of one clip; one list of utterances a piece."""
        ...
