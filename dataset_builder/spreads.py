"""Numbers and captions that come table by table, summed up in little memory: lengths, words, time anchors."""

from __future__ import annotations

import heapq
from collections import Counter

import numpy as np
import pyarrow as pa

from asid_hf.anchors import parse_anchors

ANCHOR_SAMPLE = 2000  # captions of a configuration whose anchors are read: some hundred a second
ANCHOR_TEXT = 10_000  # characters of one that are read


class Spread:
    """Whole numbers, each value with how often it came: exact, and small where few values differ.

    Example:
        >>> spread = Spread()
        >>> spread.add(np.array([1, 2, 2, 7]))
        >>> spread.summary()
        {'mean': 3.0, 'median': 2.0, 'p5': 1.15, 'p95': 6.25, 'max': 7}
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, numbers: np.ndarray) -> None:
        """Count some numbers."""
        values, counts = np.unique(numbers, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._counts[value] += count

    def summary(self) -> dict[str, float] | None:
        """Mean, median, 5th and 95th percentile (as numpy has them) and maximum; None without numbers."""
        if not self._counts:
            return None
        values = np.array(sorted(self._counts))
        counts = np.array([self._counts[value] for value in values.tolist()])
        ends = np.cumsum(counts)

        def percentile(share: float) -> float:
            place = share * (ends[-1] - 1)
            low, high = values[np.searchsorted(ends, [np.floor(place), np.ceil(place)], side="right")]
            return round(float(low + (high - low) * (place % 1)), 2)

        mean = round(float(values @ counts / ends[-1]), 2)
        return {
            "mean": mean,
            "median": percentile(0.5),
            "p5": percentile(0.05),
            "p95": percentile(0.95),
            "max": int(values[-1]),
        }


def count_words(texts: pa.StringArray) -> np.ndarray:
    """How many words each text has: what stands between ASCII whitespace.

    Args:
        texts: without nulls.

    Example:
        >>> count_words(pa.array(["At 3s, he waves.", "", " a"]))
        array([4, 0, 1])
    """
    _, edges, data = texts.buffers()
    if data is None or not len(texts):
        return np.zeros(len(texts), np.int64)
    edges = np.frombuffer(edges, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    is_word = np.frombuffer(data, np.uint8)[edges[0] : edges[-1]] > ord(" ")
    edges = edges - edges[0]
    begins = is_word.copy()
    begins[1:] &= ~is_word[:-1]
    first = edges[:-1][edges[:-1] < edges[1:]]  # of a text, whatever the text before ends with
    begins[first] = is_word[first]
    return np.diff(np.searchsorted(np.flatnonzero(begins), edges))


class AnchorSample:
    """Captions drawn with a seed, each as likely as any other, and the time anchors in them.

    Args:
        seed: another one draws others.
        size: how many are kept.

    Example:
        >>> sample = AnchorSample()
        >>> sample.add(pa.array(["At 3s, he waves. At 5s, he goes.", "A dog."]))
        >>> sample.summary()
        {'captions': 2, 'mean': 1.0, 'with_any': 0.5, 'with_points': 1, 'rising': 1.0}
    """

    def __init__(self, seed: int = 0, size: int = ANCHOR_SAMPLE) -> None:
        self._draws, self._size = np.random.default_rng(seed), size
        self._kept: list[tuple[float, str]] = []  # a heap: the caption that goes next comes first

    def add(self, texts: pa.StringArray) -> None:
        """Offer some captions."""
        draws = self._draws.random(len(texts))
        for place in np.flatnonzero(draws < self._limit).tolist():
            drawn = (-float(draws[place]), texts[place].as_py()[:ANCHOR_TEXT])
            if len(self._kept) < self._size:
                heapq.heappush(self._kept, drawn)
            else:
                heapq.heappushpop(self._kept, drawn)

    @property
    def _limit(self) -> float:
        return -self._kept[0][0] if len(self._kept) == self._size else 1.0

    def summary(self) -> dict[str, float] | None:
        """How many captions were looked at; anchors of one in the mean; the share with any; how many name two points
        in time or more, and the share of these in which time never goes back. None without captions.
        """
        anchors = [parse_anchors(text) for _, text in self._kept]
        if not anchors:
            return None
        points = [[a.times[0] for a in found if a.kind == "point" and not a.malformed] for found in anchors]
        points = [times for times in points if len(times) > 1]
        return {
            "captions": len(anchors),
            "mean": round(sum(map(len, anchors)) / len(anchors), 2),
            "with_any": round(sum(map(bool, anchors)) / len(anchors), 4),
            "with_points": len(points),
            "rising": round(sum(times == sorted(times) for times in points) / len(points), 4) if points else None,
        }
