"""When each word of the utterances of a clip is said, by a model of letters; what was not said here is left untimed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from ..schema import Utterance
from .sound import SAMPLE_RATE
from .word_alignment import WordTime, align_words

# Utterances with shorter pauses (s) between them are aligned together, up to TOGETHER: recognisers are a little off
# where one ends and the next begins. Around them is looked for MARGIN, at most half way to the next utterance.
PAUSE, TOGETHER, MARGIN = 1.0, 30.0, 0.5
LEAST = 0.05
"""Confidence of an utterance below which its words are not those said. By PocketSphinx's acoustic model, of eight
sentences: 0.15 to 0.26 of what is said, 0.004 to 0.013 of another sentence."""


class Aligner(Protocol):
    """A CTC model that words can be aligned with.

    Attributes:
        name: what it is called.
        frame: seconds between two frames of its emissions.
        blank: index of its blank.
        separator: index of what it emits between two words; None where it emits nothing.

    Example:
        >>> from asid_hf.evidence.ctc import load_aligner
        >>> load_aligner("facebook/wav2vec2-base-960h").frame  # doctest: +SKIP
        0.02
    """

    name: str
    frame: float
    blank: int
    separator: int | None

    def spell(self, word: str) -> list[int] | None:
        """The indices of a word's letters; None where it has none for one of them."""
        ...

    def emissions(self, audio: np.ndarray) -> np.ndarray:
        """(T, C) natural log probabilities of (N,) float32 samples at 16000 Hz."""
        ...


def time_words(audio: np.ndarray, utterances: Sequence[Utterance], aligner: Aligner) -> list[Utterance]:
    """Give utterances the times of their words, and begin and end them with these.

    Args:
        audio: (N,) float32 samples at 16000 Hz of the whole clip.
        utterances: in order and apart; those of the status "unverifiable" stay as they are.
        aligner: the model to align with.

    Returns:
        The utterances with `word_times`, seconds of the clip, one [start, end] a word of `text.split()`; those whose
        words are not found as they are.

    Raises:
        MissingExtraError: torchaudio is not installed.

    Example:
        >>> time_words(np.zeros(16000, np.float32), [], None)
        []
    """
    timed: list[Utterance] = []
    for group, (begin, stop) in _groups(utterances, len(audio) / SAMPLE_RATE):
        if group[0].get("status") == "unverifiable":
            timed += group
            continue
        first = round(begin * SAMPLE_RATE)
        emissions = aligner.emissions(audio[first : round(stop * SAMPLE_RATE)])
        words = [aligner.spell(word) for utterance in group for word in utterance["text"].split()]
        times = align_words(emissions, words, aligner.frame, aligner.blank, aligner.separator)
        timed += group if times is None else _timed(group, times, begin)
    return timed


def _timed(group: list[Utterance], times: list[WordTime], begin: float) -> list[Utterance]:
    """Utterances of a group with the times of their words, `begin` being where these count from."""
    timed, position = [], 0
    for utterance in group:
        own = times[position : position + len(utterance["text"].split())]
        position += len(own)
        if _confidence(own) < LEAST:
            timed.append(utterance)
            continue
        spoken = [[round(word.start + begin, 3), round(word.end + begin, 3)] for word in own]
        timed.append({**utterance, "start": spoken[0][0], "end": spoken[-1][1], "word_times": spoken})
    return _apart(timed)


def _confidence(words: list[WordTime]) -> float:
    """The geometric mean of the words that were measured; 0 where none was."""
    logs = [math.log(max(word.confidence, 1e-6)) for word in words if word.measured]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


def _apart(utterances: list[Utterance]) -> list[Utterance]:
    """Utterances one after another: one without word times gives way to the words of its neighbours."""
    for before, after in pairwise(utterances):
        if before["end"] > after["start"]:
            if before.get("word_times"):
                after.update(start=min(before["end"], after["end"]))
            else:
                before.update(end=max(before["start"], after["start"]))
    return utterances


def _groups(utterances: Sequence[Utterance], duration: float) -> Iterable[tuple[list[Utterance], tuple[float, float]]]:
    """Utterances that are aligned together, copied, and the stretch of time in which they are looked for."""
    groups: list[list[Utterance]] = []
    for utterance in utterances:
        last = groups[-1][-1] if groups else None
        doubtful = last is not None and "unverifiable" in (last.get("status"), utterance.get("status"))
        near = last is not None and not doubtful and utterance["start"] - last["end"] < PAUSE
        if near and utterance["end"] - groups[-1][0]["start"] <= TOGETHER:
            groups[-1].append({**utterance})
        else:
            groups.append([{**utterance}])
    for i, group in enumerate(groups):
        start, end = group[0]["start"], group[-1]["end"]
        before = groups[i - 1][-1]["end"] if i else -start
        after = groups[i + 1][0]["start"] if i + 1 < len(groups) else 2 * duration - end
        begin = start - max(0.0, min(MARGIN, (start - before) / 2))
        yield group, (max(0.0, begin), min(duration, end + max(0.0, min(MARGIN, (after - end) / 2))))
