"""The tokens of a vocabulary that can finish an anchor, or lead away from one, sorted by what they write.

All tokens of one class do the same behind the same text, so one of them is tried for all. Two or three hundred of the
150,000 tokens of Qwen can finish an anchor at all: units, "mark", brackets, what follows "40 seconds in".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

import torch

from .decoding_vocabulary import Vocabulary

NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": 30, "forty": 40, "forty-five": 45, "fifty": 50, "sixty": 60, "ninety": 90}
FINISHED_WORDS = "seconds secs s minutes mins mark video clip footage recording film into in".split()
_SINGULAR = ["second", "sec", "minute", "min"]
_ENDS = {word[i:] for word in FINISHED_WORDS + _SINGULAR for i in range(1, len(word))}
_OVER = r"(?!\w)"  # the word ends here


def _unit(match: re.Match) -> str:
    gap, word = match[1].replace("\t", " "), match[2]
    if word in ("s", "S"):
        return gap + word
    word = word.lower()
    return gap + ("ss" if set(word) == {"s"} else word[:3])


def _lower(match: re.Match) -> str:
    return match.group().lower()


_CLASSES: dict[str, tuple[str, Callable[[re.Match], str]]] = {
    # name: (how its tokens begin, what is tried for them)
    "unit": (r"([ \t-]?)(seconds?|secs?|s{1,5}|minutes?|mins?)(?![\w'’]|-[A-Za-z])", _unit),
    "ends": (rf"(?:{'|'.join(sorted(_ENDS, key=len, reverse=True))}){_OVER}(?!['’])", _lower),
    "broken": (rf":(?::|s{_OVER})|s{{1,5}}{_OVER}", _lower),
    "mark": (rf"[ \t-]?mark{_OVER}", _lower),
    "close": (r"\s?[\])>]", lambda match: match.group()[:-1] + "]"),
    "stop": (r"[,.]", lambda match: match.group()),
    "noun": (rf"\s?(?:video|clip|footage|recording|film){_OVER}", _lower),
    "lead": (r"(\s?[:,–—-])(?:\s|$)", lambda match: match[1] + " "),
    "space": (r"\s", lambda match: " "),
    "letter": (r"\w", lambda match: "z"),
    "digit": (r"\d+", lambda match: match.group()),
    "colon": (r":\d*$", lambda match: match.group()),
    "point": (r"[.,]\d*$", lambda match: match.group()),
    "half day": (rf"\s?[ap]\.?m{_OVER}|\.?m{_OVER}|(?:\s|\.|\s?[ap]\.?)$", _lower),
    "compound": (r"-(?:$|[A-Za-z])|['’]", lambda match: match.group()[:1] + ("z" if len(match.group()) > 1 else "")),
    "counter": (rf" (?-i:timer|countdown){_OVER}", _lower),
    "and": (r"(?:\sand\s?|,\s?|\s)$", _lower),
    "word": (rf"[ -]?(?:{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))})$", _lower),
}


class AnchorTokens:
    """Ids by class and by what is tried for them.

    Example:
        >>> tokens = AnchorTokens(Vocabulary([b" seconds", b" sec", b"s", b" dog", None]))
        >>> {tried: ids.tolist() for tried, ids in tokens.of("unit").items()}
        {' sec': [0, 1], 's': [2]}
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        found: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in _CLASSES}
        rules = [
            (found[name], re.compile(begin, re.IGNORECASE).match, tried) for name, (begin, tried) in _CLASSES.items()
        ]
        for token, text in enumerate(vocabulary.texts):
            for ids, match, tried in rules if text else ():
                if begun := match(text):
                    ids[tried(begun)].append(token)
        self._merged: dict[tuple[str, ...], dict[str, torch.Tensor]] = {}
        self._ids = {
            name: {tried: torch.tensor(ids, dtype=torch.long) for tried, ids in classes.items()}
            for name, classes in found.items()
        }

    def of(self, *names: str) -> dict[str, torch.Tensor]:
        """What is tried -> its ids (int64), of one class or several.

        Example:
            >>> AnchorTokens(Vocabulary([b"]", b"),"])).of("close")
            {']': tensor([0, 1])}
        """
        if len(names) == 1:
            return self._ids[names[0]]
        if names not in self._merged:
            merged: dict[str, list[torch.Tensor]] = defaultdict(list)
            for name in names:
                for tried, ids in self._ids[name].items():
                    merged[tried].append(ids)
            self._merged[names] = {tried: torch.cat(ids).unique() for tried, ids in merged.items()}
        return self._merged[names]


def joined(ids: Iterable[torch.Tensor]) -> torch.Tensor:
    """Several tensors of ids as one; an empty one for none.

    Example:
        >>> joined([]).tolist(), joined([torch.tensor([1]), torch.tensor([2])]).tolist()
        ([], [1, 2])
    """
    parts = list(ids)
    return torch.cat(parts) if parts else torch.empty(0, dtype=torch.long)
