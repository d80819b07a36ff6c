"""The place in a text where the next token may finish an anchor: what may come there, and what is wrong already."""

from __future__ import annotations

import re
from functools import lru_cache

try:
    from asid_hf.anchors import Anchor, parse_anchors
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .anchors import Anchor, parse_anchors

from .decoding_anchor_tokens import NUMBER_WORDS
from .decoding_numbers import Number, can_become
from .decoding_text import CaptionText, told

_WORDS = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_DIGIT = rf"(?:\d|\b(?:{_WORDS}))"
_UNIT = r"(?:seconds?|secs?|s|minutes?|mins?)"
_TIMED = rf"(?:{_DIGIT}[ \t-]?{_UNIT}|\d:\d{{1,2}}(?::\d{{1,2}})?(?:[.,]\d{{1,3}})?)"
_HOT = re.compile(_DIGIT, re.IGNORECASE)
_TAIL = 60  # characters in which what decides about the next token stands
# What the text ends in, and the classes of tokens that may finish an anchor there.
_FINISHED_BY = [
    (re.compile(ends, re.IGNORECASE), classes)
    for ends, classes in [
        (rf"{_DIGIT}[ \t-]?$", ("unit", "broken")),
        (r"\ds{1,4}$", ("broken",)),
        (r"\d:\d{0,2}$", ("broken", "colon")),
        (rf"{_DIGIT}[ \t-]?[sm][a-z]{{0,6}}$", ("ends",)),
        (rf"{_TIMED}\s?$", ("mark", "close", "lead")),
        (rf"{_TIMED}[ \t-]?(?:m|ma|mar)$", ("ends",)),
        (rf"{_TIMED}\sin$", ("stop",)),
        (rf"{_TIMED}\sinto\sthe\s?$", ("noun",)),
        (rf"{_TIMED}\sinto\sthe\s[a-z]{{1,8}}$", ("ends",)),
        (rf"{_TIMED}\s?[:,–—-]$", ("space",)),
        (rf"\d\s?[ap]\.?m$|{_DIGIT}[ \t-]?{_UNIT}$", ("letter",)),
    ]
]
# What cannot make a wrong time where the other does not.
_SAME = {" s": " sec", "-s": " sec", "-sec": " sec", " S": " sec", "-S": " sec", "S": "s", "ſ": "s", "-min": " min"}
_SAME |= {" ss": "ss", "sss": "ss", "ssss": "ss", "sssss": "ss"}
# What follows an anchor that may still turn out to be none, or another one.
_HALF_DAY = re.compile(r"\s?(?:[ap]\.?)?", re.IGNORECASE)
_COMPOUND = re.compile(r"-(?:seconds?|secs?|minutes?|mins?)$", re.IGNORECASE)
_SECONDS_TO_COME = re.compile(
    rf"(?:\s|,\s?|\sand\s?)?(?:(?:\d{{1,6}}(?:[.,]\d{{0,3}})?|{_WORDS})(?:[ \t-]?(?:s(?:e(?:c(?:o(?:nd?)?)?)?)?)?)?)?",
    re.IGNORECASE,
)
_SECONDS = re.compile(rf"(\d+(?:[.,]\d*)?|{_WORDS})([ \t-]?[a-z]*)$", re.IGNORECASE)
_MAY_CHANGE = re.compile(
    rf"\d:[\d:]{{1,6}}(?:[.,]\d{{0,2}}|\s?(?:[ap]\.?)?)$|-(?:sec|min)[a-z]*-?$|(?-i:S)$"
    rf"|m(?:in)?[a-z]*{_SECONDS_TO_COME.pattern}$",
    re.IGNORECASE,
)


class Place:
    """The end of a text where the next token may finish an anchor, and what is wrong there already.

    Args:
        text: so far.
        limit: seconds; the last time that is inside the clip.

    Attributes:
        classes: of tokens that may finish an anchor there; see `decoding_anchor_tokens`.
        standing: a faulty anchor at the end that what comes next may still make another, or none; None mostly.

    Example:
        >>> from asid_hf.captioner.decoding_vocabulary import Vocabulary
        >>> text = CaptionText(Vocabulary([b"until 40"]), limit=17)
        >>> text.push(0)
        >>> place = Place(text, limit=17)
        >>> place.classes, [place.allows(tried) for tried in ("s", " sec", " dollars")]
        (['broken', 'unit'], [False, False, True])
    """

    def __init__(self, text: CaptionText, limit: float) -> None:
        self.limit = limit
        self._text = text
        self._view, self._begin = text.view()
        self._last: float | None = None
        self.classes = sorted(
            {name for ends, names in _FINISHED_BY if ends.search(text.text[-_TAIL:]) for name in names}
        )
        self.standing: Anchor | None = None  # a faulty anchor that may still change
        self._settled: set[tuple[int, tuple[float, ...]]] = set()
        self._told: dict[str, bool] = {}
        self._parsed: dict[str, list[Anchor]] = {}
        if self.classes or _MAY_CHANGE.search(text.text, max(0, len(text.text) - _TAIL)):
            self._look()

    def _look(self) -> None:
        anchors = self._anchors("")
        if not any(anchor.kind != "duration" for anchor in anchors):
            return
        for fault in told(anchors, self.last, self.limit)[0]:
            if self._may_change(fault, self._view):
                self.standing = fault
            else:
                self._settled.add((fault.start, fault.times))

    @property
    def last(self) -> float:
        """Start of the last anchor before the view."""
        if self._last is None:
            head = self._text.text[: self._begin + 1] if self._begin else ""
            self._last = _last_in(head, self._text.last, self.limit)
        return self._last

    def finishes(self, tried: str) -> bool:
        """Whether an anchor that is no duration reaches into what is tried."""
        return any(a.end > len(self._view) and a.kind != "duration" for a in self._anchors(tried))

    def allows(self, tried: str) -> bool:
        """Whether no anchor is faulty for good, with this behind the text."""
        if tried not in self._told:
            same = _SAME.get(tried)
            self._told[tried] = (same is not None and self.allows(same)) or self._allows(tried)
        return self._told[tried]

    def _allows(self, tried: str) -> bool:
        after, anchors = self._view + tried, self._anchors(tried)
        if not any(anchor.end >= len(self._view) - 40 for anchor in anchors):
            return True
        return all(self._may_change(fault, after) for fault in self._new_faults(anchors))

    def fault_with(self, tried: str) -> Anchor | None:
        """The anchor that is faulty with this behind the text, or without it already."""
        faults = self._new_faults(self._anchors(tried)) or self._new_faults(self._anchors(tried + " "))
        return faults[0] if faults else self.standing

    def last_before(self, fault: Anchor) -> float:
        """Start of the last sound anchor before a faulty one."""
        return told((a for a in self._anchors("") if a.end <= fault.start), self.last, self.limit)[1]

    def offset(self, place: int) -> int:
        """A place in the view as one in the text."""
        return self._begin + place

    def _anchors(self, tried: str) -> list[Anchor]:
        if tried not in self._parsed:
            self._parsed[tried] = parse_anchors(self._view + tried)
        return self._parsed[tried]

    def _new_faults(self, anchors: list[Anchor]) -> list[Anchor]:
        return [a for a in told(anchors, self.last, self.limit)[0] if (a.start, a.times) not in self._settled]

    def _may_change(self, fault: Anchor, text: str) -> bool:
        """Whether what comes next may still make a faulty anchor none, or a sound one."""
        rest, span = text[fault.end :], fault.span
        if len(rest) > 24:
            return False
        if re.search(r"\d:\d{1,2}:$", span):
            return not rest
        if re.search(r"\d:\d{1,2}(?::\d{1,2})?$", span):
            return bool(_HALF_DAY.fullmatch(rest)) or (self._grows(fault, 1.0) and bool(re.fullmatch(r"[.,]\d?", rest)))
        if _COMPOUND.search(span) or (span.endswith("S") and not span[-2:-1].isalpha()):
            return rest in ("", "-") if span[-1] != "S" else not rest
        return bool(
            re.search(r"m(?:in(?:ute)?s?)?$", span, re.IGNORECASE)
            and self._grows(fault, 60.0)
            and _SECONDS_TO_COME.fullmatch(rest)
            and self._leads_on(fault, rest)
        )

    def _leads_on(self, fault: Anchor, rest: str) -> bool:
        """Whether the seconds that are being written behind "1 minute and" can still make it late enough."""
        seconds = _SECONDS.search(rest)
        if not seconds:
            return True
        minutes, low = fault.times[-1] / 60, self._bound(fault)
        if not seconds[2]:
            return can_become(seconds[1], Number(0, "", low, self.limit, minutes))
        word = seconds[1].lower()
        value = NUMBER_WORDS[word] if word in NUMBER_WORDS else float(word.replace(",", "."))
        return low <= fault.times[-1] + value <= self.limit

    def _grows(self, fault: Anchor, more: float) -> bool:
        """Whether a time that is too early would not be, were it longer by less than `more` seconds."""
        if not fault.times or max(fault.times) > self.limit:
            return False
        return fault.times[-1] + more > self._bound(fault)

    def _bound(self, fault: Anchor) -> float:
        return fault.times[0] if len(fault.times) > 1 else self.last_before(fault)


def place_of(text: CaptionText, limit: float) -> Place | None:
    """Where something has to be decided; None nearly always.

    Example:
        >>> from asid_hf.captioner.decoding_vocabulary import Vocabulary
        >>> place_of(CaptionText(Vocabulary([]), limit=17), limit=17) is None
        True
    """
    if text.ended or text.rest or not _HOT.search(text.text, max(0, len(text.text) - _TAIL)):
        return None
    place = Place(text, limit)
    return place if place.classes or place.standing else None


@lru_cache(maxsize=256)
def _last_in(head: str, last: float, limit: float) -> float:
    return told(parse_anchors(head), last, limit)[1] if head else last
