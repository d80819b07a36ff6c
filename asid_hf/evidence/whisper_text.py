"""Tokens that Whisper wrote become timed segments and words with confidences; no model is needed for it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .doubts import UNFINISHED
from .recogniser import Recognised

STEP = 0.02  # s between two timestamps of Whisper


class Token(NamedTuple):
    """A token and the natural logarithm of its probability."""

    id: int
    log_probability: float


class Segment(NamedTuple):
    """Tokens of text between two timestamps: seconds, `end` None where none was written."""

    start: float
    end: float | None
    tokens: list[Token]


def cut_segments(tokens: Sequence[Token], first_timestamp: int) -> list[Segment]:
    """Part what was written at its timestamps.

    Args:
        tokens: text and timestamps as they were written, without special tokens.
        first_timestamp: id of <|0.00|>; those of later times follow, 0.02 s apart.

    Returns:
        The segments that hold text.

    Example:
        >>> written = [Token(id, -0.1) for id in (100, 7, 8, 150, 150, 9, 175)]
        >>> [(s.start, s.end, [t.id for t in s.tokens]) for s in cut_segments(written, 100)]
        [(0.0, 1.0, [7, 8]), (1.0, 1.5, [9])]
    """
    segments: list[Segment] = []
    start, text = 0.0, []
    for token in tokens:
        if token.id < first_timestamp:
            text.append(token)
            continue
        moment = round((token.id - first_timestamp) * STEP, 2)
        if text:
            segments.append(Segment(start, moment, text))
        start, text = moment, []
    return [*segments, Segment(start, None, text)] if text else segments


def read_words(tokens: Sequence[Token], decode: Callable[[list[int]], str]) -> tuple[list[str], list[float]]:
    """The words that tokens spell, and how sure each is.

    Args:
        tokens: of one segment; a character may take several of them.
        decode: ids -> text, with U+FFFD for a character that is not whole.

    Returns:
        Words, parted by white space, and for each the geometric mean of the probabilities of its tokens.

    Example:
        >>> spell = {1: " Good", 2: " mor", 3: "ning."}
        >>> read_words([Token(1, 0.0), Token(2, -0.1), Token(3, -0.3)], lambda ids: "".join(spell[id] for id in ids))
        (['Good', 'morning.'], [1.0, 0.819])
    """
    text, owners, pending = "", [], []  # owners: for each character, the log probabilities of its tokens
    for position, token in enumerate(tokens):
        pending.append(token)
        spelt = decode([each.id for each in pending])
        if "\ufffd" in spelt and position + 1 < len(tokens):
            continue
        text += spelt
        owners += [[each.log_probability for each in pending]] * len(spelt)
        pending = []
    words, confidences = [], []
    for match in re.finditer(r"\S+", text):
        shares = [log for group in _distinct(owners[match.start() : match.end()]) for log in group]
        words.append(match.group())
        confidences.append(round(_geometric_mean(shares), 3))
    return words, confidences


def read_segment(
    segment: Segment, length: float, decode: Callable[[list[int]], str], doubt: str | None
) -> Recognised | None:
    """A segment as an utterance; None where it holds no word.

    Args:
        segment: see `cut_segments`.
        length: seconds of the sound it was written for, where it ends at the latest.
        decode: see `read_words`.
        doubt: what the recogniser has against all that it wrote of this sound.

    Returns:
        The utterance; its confidence is the geometric mean of the probabilities of its tokens.

    Example:
        >>> read_segment(Segment(0.0, 1.0, [Token(1, 0.0)]), 5.0, lambda ids: " Hello.", None)["text"]
        'Hello.'
    """
    words, confidences = read_words(segment.tokens, decode)
    if not words:
        return None
    return {
        "start": min(segment.start, length),
        "end": min(length if segment.end is None else segment.end, length),
        "speaker": None,
        "text": " ".join(words),
        "confidence": round(_geometric_mean([token.log_probability for token in segment.tokens]), 3),
        "word_confidences": confidences,
        "doubt": doubt,
    }


def finished(tokens: Sequence[Token], end: int, doubt: str | None) -> tuple[list[Token], str | None]:
    """What was written before the end of the text, and the doubt that there was no end.

    Example:
        >>> finished([Token(7, 0.0), Token(99, 0.0), Token(7, 0.0)], 99, None)
        ([Token(id=7, log_probability=0.0)], None)
        >>> finished([Token(7, 0.0)], 99, None)[1]
        'the text did not come to an end'
    """
    stop = next((position for position, token in enumerate(tokens) if token.id == end), None)
    return list(tokens[:stop]), doubt if stop is not None else doubt or UNFINISHED


def _distinct(groups: list[list[float]]) -> list[list[float]]:
    """Each group once: characters of one token share one list."""
    return list({id(group): group for group in groups}.values())


def _geometric_mean(logs: list[float]) -> float:
    return math.exp(sum(logs) / len(logs)) if logs else 0.0
