"""Time anchors in prose: the playing times a caption names ("At 3s", "from 0:03 to 0:05", "for five seconds")."""

from __future__ import annotations

import re
from typing import NamedTuple

ANCHOR_KINDS = ("point", "range", "duration")

_WORDS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": 30, "forty": 40, "forty-five": 45, "fifty": 50, "sixty": 60, "ninety": 90}

_NUMBER = (
    rf"(?:\d{{1,3}}(?:,\d{{3}}){{1,2}}(?![\d:])|(?!1[5-9]\d\ds|20\d\ds)\d{{1,6}}(?:[.,]\d{{1,3}})?(?![\d:])"
    rf"|\b(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})\b)"
)
_SECONDS = r"(?:seconds?|secs?|s)\b(?!['’]|-[a-z])"
_MINUTES = r"(?:minutes?|mins?)\b(?!-[a-z])"
_GAP = r"[ \t-]?"
_CLOCK = r"\d{1,3}:\d{1,2}(?::\d{1,2})?(?:[.,]\d{1,3})?(?![\d:])(?!\s?[ap]\.?m\b)(?:\s?(?:s|min|minutes?)\b)?"
_TIMED = (  # a time with its unit, or a clock
    rf"(?:{_CLOCK}|\d{{1,3}}m\s?\d{{1,2}}s\b|{_NUMBER}{_GAP}{_MINUTES}(?:(?:\s|,\s?|\sand\s)?{_NUMBER}{_GAP}{_SECONDS})?"
    rf"|{_NUMBER}{_GAP}{_SECONDS})"
)
_UNIT = re.compile(rf"{_SECONDS}|{_MINUTES}|\dm")
_ABOUT = r"(?:about|around|approximately|approx\.?|roughly|nearly|exactly|just|only|the|time|timestamp|~|≈)"
_BROKEN = (  # shapes no reader can turn into a time: "12ss", "3.5.2s", "-4s", "0:5:", "?s"
    r"(?:-\s?\d{1,6}(?:\.\d+)?\s?s\b|\d{1,6}s{2,5}\b|\d{1,6}(?:\.\d{1,6}){2,4}\s?s?\b|\d{1,3}:\d{0,2}:(?!\d)|\d{1,3}:s\b"
    r"|[?_xX]{1,3}\s?s\b|s(?=,))"
)
_BEFORE = (
    rf"(?:at|around|near|until|till|from|since|@|by(?!\s[\w.]+\s(?:{_SECONDS}|{_MINUTES})))(?:\s{{1,3}}{_ABOUT}){{0,3}}"
)
_TO = r"\s{0,3}(?:to|until|till|through|-|–|—|~)\s{0,3}(?:about\s|around\s|the\s)?"
_OPEN, _CLOSE = r"[\[(<]\s?", r"\s?[\])>]"

_ANCHOR = re.compile(
    rf"""(?<!\w)(?:
    (?P<first>\b(?:in|within|during|over|for|throughout)\s(?:about\s)?the\s(?:first|opening|initial)\s
        (?P<first_time>{_NUMBER}{_GAP}(?:{_SECONDS}|{_MINUTES})))
    | (?P<range>\b(?:(?P<between>between)|from|during|at|around)\s{{1,3}}(?:{_ABOUT}\s{{1,3}}){{0,2}}
        (?P<begin>{_TIMED}|{_NUMBER})(?(between)(?:{_TO}|\sand\s(?:about\s|the\s)?)|{_TO})(?P<end>{_TIMED})
        (?:{_GAP}mark\b)?)
    | (?P<bare>(?<!\w)(?P<bare_begin>{_TIMED}){_TO}(?P<bare_end>{_TIMED}))
    | (?P<bracket>[\[(<]\s?(?:(?:at|time|t)[:=]?\s?)?(?P<bracket_time>{_TIMED})\s?[\])>])
    | (?P<point>(?:\b{_BEFORE}|@)\s{{0,3}}(?P<point_time>{_TIMED})(?:{_GAP}mark\b)?
        (?:\sinto?\b(?:\sthe\s\w{{1,20}})?)?)
    | (?P<after>\bafter\s{{1,3}}(?P<after_time>\d{{1,6}}(?:\.\d{{1,3}})?s\b|{_CLOCK}))
    | (?P<mark>\b(?P<mark_time>{_TIMED}){_GAP}mark\b)
    | (?P<into>\b(?P<into_time>{_TIMED})\s(?:in(?=[,.])|into\sthe\s(?:video|clip|footage|recording|film)\b))
    | (?P<duration>\b(?:for|lasting|lasts|lasted|over|within|spanning|during|after|in(?=\sthe\s(?:last|final)))
        (?:\s{{1,3}}(?:{_ABOUT}|at\sleast|another|more\sthan|less\sthan|a\sfull|a\stotal\sof|the\slast|the\sfinal
        |the\snext)){{0,2}}\s{{1,3}}(?P<duration_time>{_TIMED}))
    | (?P<broken>(?:\bat\s|\bfrom\s|\[)\s?{_BROKEN}))
    """,
    re.IGNORECASE | re.VERBOSE,
)
# "3s: ..." and "0:03 - ..." at the start of a line or a sentence.
_LEADING = re.compile(
    rf"(?:(?<=\n)|(?<=[.!?]\s)|(?<![\s\S]))[ \t]{{0,3}}[-*•]?[ \t]{{0,3}}(?P<leading>{_TIMED})\s?[:,–—-](?=\s)",
    re.IGNORECASE,
)
_SHOWN_CLOCK = re.compile(r"\b(?:timer|clock|countdown|stopwatch|watch|score|odds|ratio|counter)\b[^.!?\n]{0,60}$")
_NO_ANCHOR_BEHIND = (" later", " earlier", " ago", " away", " old", " timer", " countdown")
_DECADE = re.compile(r"\bthe\s+[2-9]0s$", re.IGNORECASE)


class Anchor(NamedTuple):
    """One playing time and its half-open character range.

    Attributes:
        start: offset of its first character.
        end: offset behind its last character.
        span: the words, verbatim.
        kind: "point", "range" or "duration".
        times: seconds: (t,) of a point, (start, end) of a range, (length,) of a duration; () where none can be read.
        malformed: no valid time: minutes or seconds above 59, a range that runs backwards, a broken number.
    """

    start: int
    end: int
    span: str
    kind: str
    times: tuple[float, ...]
    malformed: bool


def parse_anchors(text: str) -> list[Anchor]:
    """Find the playing times that `text` names, in order; money, years and "5 seconds later" are none.

    Args:
        text: prose of any length.

    Returns:
        The anchors; no two overlap.

    Example:
        >>> [(a.span, a.kind, a.times) for a in parse_anchors("At 3s, he waves from 0:04 to 0:06.")]
        [('At 3s', 'point', (3.0,)), ('from 0:04 to 0:06', 'range', (4.0, 6.0))]
    """
    found = [anchor for match in _ANCHOR.finditer(text) if (anchor := _read(text, match))]
    found += [_anchor(match, "leading", "point", _seconds(match["leading"])) for match in _LEADING.finditer(text)]
    found.sort()
    return [anchor for i, anchor in enumerate(found) if not i or anchor.start >= found[i - 1].end]


_FIRST = re.compile(r"^(?:in|within|during|over|for|throughout)\b", re.IGNORECASE)
_TIME = re.compile(
    rf"{_TIMED}|{_NUMBER}(?=\s{{0,3}}(?:to|until|till|through|and|-|–|—|~)\b|\s{{0,3}}[-–—~])", re.IGNORECASE
)


def shift_anchors(text: str, seconds: float) -> str:
    """Move the times that a text names, as when it tells of a part of a clip; how long something lasts stays.

    Args:
        text: prose.
        seconds: how far each is moved; whole numbers stay whole where it is whole.

    Returns:
        The text with its times in seconds, all else as it was.

    Example:
        >>> shift_anchors("At 3s, he waves for 2 seconds, from 0:04 to 0:06, [0:07].", 60)
        'At 63s, he waves for 2 seconds, from 64s to 66s, [67s].'
    """
    if not seconds:
        return text
    parts, done = [], 0
    for anchor in parse_anchors(text):
        if anchor.kind == "duration" or anchor.malformed:
            continue
        moved = [f"{round(time + seconds, 1):g}s" for time in anchor.times]
        parts += [text[done : anchor.start], _moved(anchor.span, moved)]
        done = anchor.end
    return "".join([*parts, text[done:]])


def _moved(span: str, times: list[str]) -> str:
    """A span with other times; what begins with the clip ("in the first 5 seconds") no longer does."""
    if _FIRST.match(span):
        from_ = "From" if span[0].isupper() else "from"
        return f"{from_} {times[0]} to {times[1]}"
    left = iter(times)
    return _TIME.sub(lambda match: next(left, match[0]), span)


def _read(text: str, match: re.Match) -> Anchor | None:
    shape = match.lastgroup
    if text.startswith(_NO_ANCHOR_BEHIND, match.end()) or _DECADE.search(match.group()):
        return None
    if shape != "bracket" and _SHOWN_CLOCK.search(text, max(0, match.start() - 70), match.start()):
        return None
    if shape in ("range", "bare"):
        begin, end = (match["begin"], match["end"]) if shape == "range" else (match["bare_begin"], match["bare_end"])
        return _anchor(match, shape, "range", _seconds(begin, unit_of=end), _seconds(end))
    if shape == "first":
        return _anchor(match, shape, "range", (0.0, False), _seconds(match["first_time"]))
    if shape == "broken":
        return _anchor(match, shape, "point")
    return _anchor(match, shape, "duration" if shape == "duration" else "point", _seconds(match[f"{shape}_time"]))


def _anchor(match: re.Match, shape: str, kind: str, *readings: tuple[float, bool]) -> Anchor:
    times = tuple(seconds for seconds, _ in readings)
    malformed = not times or any(broken for _, broken in readings) or times != tuple(sorted(times))
    return Anchor(*match.span(shape), match[shape], kind, times, malformed)


def _seconds(time: str, unit_of: str = "") -> tuple[float, bool]:
    """Read "3.5s", "1:05", "1m05s" or "five" (which takes the unit of its partner): seconds, and whether malformed."""
    time = time.strip().lower()
    if ":" in time:
        fields = re.findall(r"\d+(?:[.,]\d+)?", time)
        seconds = 0.0
        for field in fields:
            seconds = seconds * 60 + _number(field)
        return seconds, any(len(field) < 2 or _number(field) >= 60 for field in fields[1:])
    numbers = [_number(word) for word in re.findall(r"\d+(?:,\d{3})*(?:[.,]\d+)?|\b(?:[a-z]+-five|[a-z]+)", time)]
    numbers = [number for number in numbers if number is not None]
    if len(numbers) > 1:
        return numbers[0] * 60 + numbers[1], numbers[1] >= 60
    unit = time if _UNIT.search(time) else unit_of.lower()
    return numbers[0] * (60 if "m" in unit else 1), False


def _number(word: str) -> float | None:
    if word[0].isdigit():
        whole = re.fullmatch(r"\d{1,3}(?:,\d{3})+", word)
        return float(word.replace(",", "" if whole else "."))
    return float(_WORDS[word]) if word in _WORDS else None
