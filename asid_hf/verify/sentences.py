"""Prose into sentences, each with its place in the text, so that nothing is lost or doubled."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof sr jr st vs etc no inc ltd co corp gen col lt sgt capt rev hon fig approx dept est feat ft vol "
    "jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_DOTTED = re.compile(r"(?:^|[\s(\[\"“])(?:[A-Za-z]\.)+$")  # "U.S.", "e.g.", an initial
# Behind a stop comes white space, the end, or (a space was forgotten) a capitalised word.
_STOP = re.compile(r"(?<![.!?…])[.!?…]++[\"”’')\]]*+(?=\s|$)|(?<=[a-z])[.!?](?=[A-Z][a-z])|\n++")
_FOLLOWING = re.compile(r"[ \t]*+([^ \t])?")
_LAST_WORD = re.compile(r"([A-Za-z]+)\.$")
_OPENING = "([{-–—/"


class Sentence(NamedTuple):
    """A sentence and its half-open character range in the text it came from.

    Attributes:
        text: the sentence, without surrounding white space.
        start: offset of its first character.
        end: offset behind its last character; `source[start:end] == text`.
    """

    text: str
    start: int
    end: int


def split_sentences(text: str) -> list[Sentence]:
    """Split `text` at sentence ends and line breaks; every non-space character lands in exactly one sentence.

    A full stop inside a quotation, an abbreviation, an initial or a number does not end a sentence, so a quoted
    speech of several sentences stays with the words that introduce it.

    Args:
        text: prose of any length; may be empty.

    Returns:
        The sentences in order, each with its offsets.

    Example:
        >>> [s.text for s in split_sentences('At 2s, he says, "No. Not now." The room is dark.')]
        ['At 2s, he says, "No. Not now."', 'The room is dark.']
    """
    spans: list[tuple[int, int]] = []
    start, quoted = 0, quoted_ranges(text)
    for stop in _STOP.finditer(text):
        if not _ends_sentence(text, stop, quoted):
            continue
        _append(spans, text, start, stop.end())
        start = stop.end()
    _append(spans, text, start, len(text))
    return [Sentence(text[start:end], start, end) for start, end in spans]


def quoted_ranges(text: str) -> list[tuple[int, int]]:
    """Find double-quoted passages; a quotation mark without a partner in its paragraph counts for nothing.

    Args:
        text: prose of any length.

    Returns:
        (start, end) of the words between each pair of marks, the marks left out, in order.

    Example:
        >>> quoted_ranges('He says, "Go on."')
        [(10, 16)]
    """
    ranges, opened = [], None
    for i, char in enumerate(text):
        if char == "\n":
            opened = None
        elif char in '"“”':
            before = text[i - 1] if i else " "
            opens = char == "“" or (char == '"' and opened is None and (before.isspace() or before in _OPENING))
            # A straight mark that stands tight behind a space can only open, also where a closing one was forgotten.
            after = text[i + 1] if i + 1 < len(text) else " "
            if char == '"' and opened is not None and before.isspace() and not after.isspace():
                opens = True
            if opens:
                opened = i + 1
            elif opened is not None:
                ranges.append((opened, i))
                opened = None
    return ranges


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        return
    if spans and not any(char.isalnum() for char in text[start:end]):  # stray marks belong to what they follow
        start = spans.pop()[0]
    spans.append((start, end))


def _ends_sentence(text: str, stop: re.Match, quoted: list[tuple[int, int]]) -> bool:
    if "\n" in stop.group():
        return True
    at = bisect_right(quoted, (stop.start(), len(text))) - 1
    if at >= 0 and stop.end() <= quoted[at][1]:
        return False
    following = _FOLLOWING.match(text, stop.end())[1]
    if following and following.islower():
        return False
    if stop.group() != ".":
        return True
    head = text[max(0, stop.start() - 20) : stop.end()]
    word = _LAST_WORD.search(head)
    return not (word and word.group(1).lower() in _ABBREVIATIONS) and not _DOTTED.search(head)
