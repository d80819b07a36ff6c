"""Keeps a captioner's times inside the clip and in order while it writes.

A time anchor ("At 12s", "from 3s to 5s", "0:18") is what `asid_hf.anchors.parse_anchors` takes for one. What decides is
the token that makes it one: "At 40" can still become "At 40 dollars", "At 40s" cannot, so "s" is what a clip of 17 s
does not get. Where an anchor stands without a unit the token behind it decides ("At 7:30" may become "At 7:30 p.m.").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from transformers import LogitsProcessor

from .decoding_anchor_place import Place, place_of
from .decoding_anchor_tokens import AnchorTokens, joined
from .decoding_numbers import Number, can_become, offending_number
from .decoding_rows import Rows, starts_of
from .decoding_text import CaptionText
from .decoding_vocabulary import vocabulary_of

FORBIDDEN = -math.inf
_LEADS_AWAY = ("digit", "colon", "point", "half day", "compound", "counter", "and", "word", "unit", "ends", "letter")


class Wish(NamedTuple):
    """A time that a row wanted to tell and may not, for going back to where it began.

    Attributes:
        row: of the batch.
        length: generated tokens before the one that had better be another: the first of the number's tokens behind
            which nothing but forbidden times can come.
        ids: what must not come at that place: that token, and the digits and number words that lead to forbidden times
            only. Those that can still become a time of the clip are not among them.

    Example:
        >>> Wish(row=0, length=12, ids=(17, 18)).length
        12
    """

    row: int
    length: int
    ids: tuple[int, ...]


class _Open(NamedTuple):
    """A place where a time was forbidden and no wish told: what was drawn there is seen with the next token.

    Attributes:
        length: generated tokens before it. wish: to be told if something else was drawn that scored less than `score`,
            the best forbidden token's. masked: (vocabulary,) scores that it was drawn by.
    """

    length: int
    wish: Wish
    score: float
    masked: torch.Tensor


class AnchorGuard(LogitsProcessor):
    """Forbids the token that would make a time beyond the clip's end, or before the last one of the same text.

    Nothing else is forbidden: dates, prices, addresses, times of day, temperatures, lengths of time stay possible. Each
    string of a JSON answer and each labelled paragraph ("Camera: ...") is a text whose times begin anew. What is
    forbidden is a function of the ids behind the prompt, so a generation can go on from any longer prefix.

    Args:
        tokenizer: of the captioner.
        durations: seconds; one for each text of the batch, `math.inf` where the length is not known. Rows are texts
            times beams.
        prompt_length: tokens before the first generated one, padding counted; or that of each text.
        tolerance: seconds by which a time may lie beyond the end.

    Attributes:
        wishes: by row, the first forbidden token that scored best of all, or better than what was drawn in its place;
            None where there was none. See `Wish`.

    Example:
        >>> from tokenizers import Tokenizer, decoders, models
        >>> from transformers import PreTrainedTokenizerFast
        >>> made = Tokenizer(models.BPE({"A": 0, "t": 1, "Ġ": 2, "4": 3, "s": 4, ".": 5}, []))
        >>> made.decoder = decoders.ByteLevel()
        >>> guard = AnchorGuard(PreTrainedTokenizerFast(tokenizer_object=made), [17.0], prompt_length=0)
        >>> guard(torch.tensor([[0, 1, 2, 4, 3, 3]]), torch.zeros(1, 6)).tolist()  # "At s44": no time
        [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
        >>> guard(torch.tensor([[0, 1, 2, 3, 3]]), torch.zeros(1, 6)).tolist()  # "At 44"
        [[0.0, 0.0, 0.0, 0.0, -inf, 0.0]]
        >>> guard.wishes == [None]  # "s" scored no better than others
        True
    """

    supports_continuous_batching = False

    def __init__(
        self,
        tokenizer: object,
        durations: Sequence[float],
        prompt_length: int | Sequence[int],
        tolerance: float = 0.0,
    ) -> None:
        for duration in durations:
            if not duration >= 0:
                raise ValueError(f"A duration of {duration!r} was given. Allowed: seconds from 0 on, or math.inf.")
        if not tolerance >= 0:
            raise ValueError(f"The tolerance is {tolerance!r}. Allowed: seconds from 0 on.")
        self._vocabulary = vocabulary_of(tokenizer)
        self._tokens = self._vocabulary.once(AnchorTokens)
        self._limits = [float(duration) + tolerance for duration in durations]
        self._rows = Rows(self._begin, prompt_length, len(self._limits))
        self.wishes: list[Wish | None] = []
        self._open: dict[int, _Open] = {}

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Mask the scores.

        Args:
            input_ids: (rows, n) ids, prompt and generated ones.
            scores: (rows, vocabulary) scores of the next token.

        Returns:
            (rows, vocabulary) scores, -inf where forbidden; no row is left without a finite one.

        Raises:
            ValueError: rows that are no multiple of the durations, or fewer tokens than the prompt has.

        Example:
            >>> AnchorGuard.__call__.__name__
            '__call__'
        """
        texts = self._rows.read(input_ids)
        self.wishes = (self.wishes + [None] * len(texts))[: len(texts)]
        self._settle()
        copied = False
        for row, text in enumerate(texts):
            place = place_of(text, self._limits[self._rows.text_of(row, len(texts))])
            if place is None:
                continue
            masked = _mask(scores[row], place, self._tokens)
            if masked is None or masked.max() == FORBIDDEN:
                continue
            wanted = int(scores[row].masked_fill(masked != FORBIDDEN, FORBIDDEN).argmax())
            if self.wishes[row] is None and scores[row, wanted] != FORBIDDEN:
                if wanted == int(scores[row].argmax()):
                    self.wishes[row] = self._wish(row, text, place, wanted, self._goes_on(int(masked.argmax())))
                if self.wishes[row] is None:
                    wish = self._wish(row, text, place, wanted, goes_on=False)
                    if wish is not None:
                        self._open[row] = _Open(len(self._rows.ids(row)), wish, float(scores[row, wanted]), masked)
            scores = scores if copied else scores.clone()
            scores[row], copied = masked, True
        return scores

    def forget(self, row: int) -> None:
        """Forget the wish of a row, so that its next one is kept.

        Example:
            >>> AnchorGuard.forget.__name__
            'forget'
        """
        if row < len(self.wishes):
            self.wishes[row] = None

    def clear(self) -> None:
        """Forget the wishes of all rows.

        Example:
            >>> AnchorGuard.clear.__name__
            'clear'
        """
        self.wishes = [None] * len(self.wishes)

    def _begin(self, text: int) -> CaptionText:
        return CaptionText(self._vocabulary, self._limits[text])

    def _settle(self) -> None:
        """See what was drawn where a time was forbidden: one that was wanted more than what came is a wish, too."""
        for row, (length, wish, score, masked) in self._open.items():
            ids = self._rows.ids(row) if row < len(self.wishes) else []
            drawn = ids[-1] if len(ids) == length + 1 and ids[-1] < len(masked) else None
            if drawn is not None and self.wishes[row] is None and masked[drawn] < score and not self._goes_on(drawn):
                self.wishes[row] = wish
        self._open = {}

    def _goes_on(self, token: int) -> bool:
        """Whether a token writes on at a number."""
        letters = self._vocabulary.texts[token] if token < len(self._vocabulary.texts) else None
        return bool(letters) and (letters[0].isdigit() or letters[0] == ":")

    def _wish(self, row: int, text: CaptionText, place: Place, best: int, goes_on: bool) -> Wish | None:
        """Where the number begins to go wrong.

        Where each of its tokens could have led to a time of the clip ("1", of 12s): none if it `goes_on` to one, else
        where it begins.
        """
        fault = place.fault_with(self._vocabulary.texts[best] or "" if best < len(self._vocabulary.texts) else "")
        number = fault and offending_number(fault, place.last_before(fault), place.limit)
        if not number:
            return None
        first = place.offset(fault.start + number.start)
        ids = self._rows.ids(row)
        written = ""
        while len(written) < len(number.text) and first + len(written) < len(text.owners):
            token = text.owners[first + len(written)]
            before = written
            while len(written) < len(number.text) and text.owners[first + len(written) : first + len(written) + 1] == [
                token
            ]:
                written += number.text[len(written)]
            whole = number.text[0].isdigit() or len(written) == len(number.text)
            if whole and not can_become(written, number):
                return Wish(row, token, tuple(sorted({ids[token], *self._dead(before, number, ids[token])})))
        if goes_on or first >= len(text.owners):
            return None
        return Wish(row, text.owners[first], (ids[text.owners[first]],))

    def _dead(self, before: str, number: Number, taken: int) -> set[int]:
        """The digits and number words that lead to forbidden times only, behind the first characters of a number."""
        dead = [ids for tried, ids in self._tokens.of("digit").items() if not can_become(before + tried, number)]
        if not before:
            gap = (self._vocabulary.texts[taken] or "")[:1] == " "
            dead += [
                ids
                for tried, ids in self._tokens.of("word").items()
                if tried.startswith(" ") == gap and not can_become(tried.strip(" -"), number)
            ]
        return set(joined(dead).tolist())


class BanAt(LogitsProcessor):
    """Forbids tokens at certain places of a row: what a rewound caption must not say again.

    Args:
        bans: for each text of the batch, generated tokens before the place -> ids that must not come there.
        prompt_length: tokens before the first generated one; or that of each text.

    Example:
        >>> ban = BanAt([{1: (0, 2)}], prompt_length=1)
        >>> ban(torch.tensor([[7, 7]]), torch.zeros(1, 3)).tolist()
        [[-inf, 0.0, -inf]]
        >>> ban(torch.tensor([[7, 7, 7]]), torch.zeros(1, 3)).tolist()
        [[0.0, 0.0, 0.0]]
    """

    supports_continuous_batching = False

    def __init__(self, bans: list[dict[int, tuple[int, ...]]], prompt_length: int | Sequence[int]) -> None:
        self.bans = bans
        self._starts = starts_of(prompt_length)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Mask the (rows, vocabulary) scores; a row that would be left without a finite one stays as it is.

        Raises:
            ValueError: rows that are no multiple of the texts.

        Example:
            >>> BanAt([{}], 0)(torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 2)).tolist()
            [[0.0, 0.0]]
        """
        rows = len(input_ids)
        if not self.bans or rows % len(self.bans):
            raise ValueError(f"{rows} rows were given, bans for {len(self.bans)} texts. Allowed: a multiple of them.")
        for row in range(rows):
            text = row * len(self.bans) // rows
            ids = self.bans[text].get(input_ids.shape[1] - self._starts[text if len(self._starts) > 1 else 0])
            if not ids:
                continue
            masked = scores[row].index_fill(0, torch.tensor(ids, device=scores.device), FORBIDDEN)
            if masked.max() > FORBIDDEN:
                scores = scores.clone()
                scores[row] = masked
        return scores


def _mask(scores: torch.Tensor, place: Place, tokens: AnchorTokens) -> torch.Tensor | None:
    """(vocabulary,) scores of a row without what must not come next; None where all may."""
    if place.standing:
        away = joined(ids for tried, ids in tokens.of(*_LEADS_AWAY).items() if place.allows(tried))
        away = away[away < len(scores)].to(scores.device)
        return torch.full_like(scores, FORBIDDEN).index_copy_(0, away, scores[away]) if len(away) else None
    classes = place.classes
    if "unit" in classes and not (place.finishes("s") or place.finishes(" sec")):
        classes = [name for name in classes if name != "unit"]
    tried = tokens.of(*classes).items() if classes else ()
    ids = joined(ids for text, ids in tried if not place.allows(text))
    return scores.index_fill(0, ids[ids < len(scores)].to(scores.device), FORBIDDEN) if len(ids) else None
