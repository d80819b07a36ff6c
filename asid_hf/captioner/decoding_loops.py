"""Notices a captioner that says the same again and again, and ends it, or closes the field it is in.

Two kinds of loops: word for word, and counting ones, where only the numbers change ("At 4s, the man looks up. At 5s,
the man looks up. ..."). Captions repeat things for good reasons, so much more is asked of a loop than of a refrain or
a countdown, and most of counting ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Sequence
from typing import NamedTuple

import torch
from transformers import LogitsProcessor, StoppingCriteria

from .decoding_rows import starts_of
from .decoding_vocabulary import digit_ids, vocabulary_of

LONGEST_UNIT = 400  # tokens
LOOKED_AT = 2400  # tokens at the end of a row
EVERY = 8  # tokens from one look to the next
_NUMBER = -1
_CLOSING = "\"'\u201d\u2019)]"  # what may stand behind the end of a sentence


class Loop(NamedTuple):
    """A unit of tokens that is repeated to the end.

    Attributes:
        start: index of the first token that repeats: `ids[:start]` keeps one copy. A copy begins at each of the
            `length` tokens from there on, so cutting at any of them leaves nothing twice but what lies before it.
        length: tokens of a unit; of a counting loop, of its second copy.
        copies: how often it stands there, the last one counted in part.
        counting: whether the copies differ in their numbers.

    Example:
        >>> find_loop([9] + [1, 2, 3, 4, 5, 6, 7, 8] * 5, frozenset())
        Loop(start=9, length=8, copies=5.0, counting=False)
    """

    start: int
    length: int
    copies: float
    counting: bool


def find_loop(ids: Sequence[int], digits: frozenset[int]) -> Loop | None:
    """Find the loop that a row of tokens ends in.

    Word for word, a unit of one token has to stand there 40 times, one of 2 tokens 20 times, of 8 to 15 tokens 5 times,
    of 16 to 47 tokens 4 times, of more 3 times. In a counting loop the unit holds four different tokens beside its
    numbers at least (so "10, 9, 8, ..., 1" is none) and stands there 12 times, short ones more, ones of 24 tokens and
    more 8 times.

    Args:
        ids: generated tokens.
        digits: ids of the tokens that are digits; see `decoding_vocabulary.digit_ids`.

    Returns:
        The loop with the shortest unit; None where there is none.

    Example:
        >>> find_loop([1, 2, 3] * 5, frozenset()) is None  # a refrain
        True
        >>> counting = [token for number in range(10, 30) for token in (1, 2, number, 3, 4, 5)]
        >>> find_loop(counting, frozenset(range(10, 30)))
        Loop(start=6, length=6, copies=20.0, counting=True)
    """
    first = max(0, len(ids) - LOOKED_AT)
    tail = list(ids[first:])
    for start, length, copies in _repeated(tail):
        if copies >= _copies_needed(length):
            return Loop(first + start, length, copies, False)
    if not digits or digits.isdisjoint(tail):
        return None
    blind, places = _number_blind(tail, digits)
    for start, length, copies in _repeated(blind):
        unit = blind[start : start + length]
        words = set(unit) - {_NUMBER}
        if _NUMBER in unit and len(words) >= 4 and copies >= _counts_needed(length):
            end = places[start + length] if start + length < len(places) else len(tail)
            return Loop(first + places[start], end - places[start], copies, True)
    return None


def one_copy(ids: Sequence[int], loop: Loop, tokenizer: object) -> int:
    """Where to cut a row so that one copy of its loop stays: behind a sentence, where a copy has one.

    Args:
        ids: tokens.
        loop: of `find_loop`.
        tokenizer: of the captioner.

    Returns:
        An index: `ids[:index]` keeps one copy.

    Example:
        >>> from tokenizers import Tokenizer, decoders, models
        >>> from transformers import PreTrainedTokenizerFast
        >>> made = Tokenizer(models.BPE({"ha": 0, ".": 1, "ho": 2}, []))
        >>> made.decoder = decoders.ByteLevel()
        >>> ids = [2, 1, *[0, 1] * 20]  # "ho.ha.ha.ha. ..."
        >>> one_copy(ids, find_loop(ids, frozenset()), PreTrainedTokenizerFast(tokenizer_object=made))
        4
    """
    texts = [text or "" for text in map(vocabulary_of(tokenizer).texts.__getitem__, ids[: loop.start + loop.length])]
    first = loop.start
    # The first word of a text is another token than the same word behind a space.
    while first > loop.length and texts[first - 1].strip() == texts[first - 1 - loop.length].strip():
        first -= 1
    ends = (place for place in range(first, first + loop.length) if _ends_sentence(texts[place - 1]))
    return next(ends, loop.start)


def without_loop(text: str, tokenizer: object) -> str:
    """A text that ends in a loop, with one copy of it; any other as it is.

    Args:
        text: one text, of one field or paragraph.
        tokenizer: of the captioner.

    Example:
        >>> without_loop("A dog barks. " * 20, tokenizer)  # doctest: +SKIP
        'A dog barks.'
    """
    ids = tokenizer(text.rstrip(), add_special_tokens=False)["input_ids"]
    loop = find_loop(ids, digit_ids(tokenizer))
    return text if loop is None else tokenizer.decode(ids[: one_copy(ids, loop, tokenizer)]).rstrip()


def _ends_sentence(text: str) -> bool:
    return text.rstrip(_CLOSING).endswith((".", "!", "?"))


def _copies_needed(length: int) -> int:
    return max(3 if length >= 48 else 4 if length >= 16 else 5, math.ceil(40 / length))


def _counts_needed(length: int) -> int:
    return 8 if length >= 24 else max(12, math.ceil(96 / length))


def _repeated(tail: list[int]) -> Iterator[tuple[int, int, float]]:
    """Periods of the tail: where the first repetition begins, the period, and how many copies there are."""
    count = len(tail)
    if not count:
        return
    last = tail[-1]
    for length in range(1, min(LONGEST_UNIT, count // 3) + 1):
        if tail[-1 - length] != last or tail[count - length :] != tail[count - 2 * length : count - length]:
            continue
        same = count - 1
        while same >= length and tail[same] == tail[same - length]:
            same -= 1
        start = same + 1
        yield start, length, (count - start) / length + 1


def _number_blind(tail: list[int], digits: frozenset[int]) -> tuple[list[int], list[int]]:
    """The tail with each run of digits as one, and where each of its members begins in the tail."""
    blind, places = [], []
    for place, token in enumerate(tail):
        if token not in digits:
            blind.append(token)
            places.append(place)
        elif not blind or blind[-1] != _NUMBER:
            blind.append(_NUMBER)
            places.append(place)
    return blind, places


class LoopStop(StoppingCriteria):
    """Ends the rows that loop, and only those.

    Args:
        tokenizer: of the captioner.
        prompt_length: tokens before the first generated one, padding counted; or that of each text.

    Attributes:
        loops: row -> its loop, for the rows that were ended.

    Example:
        >>> LoopStop.__mro__[1].__name__
        'StoppingCriteria'
    """

    def __init__(self, tokenizer: object, prompt_length: int | Sequence[int]) -> None:
        self._watch = _Watch(tokenizer, prompt_length)
        self.loops: dict[int, Loop] = {}

    def __call__(self, input_ids: torch.LongTensor, scores: object = None, **more: object) -> torch.BoolTensor:
        """Whether each of the rows is to end: (rows,) of bool for (rows, n) ids.

        Example:
            >>> LoopStop.__call__.__name__
            '__call__'
        """
        for row, _, loop in self._watch.look(input_ids):
            self.loops.setdefault(row, loop)
        return torch.tensor([row in self.loops for row in range(len(input_ids))], device=input_ids.device)


class LoopBreak(LogitsProcessor):
    """Makes a row that loops say something else: for example what closes the JSON string that it is in.

    Args:
        tokenizer: of the captioner.
        prompt_length: tokens before the first generated one, padding counted; or that of each text.
        closing: the ids to say instead, of which the first is forced, or a function that gives them for a row of the
            (rows, n) ids; none where there is nothing to close, or not yet (`JsonFields.close`).

    Attributes:
        loops: row -> its loops, in order, as they were broken; the indices are those of the generated tokens.

    Example:
        >>> LoopBreak.__mro__[1].__name__
        'LogitsProcessor'
    """

    supports_continuous_batching = False

    def __init__(
        self,
        tokenizer: object,
        prompt_length: int | Sequence[int],
        closing: Callable[[int, torch.LongTensor], Sequence[int]] | Sequence[int],
    ) -> None:
        self._watch = _Watch(tokenizer, prompt_length)
        self._closing = closing
        self._broken: dict[int, int] = {}
        self._waiting: set[int] = set()
        self.loops: dict[int, list[Loop]] = {}

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Force the first closing id of the rows that loop: (rows, n) ids, (rows, vocabulary) scores.

        Example:
            >>> LoopBreak.__call__.__name__
            '__call__'
        """
        waiting, self._waiting = self._waiting, set()
        for row, length, loop in self._watch.look(input_ids, self._broken, waiting):
            ids = self._closing(row, input_ids) if callable(self._closing) else self._closing
            if not ids:  # looked at again with the next token
                self._waiting.add(row)
                continue
            self._broken[row] = length
            self.loops.setdefault(row, []).append(loop)
            scores = scores.clone()
            score = scores[row, ids[0]]
            scores[row] = -math.inf
            scores[row, ids[0]] = score if score.isfinite() else 0.0
        return scores


class _Watch:
    """Looks at the rows every few tokens; at places that the length alone decides, so that going on is the same."""

    def __init__(self, tokenizer: object, prompt_length: int | Sequence[int]) -> None:
        self._digits = digit_ids(tokenizer)
        self._vocabulary = vocabulary_of(tokenizer)
        self._starts = starts_of(prompt_length)

    def look(
        self, input_ids: torch.LongTensor, behind: dict[int, int] | None = None, waiting: Container[int] = ()
    ) -> Iterator[tuple[int, int, Loop]]:
        """Row, generated tokens and loop of the rows that loop, in their tokens `behind` a place.

        Rows that are `waiting` are looked at each time.
        """
        for row, ids in enumerate(input_ids):
            start = self._starts[row * len(self._starts) // len(input_ids)]
            length = len(ids) - start
            if (length % EVERY and row not in waiting) or not length:
                continue
            begin = (behind or {}).get(row, 0)
            begin = max(begin if begin <= length else 0, length - LOOKED_AT)
            written = ids[start + begin :].tolist()
            if written and self._vocabulary.piece(written[-1]) is None:  # ended: what follows is padding
                continue
            if loop := find_loop(written, self._digits):
                yield row, length, loop._replace(start=loop.start + begin)
