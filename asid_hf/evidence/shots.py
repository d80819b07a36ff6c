"""Shots: where one take ends and the next begins, from small pictures a few times a second.

A hard cut is a change of most of the picture that is large for the contrast of the two pictures, larger than the changes
around it, still there once a flash would be over, and no mere shift of the picture. A fade or dissolve is a stretch
whose pictures are mixtures of two unlike pictures. What only covers a part of the picture (a title, a passer-by) and
what moves the whole of it (a pan) is no boundary.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import MissingExtraError
from ..schema import Shot

if TYPE_CHECKING:
    from collections.abc import Iterable

# Sizes. 32 x 18 keeps the layout of a picture and drops the noise; its 12 cells tell a title from a new picture.
WIDTH, HEIGHT = 32, 18
CELL_ROWS, CELL_COLUMNS = 3, 4

# A cut must change all but 4 of the 12 cells (a title or a lower third reaches 4): so the 5th smallest change counts.
CELLS_THAT_MAY_STAY = 4
# ... by at least 10 grey levels (noise and compression stay below 5), and 0.3 of the pictures' contrast (so that a dark
# film is not judged by the standards of a bright one). 141 hard cuts in 6 real clips: 0.41 and more, half of them > 0.8.
CUT_CHANGE, CUT_CONTRAST = 10.0, 0.3
# ... and stand out from its surroundings 1.8 times; in fast motion 1.2 times, if little of the old picture is found.
CUT_RATIO, FAST_CUT_RATIO, FAST_CUT_CONTRAST = 1.8, 1.2, 0.6
# Correlation of the middle of one picture with the best place in the other: above it the picture only moved.
MOVED, FAST_MOVED = 0.85, 0.5
# A flash, or a frame lost in transmission, lasts less than this (s): pictures that far apart must differ too.
FLASH = 0.45

# Below this spread of grey levels a picture shows nothing (black, white, any plain colour): the middle of a fade.
BLANK = 4.0
# A dissolve: half lengths tried (s); the largest correlation of the pictures before and after (a dimmed lamp: > 0.9);
# the largest part of the pictures between that is no mixture of the two, as a share of what parts the two (real ones:
# 0.32 and less, motion: 0.37 and more); and the contrast needed to judge.
HALF_DISSOLVES = (0.25, 0.5, 0.75, 1.0, 1.3)
SAME_CONTENT, NO_MIXTURE, MIXTURE_CONTRAST = 0.65, 0.34, 6.0


def find_shots(images: np.ndarray, times: np.ndarray, duration: float) -> list[Shot]:
    """Split a clip into shots.

    Args:
        images: (M, h, w, 3) uint8 RGB, small pictures at an even rate, about 8 to 12.5 a second (lower works, coarser).
        times: (M,) seconds, increasing.
        duration: length of the clip in seconds; the last shot ends there.

    Returns:
        Shots in order, without gaps, from 0 to `duration`; none where there is no picture. A cut is placed half way
        between the last picture before and the first after it; a fade or dissolve at its middle. Blank pictures
        (black leader, fade-out at the end) belong to the shot next to them.

    Raises:
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (2, 18, 32, 3), dtype=np.uint8).repeat(10, axis=0)
        >>> [(shot["start"], shot["end"]) for shot in find_shots(images, np.arange(20) / 10, 2.0)]
        [(0.0, 0.95), (0.95, 2.0)]
    """
    times = np.asarray(times, dtype=np.float64)
    if not len(images):
        return []
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    end = float(duration) if math.isfinite(duration) and duration > times[-1] else float(times[-1]) + step
    pictures = _shrink(images)
    blank = pictures.reshape(len(pictures), -1, 3).std(axis=1).max(axis=1) < BLANK
    cuts = _merge_over_blanks(_hard_cuts(pictures, times), blank)
    boundaries = [float(times[cut - 1] + times[cut]) / 2 for cut in cuts]
    boundaries += [float(times[middle]) for middle in _dissolves(pictures, blank, cuts, step)]
    edges = [0.0, *(round(boundary, 3) for boundary in sorted(boundaries)), round(end, 3)]
    return [Shot(start=start, end=end) for start, end in zip(edges, edges[1:], strict=False) if start < end]


def _shrink(images: np.ndarray) -> np.ndarray:
    """(M, h, w, 3) uint8 -> (M, HEIGHT, WIDTH, 3) float32, each pixel the mean of the area it covers."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("shot detection", "embedded") from error
    pictures = np.empty((len(images), HEIGHT, WIDTH, 3), dtype=np.uint8)
    for image, picture in zip(images, pictures, strict=True):
        cv2.resize(image, (WIDTH, HEIGHT), dst=picture, interpolation=cv2.INTER_AREA)
    return pictures.astype(np.float32)


def _changes(pictures: np.ndarray, lag: int) -> np.ndarray:
    """(max(M - lag, 0),) grey levels by which most of the picture changes from each picture to the one `lag` later."""
    if len(pictures) <= lag:
        return np.empty(0, dtype=np.float32)
    squares = np.square(pictures[lag:] - pictures[:-lag])
    cells = squares.reshape(-1, CELL_ROWS, HEIGHT // CELL_ROWS, CELL_COLUMNS, WIDTH // CELL_COLUMNS * 3)
    cells = cells.mean(axis=(2, 4)).reshape(len(squares), -1)
    return np.sqrt(np.partition(cells, CELLS_THAT_MAY_STAY, axis=1)[:, CELLS_THAT_MAY_STAY])


def _hard_cuts(pictures: np.ndarray, times: np.ndarray) -> list[int]:
    """Indices of the first picture of each new shot."""
    steps = _changes(pictures, 1)
    lasting = steps.copy()  # change at a boundary that also holds between pictures further from it on either side
    for lag in (2, 3, 4):
        changes = _changes(pictures, lag)
        changes[times[lag:] - times[:-lag] > FLASH] = np.inf
        for before in range(lag):  # entry i of `changes` joins i and i + lag; boundary b lies between b and b + 1
            boundaries = slice(before, before + len(changes))
            lasting[boundaries] = np.minimum(lasting[boundaries], changes)
    contrast = pictures.reshape(len(pictures), -1).std(axis=1)
    contrast = np.hypot(contrast[:-1], contrast[1:])
    padded = np.pad(steps, 1)
    ratio = lasting / (np.maximum(padded[:-2], padded[2:]) + 1)
    plain = (ratio > CUT_RATIO) & (lasting > CUT_CONTRAST * contrast)
    fast = (ratio > FAST_CUT_RATIO) & (lasting > FAST_CUT_CONTRAST * contrast)
    candidates = np.flatnonzero((plain | fast) & (lasting > CUT_CHANGE))
    return [
        int(boundary) + 1
        for boundary in candidates
        if _match(pictures[boundary], pictures[boundary + 1]) < (MOVED if plain[boundary] else FAST_MOVED)
    ]


def _match(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation (-1..1) of the middle of each picture with its best place in the other; the worse of the two."""
    import cv2

    middle = np.s_[HEIGHT // 4 : -(HEIGHT // 4), WIDTH // 4 : -(WIDTH // 4)]
    found = [cv2.matchTemplate(b, a[middle], cv2.TM_CCOEFF_NORMED).max() for a, b in ((one, other), (other, one))]
    return float(min(found))


def _merge_over_blanks(cuts: list[int], blank: np.ndarray) -> list[int]:
    """Drop the cuts that only part blank pictures from the clip's start, its end or the previous cut."""
    merged: list[int] = []
    previous = 0
    for cut in cuts:
        if not blank[previous:cut].all() and not blank[cut:].all():
            merged.append(cut)
        previous = cut
    return merged


def _dissolves(pictures: np.ndarray, blank: np.ndarray, cuts: Iterable[int], step: float) -> list[int]:
    """Indices of the middle pictures of fades and dissolves; `step` is the seconds from picture to picture.

    Each picture is centred, so that a plain colour is zero and a fade through black or white is a mixture too. With A
    and B the pictures half a length before and after, the middle X and the quarters must be a A + b B (least squares),
    with a > b before and b > a after the middle.
    """
    kept = np.flatnonzero(~blank | _middles_of_runs(blank))  # a long black stretch counts as one picture
    count = len(kept)
    half = pictures[kept].reshape(count, HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(2, 4)).reshape(count, -1, 3)
    vectors = (half - half.mean(axis=1, keepdims=True)).reshape(count, -1)
    norms = np.einsum("ij,ij->i", vectors, vectors)
    takes = np.searchsorted(np.asarray(list(cuts)), kept, side="right")
    least = vectors.shape[1] * MIXTURE_CONTRAST**2
    found: list[tuple[float, int, int]] = []
    for reach in sorted({max(2, round(length / step)) for length in HALF_DISSOLVES} if step > 0 else ()):
        middle = np.arange(reach, count - reach)
        before, after = middle - reach, middle + reach
        alike = np.einsum("ij,ij->i", vectors[before], vectors[after]) / np.sqrt(norms[before] * norms[after] + 1e-6)
        judged = (alike < SAME_CONTENT) & (takes[before] == takes[after])
        judged &= np.minimum(norms[before], norms[after]) > least
        middle, before, after, alike = middle[judged], before[judged], after[judged], alike[judged]
        parts = [_mixture(vectors, norms, before, after, middle + shift) for shift in (-reach // 2, 0, (reach + 1) // 2)]
        (first_a, first_b, _), (a, b, _), (last_a, last_b, _) = parts
        rest = np.max([part for _, _, part in parts], axis=0) / np.sqrt(1 - alike)
        mixed = (rest < NO_MIXTURE) & (first_a > first_b) & (last_b > last_a) & (np.maximum(a, b) < 0.8)
        for index in np.flatnonzero(mixed):
            ends = pictures[kept[[before[index], after[index]]]]
            if _changes(ends, 1)[0] > max(CUT_CHANGE, CUT_CONTRAST * float(np.hypot(*ends.std(axis=(1, 2, 3))))):
                found.append((float(rest[index] + abs(a[index] - b[index])), int(middle[index]), reach))
    chosen: list[tuple[int, int]] = []
    for _, middle, reach in sorted(found):
        if all(abs(middle - other) > reach + other_reach for other, other_reach in chosen):
            chosen.append((middle, reach))
    return [int(kept[middle]) for middle, _ in chosen]


def _mixture(
    vectors: np.ndarray, norms: np.ndarray, a: np.ndarray, b: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of the pictures `a` and `b` in the pictures `x` (n indices each), and the size of what is left over,
    as a share of the size of the weaker one of the two.
    """
    ab, xa, xb = (np.einsum("ij,ij->i", vectors[one], vectors[other]) for one, other in ((a, b), (x, a), (x, b)))
    determinant = norms[a] * norms[b] - ab**2 + 1e-6
    share_a = (xa * norms[b] - xb * ab) / determinant
    share_b = (xb * norms[a] - xa * ab) / determinant
    rest = np.maximum(norms[x] - share_a * xa - share_b * xb, 0)
    return share_a, share_b, np.sqrt(rest / np.minimum(norms[a], norms[b]))


def _middles_of_runs(mask: np.ndarray) -> np.ndarray:
    """(M,) bool: the middle element of every run of True."""
    edges = np.flatnonzero(np.diff(np.pad(mask.astype(np.int8), 1)))
    middles = np.zeros(len(mask), dtype=bool)
    middles[(edges[::2] + edges[1::2]) // 2] = True
    return middles
