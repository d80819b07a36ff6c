"""Which numbers can still become a time inside the clip, while they are written digit by digit."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

try:
    from asid_hf.anchors import Anchor
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .anchors import Anchor

from .decoding_anchor_tokens import NUMBER_WORDS

LONGEST = 36_000  # seconds: the numbers of longer clips are not told apart
_WORD = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_NUMBER = rf"\d+(?:[:.,]\d*)*|\b(?:{_WORD})\b"
_TIME = re.compile(
    rf"({_NUMBER})(?:[ \t-]?m(?:in(?:ute)?s?)?(?:\s|,\s?|\sand\s)?({_NUMBER})[ \t-]?s(?:ec(?:ond)?s?)?\b)?",
    re.IGNORECASE,
)


class Number(NamedTuple):
    """A number in an anchor that tells a time no anchor may tell.

    Attributes:
        start: offset in the anchor's span.
        text: the number as written.
        low, high: seconds; what it may tell, both ends included.
        minutes: what stands before it ("1 minute and 50 seconds"), in minutes.
    """

    start: int
    text: str
    low: float
    high: float
    minutes: float = 0.0


def offending_number(anchor: Anchor, last: float, limit: float) -> Number | None:
    """The number that makes an anchor faulty; None where there is none to blame.

    Args:
        anchor: a faulty one, see `decoding_text.told`.
        last: seconds; start of the anchor before it.
        limit: seconds; the last time inside the clip.

    Example:
        >>> from asid_hf.anchors import parse_anchors
        >>> offending_number(parse_anchors("from 3s to 40s")[0], 0.0, 9.0)
        Number(start=11, text='40', low=3.0, high=9.0, minutes=0.0)
    """
    times = list(_TIME.finditer(anchor.span))
    if not times:
        return None
    place, low = 0, last
    if anchor.kind == "range" and len(times) > 1 and anchor.times and last <= anchor.times[0] <= limit:
        place, low = -1, anchor.times[0]
    match = times[place]
    if match[2] is None:
        return Number(match.start(1), match[1], low, limit)
    minutes = _value(match[1])
    if not _tells_minutes(minutes, low, limit):
        return Number(match.start(1), match[1], low, limit)
    return Number(match.start(2), match[2], low, limit, minutes)


def can_become(written: str, number: Number) -> bool:
    """Whether what is written of a number may still become a time it may tell: seconds, minutes, or a clock.

    Args:
        written: its first characters, or a number word.
        number: its bounds.

    Example:
        >>> number = Number(0, "1037", 3.0, 17.0)
        >>> [can_become(written, number) for written in ("1", "10", "103", "2", "0:1", "0:2", "twelve", "twenty")]
        [True, True, False, False, True, False, True, False]
    """
    low, high = number.low - 60 * number.minutes, min(number.high, LONGEST) - 60 * number.minutes
    written = written.lower()
    if not written[:1].isdigit():
        value = NUMBER_WORDS.get(written)
        return value is None or low <= value <= high or (not number.minutes and _tells_minutes(value, low, high))
    written = re.sub(r"(?<=\d),(?=\d{3})", "", written)
    if ":" not in written and re.search(r"[.,]\d", written):
        decimals = re.split(r"[.,]", written)[1]
        value, step = float(f"{int(re.split('[.,]', written)[0])}.{decimals}"), 10.0 ** -len(decimals)
        return value <= high and value + step > low
    return written.rstrip(".,") in _beginnings(math.floor(low), math.floor(high), bool(number.minutes))


def _tells_minutes(minutes: float, low: float, high: float) -> bool:
    return 60 * minutes <= high and 60 * minutes + 60 > low


def _value(word: str) -> float:
    word = word.lower()
    return float(NUMBER_WORDS[word]) if word in NUMBER_WORDS else float(re.match(r"\d+", word).group())


@lru_cache(maxsize=64)
def _beginnings(low: int, high: int, in_minute: bool) -> frozenset[str]:
    """What all spellings of the whole seconds from `low` to `high` begin with."""
    found: set[str] = set()
    for second in range(max(low, 0), high + 1):
        for spelling in _in_minute(second) if in_minute else _spellings(second):
            found.update(spelling[:end] for end in range(len(spelling) + 1))
    return frozenset(found)


def _in_minute(second: int) -> list[str]:
    return [str(second), f"{second:02d}"] if second < 60 else []


def _spellings(second: int) -> list[str]:
    minutes, seconds = divmod(second, 60)
    hours, rest = divmod(minutes, 60)
    spelled = [str(second), f"{minutes}:{seconds:02d}", f"{minutes:02d}:{seconds:02d}"]
    spelled.append(f"{hours:02d}:{rest:02d}:{seconds:02d}")
    if hours:
        spelled.append(f"{hours}:{rest:02d}:{seconds:02d}")
    return [*spelled, str(minutes)] if minutes else spelled
