"""Quotations in prose: double, single, curly and mismatched marks, and marks that somebody forgot."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

_MARK = re.compile(r"\"{1,3}|''+|[‘’]{2}|[“”„«»]|['‘’]|\n")
_INTRODUCED = re.compile(
    r"\b(?:says?|said|saying|asks?|asking|adds?|adding|states?|stating|reads?|reading|replie[sd]|replying|responds?|"
    r"responding|continues?|shows?|displays?|explains?|explaining|answers?|shouts?|yells?|exclaims?|titled|labell?ed|"
    r"texts?|words?|with|by)[,:]?[ `]*$"
)
_COLON = re.compile(r"(?<=[a-z]):[ \t]+(?=[A-Z])")
_SENTENCE_START = re.compile(r"(?<=[.!?])[ \t]+(?=\S)")
_ADDRESS = re.compile(r"\b(?:i|you|your|we|us|our|my|me|let's|don't|it's|i'm)\b", re.IGNORECASE)
_NARRATED = re.compile(  # the caption speaks again
    r"^(?:The|An?|He|She|They|It|As|Next|Then|In|His|Her|Their|Another|This|These|Two|Both|At|On|With|While|When|"
    r"Finally|Meanwhile|After|Behind|Throughout|During|Following|Further|Lastly|Later|Subsequently|Audio|"
    r"[A-Z][a-z]+ing)\b(?!')|\b(?:videos?|cameras?|scenes?|clips?|texts?|screen|background|audio|shots?|(?:wo)?m[ae]n|"
    r"speaker|narrat\w+|viewers?|frames?|voice|captions?|subtitles?)\b|[\"“”«»:]"
)
_SENTENCE = re.compile(r"\s+([^.!?]+[.!?]+)(?=\s|$)")
_ELISION = re.compile(r"(?:em|til|cause|bout|tis|twas|n|round|\d0s)\b", re.IGNORECASE)
_STOP = re.compile(r"[.!?]+(?=\s|$|[A-Z][a-z]+\s)")
_STRAY_BEHIND = ("", ".", "!", "?", "`")
_TRIM = " \t`*"


class Quotation(NamedTuple):
    """The quoted words, marks left out: half-open character range, and the mark that opened it ("single", "double").

    `outer_start` and `outer_end` take in the marks.
    """

    start: int
    end: int
    outer_start: int
    outer_end: int
    style: str


class _Mark(NamedTuple):
    start: int
    end: int
    double: bool
    opens: bool  # its surroundings allow it to open a quotation
    closes: bool  # ... to close one
    introduced: bool  # a word like "says" stands right before it


def find_quotations(text: str) -> list[Quotation]:
    """Find the quotations of `text`, never across a line break, in time linear in its length.

    An apostrophe is no mark. A mark that was forgotten is set where the sentence ends (closing) or behind the colon
    that introduces the words (opening); an opening and a closing mark need not be of the same shape.

    Args:
        text: prose of any length.

    Returns:
        The outermost quotations, in order, none overlapping another.

    Example:
        >>> [text[q.start : q.end] for text in ["She says, 'It's late,' and the sign reads “No”."]
        ...  for q in find_quotations(text)]
        ["It's late,", 'No']
    """
    found: list[Quotation] = []
    start, marks = 0, []
    for match in _MARK.finditer(text):
        if match.group() == "\n":
            found += _in_paragraph(text, start, match.start(), marks)
            start, marks = match.end(), []
        else:
            marks.append(_read_mark(text, match))
    found += _in_paragraph(text, start, len(text), marks)
    return found


def _read_mark(text: str, match: re.Match) -> _Mark:
    start, end, sign = match.start(), match.end(), match.group()
    double = len(sign) > 1 or sign in '"“”„«»'
    left = start
    while left and text[left - 1] == "`" and start - left < 4:
        left -= 1
    right = end
    while right < len(text) and text[right] == "`" and right - end < 4:
        right += 1
    before = text[left - 1] if left else " "
    after = text[right] if right < len(text) else " "
    tight_behind = before not in " \t\n,:`" and after in " \t\n.,;!?)"  # "Made with" ends, it introduces nothing
    introduced = not tight_behind and _INTRODUCED.search(text, max(0, start - 20), start) is not None
    if double:
        opens = (
            after not in " \t\n,.;:!?)"
            or introduced
            or text.startswith("..", right)
            or text[max(0, left - 3) : left].rstrip()[-1:] in (",", ":")
        )
        closes = not before.isspace() or after.isspace()
        return _Mark(start, end, True, opens, closes, introduced)
    within_word = before.isalnum() and after.isalnum()
    tight = within_word and before.islower() and after.isupper() and text[max(0, start - 2) : start].isalpha()
    if within_word and not (tight and introduced):
        return _Mark(start, end, False, False, False, False)
    opens = not after.isspace() and (not before.isalnum() or introduced) and sign != "’"
    opens = opens and before not in ".!?)" and not (before.isspace() and _ELISION.match(text, end))
    closes = not before.isspace() and (not after.isalnum() or before in ".,!?…")
    return _Mark(start, end, False, opens, closes, introduced)


def _in_paragraph(text: str, start: int, end: int, marks: list[_Mark]) -> list[Quotation]:
    doubles = [mark for mark in marks if mark.double]
    singles = [mark for mark in marks if not mark.double and (mark.opens or mark.closes)]
    if not doubles and not singles:
        return []
    found = _pair_doubles(text, start, end, doubles, singles)
    found += _pair_singles(text, found, singles)
    return sorted(found)


def _pair_doubles(text: str, start: int, end: int, marks: list[_Mark], singles: list[_Mark]) -> list[Quotation]:
    found: list[Quotation] = []
    opened: _Mark | None = None
    free = start  # where the words outside quotations last began
    for i, mark in enumerate(marks):
        if opened is not None:
            following = marks[i + 1] if i + 1 < len(marks) else None
            if not _opens_again(mark, following):
                _append(found, text, opened, mark.start, mark.end)
                opened, free = None, mark.end
                continue
            free = _append_unclosed(found, text, opened, mark.start, singles)
            opened = mark
        elif mark.opens and not _closes_single(text, mark, singles, free):
            opened = mark
        elif mark.closes:
            _append_unopened(found, text, free, mark, singles)
            free = mark.end
    stray = opened is not None and text[start : opened.start].rstrip()[-1:] in _STRAY_BEHIND
    if opened is not None and not (stray and not _is_said(text, opened.end, end)):
        _append_unclosed(found, text, opened, end, singles)
    return found


def _pending(singles: list[_Mark], start: int, end: int) -> _Mark | None:
    """The last single mark in a stretch that opens a quotation none there closes."""
    pending = None
    for mark in _between(singles, start, end):
        pending = mark if mark.opens else None if mark.closes else pending
    return pending


def _closes_single(text: str, mark: _Mark, singles: list[_Mark], free: int) -> bool:
    """Whether a double mark that could open a quotation closes one that a single mark opened."""
    if mark.introduced or not (mark.closes or text[mark.start - 1] in ".!?"):
        return False
    return _pending(singles, free, mark.start) is not None


def _opens_again(mark: _Mark, following: _Mark | None) -> bool:
    """Whether a mark inside an open quotation starts another one, because the closing mark was forgotten."""
    if mark.introduced:
        return True
    return not mark.closes and following is not None and following.closes and not following.introduced


def _pair_singles(text: str, taken: list[Quotation], singles: list[_Mark]) -> list[Quotation]:
    found: list[Quotation] = []
    opened: _Mark | None = None
    borders = [quotation.outer_start for quotation in taken]
    for i, mark in enumerate(singles):
        at = bisect_left(borders, mark.start + 1) - 1
        if at >= 0 and mark.start < taken[at].outer_end:
            continue
        if opened is not None and at >= 0 and taken[at].outer_start > opened.start:
            opened = None  # a single-quoted passage does not reach over a double-quoted one
        if opened is None:
            opened = mark if mark.opens else None
        elif mark.closes and not _is_possessive(text, mark, singles[i + 1] if i + 1 < len(singles) else None):
            _append(found, text, opened, mark.start, mark.end)
            opened = None
    return found


def _is_possessive(text: str, mark: _Mark, following: _Mark | None) -> bool:
    """Whether a single mark inside a quotation is a plural's apostrophe ("the rats' cage"): a closing one follows."""
    if following is None or following.opens or text[following.start - 1] not in ".,!?":
        return False
    return text[mark.start - 1] == "s" and text[mark.end : mark.end + 2].strip().islower()


def _append(found: list[Quotation], text: str, opened: _Mark, end: int, outer_end: int) -> None:
    start = opened.end
    while start < end and text[start] in _TRIM:
        start += 1
    while end > start and text[end - 1] in _TRIM:
        end -= 1
    if end - start > 2 and text[start] in "'‘" and text[end - 1] in "'’":
        start, end = start + 1, end - 1
    if any(char.isalnum() for char in text[start:end]):
        style = "double" if opened.double else "single"
        found.append(Quotation(start, end, opened.start, outer_end, style))


def _append_unclosed(found: list[Quotation], text: str, opened: _Mark, limit: int, singles: list[_Mark]) -> int:
    """Close a quotation at a single mark behind a stop, else at the end of its sentence; return where it ends."""
    for mark in _between(singles, opened.end, limit):
        if mark.closes and not mark.opens and text[mark.start - 1] in ".,!?":
            _append(found, text, opened, mark.start, mark.end)
            return mark.end
    stop = _STOP.search(text, opened.end, limit)
    end = _said_on(text, stop.end(), limit) if stop else limit
    _append(found, text, opened, end, end)
    return end


def _said_on(text: str, end: int, limit: int) -> int:
    """Where an unclosed quotation ends that goes on in short or addressing sentences behind its first one."""
    last = end
    for _ in range(6):
        sentence = _SENTENCE.match(text, end, limit)
        if sentence is None or _NARRATED.search(sentence[1]):
            break
        end = sentence.end()
        if _ADDRESS.search(sentence[1]) or len(sentence[1].split()) < 6:
            last = end
    return last


def _is_said(text: str, start: int, limit: int) -> bool:
    """Whether words behind a lone mark at the start of a sentence address somebody."""
    stop = _STOP.search(text, start, limit)
    words = text[start : stop.end() if stop else limit]
    return words[:1].isupper() and _ADDRESS.search(words) is not None and not _NARRATED.search(words)


def _append_unopened(found: list[Quotation], text: str, free: int, mark: _Mark, singles: list[_Mark]) -> None:
    """Open a quotation at a single mark, behind a colon, or at the start of a sentence that addresses somebody."""
    opener = _pending(singles, free, mark.start)
    if opener is None:
        begin = max((match.end() for match in _COLON.finditer(text, free, mark.start)), default=None)
        if begin is None:
            begin = _addressing_from(text, free, mark.start)
        if begin is None:
            return
        opener = _Mark(begin, begin, True, True, False, False)
    _append(found, text, opener, mark.start, mark.end)


def _addressing_from(text: str, free: int, end: int) -> int | None:
    """The first of the sentences right before `end` that nobody but a speaker would say, or None."""
    borders = [free, *(match.end() for match in _SENTENCE_START.finditer(text, free, end)), end]
    begin = None
    for i in range(len(borders) - 2, -1, -1):
        sentence = text[borders[i] : borders[i + 1]]
        if begin is not None and _NARRATED.search(sentence.strip()):
            break
        if _ADDRESS.search(sentence):
            begin = borders[i]
        elif begin is None and (_NARRATED.search(sentence) or len(sentence.split()) > 5):
            break
    return begin


def _between(marks: list[_Mark], start: int, end: int) -> Iterator[_Mark]:
    return islice(marks, bisect_left(marks, (start,)), bisect_left(marks, (end,)))
