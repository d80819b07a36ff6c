"""Who speaks: turns of speakers, told by a diariser, become the speakers of words and utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from ..errors import InputError
from ..schema import Utterance
from .pyannote import PYANNOTE, load_pyannote

CLEAR = 0.5  # share of its time in which an utterance's speaker must be heard
NEAR = 0.3  # s: how far from a turn a word may lie and still be of it: turns and words have edges of their own
SHORTEST_TURN = 0.4  # s: words of another speaker for less than this inside an utterance are a diariser's flicker


class Turn(NamedTuple):
    """A stretch of time, in seconds, in which one speaker speaks, by any label."""

    start: float
    end: float
    speaker: str


class Diariser(Protocol):
    """Tells who speaks when.

    Attributes:
        name: what the evidence is signed with.

    Example:
        >>> class Halves:
        ...     name = "halves"
        ...     def turns(self, audio, sample_rate):
        ...         end = len(audio) / sample_rate
        ...         return [Turn(0.0, end / 2, "a"), Turn(end / 2, end, "b")]
        >>> said = {"start": 0.2, "end": 0.8, "speaker": None, "text": "One. Two.", "confidence": None}
        >>> said = {**said, "word_times": [[0.2, 0.4], [0.6, 0.8]]}
        >>> [(u["speaker"], u["text"]) for u in name_speakers([said], Halves().turns(np.zeros(16000), 16000))]
        [('speaker 1', 'One.'), ('speaker 2', 'Two.')]
    """

    name: str

    def turns(self, audio: np.ndarray, sample_rate: int) -> list[Turn]:
        """The turns in (N,) float32 samples, in any order; they may overlap where several speak at once."""
        ...


def name_speakers(utterances: Sequence[Utterance], turns: Sequence[Turn]) -> list[Utterance]:
    """Give utterances their speakers, parted where another begins to speak.

    Args:
        utterances: in order and apart; those with `word_times` are parted at changes of speaker.
        turns: of the same clip.

    Returns:
        The utterances with `speaker` "speaker 1", "speaker 2", ... in the order in which they first speak; None where
        no speaker, or no single one, is clear.

    Example:
        >>> said = {"start": 1.0, "end": 3.0, "speaker": None, "text": "Come in.", "confidence": 0.9}
        >>> [u["speaker"] for u in name_speakers([said], [Turn(0.0, 0.5, "B"), Turn(0.9, 3.0, "A")])]
        ['speaker 2']
    """
    turns = sorted(turn for turn in turns if turn.end > turn.start)
    labels = {label: f"speaker {number}" for number, label in enumerate(dict.fromkeys(t.speaker for t in turns), 1)}
    turns = [turn._replace(speaker=labels[turn.speaker]) for turn in turns]
    return [part for utterance in utterances for part in _parted(utterance, turns)]


def _parted(utterance: Utterance, turns: list[Turn]) -> list[Utterance]:
    times = utterance.get("word_times")
    if not times:
        speaker, share = _heard(utterance["start"], utterance["end"], turns, 0.0)
        return [{**utterance, "speaker": speaker if share >= CLEAR else None}]
    speakers = _steady([_heard(start, end, turns, NEAR)[0] for start, end in times], times)
    parts, first = [], 0
    for speaker, run in groupby(speakers):
        last = first + len(list(run))
        parts.append({**_words_of(utterance, first, last), "speaker": speaker})
        first = last
    return parts


def _heard(start: float, end: float, turns: list[Turn], near: float) -> tuple[str | None, float]:
    """Who is heard most between two moments, and for which share of it; else who is within `near` seconds of it.

    Nobody where two are heard for the same time, as in words that two say at once.
    """
    spoken: dict[str, float] = {}
    for turn in turns:
        spoken[turn.speaker] = spoken.get(turn.speaker, 0.0) + max(0.0, min(end, turn.end) - max(start, turn.start))
    best = sorted(spoken.items(), key=lambda item: -item[1])[:2]
    if best and best[0][1] > 0:
        tied = len(best) == 2 and best[0][1] - best[1][1] < 0.1 * (end - start)
        return (None, 0.0) if tied else (best[0][0], best[0][1] / (end - start))
    gaps = [(max(turn.start - end, start - turn.end), turn.speaker) for turn in turns]
    gap, speaker = min(gaps, default=(near, None))
    return (speaker, 0.0) if gap < near else (None, 0.0)


def _steady(speakers: list[str | None], times: list[list[float]]) -> list[str | None]:
    """Speakers of words without flicker: words of nobody, or of somebody for a moment, inside another's words."""
    steady: list[str | None] = []
    runs = [list(run) for _, run in groupby(range(len(speakers)), key=lambda i: speakers[i])]
    for position, run in enumerate(runs):
        speaker = speakers[run[0]]
        before = steady[run[0] - 1] if position else None
        after = speakers[runs[position + 1][0]] if position + 1 < len(runs) else None
        short = times[run[-1]][1] - times[run[0]][0] < SHORTEST_TURN
        between = before is not None and before == after
        if between and (speaker is None or short):
            speaker = before
        elif speaker is None:
            speaker = before or after
        steady += [speaker] * len(run)
    return steady


def _words_of(utterance: Utterance, first: int, last: int) -> Utterance:
    """The words `first` to `last` of an utterance, as an utterance."""
    words, times = utterance["text"].split(), utterance["word_times"]
    if (first, last) == (0, len(times)):
        return utterance
    part = {**utterance, "text": " ".join(words[first:last]), "word_times": times[first:last]}
    part.update(start=times[first][0], end=times[last - 1][1])
    if utterance.get("word_confidences"):
        part["word_confidences"] = utterance["word_confidences"][first:last]
    return part


DIARISERS: dict[str, Callable[[str], Diariser]] = {PYANNOTE: load_pyannote}
"""Name -> what loads it, given the id or the folder of a model, or "" for its own. To add a diariser, add a line."""


@lru_cache
def load_diariser(name: str) -> Diariser:
    """Load a diariser, once a process.

    Args:
        name: one of `DIARISERS`; with ":" and a model's id or folder behind it, with that model.

    Raises:
        InputError: no diariser of that name, or no model there.
        MissingExtraError: its packages are not installed.

    Example:
        >>> load_diariser("ears")
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: 'ears' is no diariser. Allowed: pyannote, pyannote:<model id or folder>.
    """
    kind, _, model = name.partition(":")
    if kind not in DIARISERS:
        allowed = ", ".join(f"{known}, {known}:<model id or folder>" for known in DIARISERS)
        raise InputError(f"{name!r} is no diariser. Allowed: {allowed}.")
    return DIARISERS[kind](model)


def diariser_signature(name: str) -> str:
    """A diariser's name as it may be published: of a local model without the folders it lies in.

    Example:
        >>> diariser_signature("pyannote"), diariser_signature("pyannote:/home/me/models/mine")
        ('pyannote', 'pyannote:mine')
    """
    kind, colon, model = name.partition(":")
    path = Path(model)
    local = path.is_absolute() or path.is_dir() or len(path.parts) > 2
    return kind + colon + (path.name if local else model)
