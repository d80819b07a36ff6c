"""Known words aligned to what a CTC model hears, by torchaudio (extra `asr`).

CTC models tell a letter in a frame or two and nothing ("blank") until the next, so a word lasts longer than from its
first peak to its last: it begins and ends half a gap between its letters before and behind them. What a model has no
letters for (numbers, signs) is aligned as a wildcard that may be any sound, and lies where that sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..errors import MissingExtraError

WILDCARD = -0.1
"""Log probability that a frame holds any sound: below that of a sure letter or blank, above that of a wrong one."""


class WordTime(NamedTuple):
    """When a word is said, in seconds; not `measured` where the model cannot spell it.

    `confidence` is the geometric mean of the probabilities of its letters, frame by frame; 0 where not measured.
    """

    start: float
    end: float
    confidence: float
    measured: bool


def align_words(
    emissions: np.ndarray,
    words: Sequence[list[int] | None],
    frame: float,
    blank: int = 0,
    separator: int | None = None,
) -> list[WordTime] | None:
    """Tell when each word of a known text is said.

    Args:
        emissions: (T, C) natural log probabilities of C letters, the blank among them, in T frames.
        words: the indices of each word's letters, in order; None for one that cannot be spelt.
        frame: seconds between two frames.
        blank: index of the blank.
        separator: index of what is emitted between two words, if any.

    Returns:
        A time for each word, in order and apart, within 0 and T * frame; None where there are fewer frames than
        letters, or no word that can be spelt.

    Raises:
        MissingExtraError: torchaudio is not installed.

    Example:
        >>> heard = np.full((8, 3), -7.0, np.float32)
        >>> heard[range(8), [0, 1, 0, 2, 0, 0, 1, 0]] = 0.0
        >>> [(word.start, word.end) for word in align_words(heard, [[1, 2], [1]], 0.1)]  # doctest: +SKIP
        [(0.05, 0.45), (0.55, 0.75)]
    """
    words = [word or None for word in words]
    if not any(words):
        return None
    star = emissions.shape[1]
    targets = _targets(words, star, separator)
    letters = [letter for letter, _ in targets]
    repeats = sum(one == other for one, other in pairwise(letters))
    if len(letters) + repeats > len(emissions):
        return None
    path, scores = _forced(emissions, letters, blank)
    spans = _token_spans(path, blank)
    placed: dict[int, list[tuple[int, int]]] = {}
    for (_, owner), span in zip(targets, spans, strict=True):
        placed.setdefault(owner, []).append(span)
    measured = _measured(words, placed, scores, len(emissions))
    sounding = ~np.isin(emissions.argmax(1), [blank] if separator is None else [blank, separator])
    times = _with_wildcards(words, measured, placed, sounding)
    return [
        WordTime(round(start * frame, 3), round(end * frame, 3), round(confidence, 4), word is not None)
        for (start, end, confidence), word in zip(times, words, strict=True)
    ]


def _targets(words: Sequence[list[int] | None], star: int, separator: int | None) -> list[tuple[int, int]]:
    """(letter, index of its word) in order; separators belong to -1, unspelt words in a row to the first of them."""
    targets: list[tuple[int, int]] = []
    for index, word in enumerate(words):
        if word is None:
            if not targets or targets[-1][0] != star:
                targets.append((star, index))
            continue
        if separator is not None and targets and targets[-1][0] != star:
            targets.append((separator, -1))
        targets += [(letter, index) for letter in word]
    return targets


def _forced(emissions: np.ndarray, letters: list[int], blank: int) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest path of `letters`: (T,) the letter or blank of each frame, (T,) its log probability."""
    try:
        import torch
        from torchaudio.functional import forced_align
    except ImportError as error:
        raise MissingExtraError("Timing of words", "asr") from error
    wildcard = np.full((len(emissions), 1), WILDCARD)
    heard = np.hstack([emissions.astype(np.float64), wildcard])
    # Of two equal best steps forced_align (torchaudio 2.11) takes a third that is worse: no two may be equal, which
    # blanks of probability 1 are in float32.
    heard -= 1e-6 * np.random.default_rng(0).random(heard.shape)
    targets = torch.tensor([letters], dtype=torch.int32)
    path, scores = forced_align(torch.from_numpy(heard)[None], targets, blank=blank)
    return path[0].numpy(), scores[0].numpy()


def _token_spans(path: np.ndarray, blank: int) -> list[tuple[int, int]]:
    """[start, end) in frames of each letter of a path."""
    changes = np.flatnonzero(np.diff(path)) + 1
    edges = [0, *changes.tolist(), len(path)]
    return [(start, end) for start, end in pairwise(edges) if path[start] != blank]


def _measured(
    words: Sequence[list[int] | None], placed: dict[int, list[tuple[int, int]]], scores: np.ndarray, frames: int
) -> dict[int, tuple[float, float, float]]:
    """Start, end (frames) and confidence of the words that are spelt, grown by half a gap between their letters."""
    spelt = [i for i, word in enumerate(words) if word]
    inner = {i: [b[0] - a[1] for a, b in pairwise(placed[i])] for i in spelt}
    gaps = [gap for each in inner.values() for gap in each]
    usual = sum(gaps) / len(gaps) if gaps else 0.0
    borders = sorted((spans[0][0], spans[-1][1], owner) for owner, spans in placed.items() if owner >= 0)
    ends = {owner: end for (_, end, _), (_, _, owner) in pairwise(borders)}
    starts = {owner: start for (_, _, owner), (start, _, _) in pairwise(borders)}
    times = {}
    for i in spelt:
        start, end = placed[i][0][0], placed[i][-1][1]
        grow = (sum(inner[i]) / len(inner[i]) if inner[i] else usual) / 2
        before = (start - ends[i]) / 2 if i in ends else start
        after = (starts[i] - end) / 2 if i in starts else frames - end
        told = np.concatenate([scores[a:b] for a, b in placed[i]])
        times[i] = (start - min(grow, before), end + min(grow, after), float(np.exp(told.mean())))
    return times


def _with_wildcards(
    words: Sequence[list[int] | None],
    measured: dict[int, tuple[float, float, float]],
    placed: dict[int, list[tuple[int, int]]],
    sounding: np.ndarray,
) -> list[tuple[float, float, float]]:
    """All words' times: those that cannot be spelt share what sounds where their wildcard lies."""
    times: list[tuple[float, float, float]] = []
    for i, word in enumerate(words):
        if word is not None:
            times.append(measured[i])
        elif i in placed:
            run = next((j for j in range(i, len(words)) if words[j] is not None), len(words)) - i
            first, last = placed[i][0]
            heard = np.flatnonzero(sounding[first:last])
            start, end = (first + heard[0], first + heard[-1] + 1) if len(heard) else (first, last)
            edges = np.linspace(start, end, run + 1)
            times += [(float(a), float(b), 0.0) for a, b in pairwise(edges)]
    return times
