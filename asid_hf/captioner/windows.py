"""Long clips: overlapping windows, captioned one by one, and one caption of theirs on one time axis."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

try:
    from asid_hf.anchors import parse_anchors, shift_anchors
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .anchors import parse_anchors, shift_anchors

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’')\]]*\s+(?=[\"“‘'(\[]?[A-Z0-9])")
_NO_END = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|etc|No|a\.m|p\.m)|\b[A-Z])\.$")


def windows_of(duration: float, window: float, overlap: float) -> list[tuple[float, float]]:
    """Windows that cover a clip, all of one length, each beginning `overlap` s or a little more before the last ends.

    Args:
        duration: s, of the clip.
        window: s, longest window.
        overlap: s, under `window`.

    Returns:
        (start, end) in s.

    Example:
        >>> windows_of(100.0, window=60.0, overlap=10.0)
        [(0.0, 60.0), (40.0, 100.0)]
    """
    if duration <= window:
        return [(0.0, duration)]
    count = math.ceil((duration - overlap) / (window - overlap))
    step = (duration - window) / (count - 1)
    return [(round(step * i, 3), min(duration, round(step * i + window, 3))) for i in range(count)]


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
    kept = []
    told = -math.inf
    for text, (start, _) in zip(texts, windows, strict=True):
        inside, latest = True, told
        for sentence in sentences(shift_anchors(text, start)):
            times = next((anchor.times for anchor in parse_anchors(sentence) if _is_place(anchor)), None)
            if times is not None:
                inside = times[0] > told
                latest = max(latest, times[0])
            words = " ".join(re.findall(r"\w+", sentence.lower()))
            if inside and words and words not in said:
                said.add(words)
                kept.append(sentence)
        told = latest
    return " ".join(kept)


def sentences(text: str) -> list[str]:
    """The sentences of a text, without what stands between them.

    Example:
        >>> sentences('Mr. Lee waves. "Stop!" he says. It ends.')
        ['Mr. Lee waves.', '"Stop!" he says.', 'It ends.']
    """
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if not _NO_END.search(text, start, match.start()):
            found.append(text[start : match.end()].strip())
            start = match.end()
    return [sentence for sentence in [*found, text[start:].strip()] if sentence]


def _is_place(anchor: object) -> bool:
    return anchor.kind != "duration" and not anchor.malformed
