"""Long clips: overlapping windows, captioned one by one, and one caption of theirs on one time axis."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

try:
    from asid_hf.anchors import parse_anchors, shift_anchors
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .anchors import parse_anchors, shift_anchors

_SENTENCE_END = re.compile(
    r"(?<=[.!?])[\"”’')\]*]*\s+(?=(?:[-*•–]+\s+)?[\"“‘'(\[*]*[A-Z0-9])"  # before a capital, maybe of a list
    r"|\n\s*"  # lines are sentences, too
    r"|(?<=[。！？])[”’」』）]*\s*"
)
_NO_END = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|etc|No|a\.m|p\.m)|\b[A-Z])\.$")


def windows_of(duration: float, window: float, overlap: float) -> list[tuple[float, float]]:
    """Windows that cover a clip: a whole one, then as few of one length as it takes, each `overlap` s into the last.

    Args:
        duration: s, of the clip.
        window: s, longest window.
        overlap: s, under `window`.

    Returns:
        (start, end) in s.

    Example:
        >>> windows_of(100.0, window=60.0, overlap=10.0), windows_of(130.0, window=60.0, overlap=10.0)
        ([(0.0, 60.0), (50.0, 100.0)], [(0.0, 60.0), (50.0, 95.0), (85.0, 130.0)])
    """
    if duration <= window:
        return [(0.0, duration)]
    count = max(1, math.ceil(round((duration - window) / (window - overlap), 6)))  # after the first
    step = (duration - window) / count
    starts = [window - overlap + step * i for i in range(count)]
    return [(0.0, window), *((round(at, 3), min(duration, round(at + step + overlap, 3))) for at in starts)]


def merge_texts(texts: Sequence[str], windows: Sequence[tuple[float, float]]) -> str:
    """One text of the texts of windows, whose times count from their own start.

    Times are moved to the clip's axis. Where windows overlap, the later one tells only of what comes after the last
    time that an earlier one named: nothing that one of them tells is lost, little is told twice. A sentence goes with
    the first time that it names, or else with the sentence before it; one that was said word for word is left out.

    Args:
        texts: of each window.
        windows: (start, end) in s, rising.

    Example:
        >>> merge_texts(["A dog runs. At 55s, it barks.", "At 3s, it barks. At 20s, it sleeps."], [(0, 60), (50, 110)])
        'A dog runs. At 55s, it barks. At 70s, it sleeps.'
    """
    said: set[str] = set()
    merged = gap = ""
    told = -math.inf
    for text, (start, _) in zip(texts, windows, strict=True):
        inside, latest = True, told
        for before, sentence in sentences(shift_anchors(text, start)):
            gap = max(gap, before, key=lambda space: (space.count("\n"), len(space)))
            times = next((anchor.times for anchor in parse_anchors(sentence) if _is_place(anchor)), None)
            if times is not None:
                inside = times[0] > told
                latest = max(latest, times[0])
            words = " ".join(re.findall(r"\w+", sentence.lower()))
            if inside and words and words not in said:
                said.add(words)
                merged += (gap if merged else "") + sentence
                gap = ""
        told, gap = latest, " "
    return merged


def sentences(text: str) -> list[tuple[str, str]]:
    r"""The sentences of a text, each with what stands before it: a space, a line break, or a paragraph's.

    Example:
        >>> sentences('Mr. Lee waves. "Stop!" he says.\n\nIt ends.')
        [(' ', 'Mr. Lee waves.'), (' ', '"Stop!" he says.'), ('\n\n', 'It ends.')]
    """
    found: list[tuple[str, str]] = []
    start, gap = 0, " "
    for match in _SENTENCE_END.finditer(text):
        if "\n" in match[0] or not _NO_END.search(text, start, match.start()):
            found.append((gap, text[start : match.end()].strip()))
            start, gap = match.end(), "\n\n"[: match[0].count("\n")] or " "[: match[0].endswith(" ")]
    return [(gap, sentence) for gap, sentence in [*found, (gap, text[start:].strip())] if sentence]


def _is_place(anchor: object) -> bool:
    return anchor.kind != "duration" and not anchor.malformed
