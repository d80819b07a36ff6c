"""What the spotters share: the plain view of a text, a hit, its surroundings, and whether it is negated."""

from __future__ import annotations

import re
from typing import NamedTuple

from asid_hf.verify.spotting.quotations import Quotation

BLANK = "¤"
"""Stands for every character of a quotation in a plain text, so that no cue is found inside one."""

_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-", "\u00a0": " ", "\t": " "})
_NOT_BEFORE = re.compile(
    r".*(?:\b(?:no|not|never|without|nobody|no one|none|neither|nor|cannot|lacks?|lacking|absence of|devoid of|free of)"
    r"|n't)\b(?! only| (?:see|seen|shown|visible)\b)(?P<between>(?:\s+[\w'-]{1,30}){0,4}\s*)",
    re.DOTALL,
)
_NEITHER = re.compile(r"\s+neither\b")
_TURN = re.compile(r"\b(?:but|as|while|and|when|only|then|with|just|instead)\b")
_NOT_BEHIND = re.compile(
    r"[\w\s'-]{0,20}?\b(?:(?:is|are|was|were|can|could)(?:n't| not|not)\s+(?:be\s+)?(?:heard|audible|present|playing|"
    r"played|visible|shown|seen|used|included|added|any)|(?:is|are) (?:absent|missing)|never (?:heard|appears?|"
    r"plays?))\b"
)


class Hit(NamedTuple):
    """A claim as a spotter finds it: offsets into the text it was given, and fields of `claims.Claim`.

    `piece_of` is the offset of the whole quotation where the hit is a quotation or a sentence of one, else -1.
    """

    start: int
    end: int
    kind: str
    value: str
    negated: bool = False
    quote: str | None = None
    speaker: str | None = None
    piece_of: int = -1


def plain_text(text: str, quotations: list[Quotation]) -> str:
    """Lower `text`, straighten its apostrophes and dashes, and blank its quotations; every offset stays what it was.

    Example:
        >>> plain_text('He SAYS, "No."', [Quotation(10, 13, 9, 14, "double")])
        'he says, ¤¤¤¤¤'
    """
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow when lowered
        lowered = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    return blank_quotations(lowered, quotations).translate(_STRAIGHT)


def blank_quotations(text: str, quotations: list[Quotation]) -> str:
    """Put `BLANK` for every character of the quotations, marks and all.

    Example:
        >>> blank_quotations('He SAYS, "No."', [Quotation(10, 13, 9, 14, "double")])
        'He SAYS, ¤¤¤¤¤'
    """
    pieces, end = [], 0
    for quotation in quotations:
        pieces += [text[end : quotation.outer_start], BLANK * (quotation.outer_end - quotation.outer_start)]
        end = quotation.outer_end
    return "".join([*pieces, text[end:]])


def before(plain: str, at: int, size: int = 110) -> str:
    """The last `size` characters before offset `at`; bounded, so that a huge sentence costs no more than its length.

    Example:
        >>> before("the camera pans", 11, 7)
        'camera '
    """
    return plain[max(0, at - size) : at]


def behind(plain: str, at: int, size: int = 110) -> str:
    """The first `size` characters from offset `at` on.

    Example:
        >>> behind("the camera pans left", 15, 3)
        ' le'
    """
    return plain[at : at + size]


def is_negated(plain: str, start: int, end: int) -> bool:
    """Whether a word of negation governs `plain[start:end]` from before ("no music") or behind ("music is not heard").

    Example:
        >>> is_negated("there is no background music", 23, 28), is_negated("not loud, but music plays", 14, 19)
        (True, False)
    """
    denial = _NOT_BEFORE.fullmatch(before(plain, start, 60))
    if denial and not _TURN.search(denial["between"]):
        return True
    behind_it = behind(plain, end, 60)
    return (_NOT_BEHIND.match(behind_it) or _NEITHER.match(behind_it)) is not None
