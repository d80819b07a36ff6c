"""Shots: where one take ends and the next begins, from small pictures a few times a second.

A hard cut is a change of most of the picture that is large for the contrast of the two pictures, larger than the
changes around it and still there once a flash would be over. A fade or dissolve is a stretch whose pictures are
mixtures of two unlike pictures. What covers only a part of the picture (a title, a passer-by) and what moves the whole
of it (a pan) is no boundary: before either is believed, the pictures on its two sides are checked to be two `scenes`.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import MissingExtraError
from ..schema import Shot
from .light import picture_area
from .scenes import is_mixture, same_scene

if TYPE_CHECKING:
    from collections.abc import Callable

# 32 x 18 pixels keep the layout of a picture and drop its noise; 12 cells of 8 x 6 tell a title from a new picture.
WIDTH, HEIGHT = 32, 18
CELL_ROWS, CELL_COLUMNS = 3, 4

# A cut must change all but 4 of the 12 cells (a title or a lower third reaches 4): the 5th smallest change counts, ...
CELLS_THAT_MAY_STAY = 4
# ... by at least 10 grey levels (noise and compression stay below 5) and 0.3 of the pictures' contrast, so that a dark
# film is not judged like a bright one (132 hard cuts in 5 real clips: 0.41 and more, most above 0.7), ...
CUT_CHANGE, CUT_CONTRAST = 10.0, 0.3
# Grey level of the lightest twentieth of a normal picture, and the least share of it that counts as exposed.
NORMAL_HIGHLIGHTS, DARKEST = 120.0, 0.5
# ... and stand out from the changes before and after it 1.8 times, in fast motion 1.2 times if the change is larger.
CUT_RATIO, FAST_CUT_RATIO, FAST_CUT_CONTRAST = 1.8, 1.2, 0.6
# In fast motion the middles of the small pictures must also correlate less than this with their best places.
SHIFTED = 0.6
# A flash, or a lost frame, lasts less than this (s): pictures that far apart must differ too, at least by half as much.
FLASH, CUT_LASTS = 0.55, 0.5

# Below this spread of grey levels a picture shows nothing; if it is black or white as well, it is the middle of a fade.
BLANK, BLACK, WHITE = 4.0, 20, 235
FADE = 1.0  # s; how far from the middle of a fade its pictures are looked for
# A dissolve: half lengths tried (s); the largest correlation of the pictures before and after (a lamp dimmed: > 0.9);
# the largest part of the pictures between that is no mixture of the two, as a share of what parts the two (5,000
# stretches of camera motion: 99 % above 0.5); the most that the middle shows of either; the contrast needed to judge.
HALF_DISSOLVES = (0.25, 0.5, 0.75, 1.0, 1.3)
SAME_CONTENT, NO_MIXTURE, MIDDLE_SHARE, MIXTURE_CONTRAST = 0.65, 0.42, 0.8, 6.0
# A dissolve is believed if it joins two scenes and its middle is a mixture rather than moved, or, as both cameras of a
# dissolve may move, if it is clearly one: what is none in it, and what its middle shows more of one than of the other,
# together (false ones seen: 0.46 and more).
CLEAR_MIXTURE = 0.42


class _Sequence(NamedTuple):
    """Pictures (n, HEIGHT, WIDTH, 3) in which a long blank stretch counts as one, `step` seconds apart; their centred
    `vectors` (n, d), the squared `norms` of these, the number of hard cuts before each picture, and the `images`
    (M, h, w, 3) they were shrunk from, `kept` being their indices."""

    pictures: np.ndarray
    vectors: np.ndarray
    norms: np.ndarray
    takes: np.ndarray
    step: float
    images: np.ndarray
    kept: np.ndarray

    def images_at(self, *places: int) -> list[np.ndarray]:
        return [self.images[self.kept[place]] for place in places]


def find_shots(images: np.ndarray, times: np.ndarray, duration: float) -> list[Shot]:
    """Split a clip into shots.

    Args:
        images: (M, h, w, 3) uint8 RGB, small pictures at an even rate, about 8 to 12.5 a second (lower works, coarser).
        times: (M,) seconds, increasing.
        duration: length of the clip in seconds; the last shot ends there (one image after the last if unknown: NaN).

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
    if images.ndim != 4 or not images.size:
        return []
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    end = float(duration) if math.isfinite(duration) and duration > 0 else float(times[-1]) + step
    inside = images[(slice(None), *picture_area(images))]
    pictures = _shrink(inside)
    vectors = _centred(pictures)
    blank = np.einsum("md,md->m", vectors, vectors) < BLANK**2 * vectors.shape[1]
    cuts = _merge_over_blanks(_hard_cuts(pictures / _exposure(pictures), inside, times), blank)
    boundaries = [float(times[cut - 1] + times[cut]) / 2 for cut in cuts]
    boundaries += [float(times[middle]) for middle in _gradual(pictures, vectors, inside, blank, cuts, step)]
    edges = [0.0, *sorted(boundary for boundary in boundaries if boundary < end), end]
    return [Shot(start=round(start, 3), end=round(end, 3)) for start, end in pairwise(edges) if end > start]


def _shrink(images: np.ndarray) -> np.ndarray:
    """(M, h, w, 3) uint8 -> (M, HEIGHT, WIDTH, 3) float32, each pixel the mean of what it covers."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("shot detection", "embedded") from error
    pictures = np.empty((len(images), HEIGHT, WIDTH, 3), dtype=np.float32)
    for image, picture in zip(images, pictures, strict=True):
        picture[:] = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return pictures


def _exposure(pictures: np.ndarray) -> float:
    """How bright the clip's light parts are, 1 for a normal one: in a dark clip noise and cuts are both smaller."""
    counts = np.bincount(pictures.astype(np.uint8).ravel(), minlength=256)  # of each grey level: they are whole numbers
    highlights = np.searchsorted(counts.cumsum(), 0.95 * pictures.size)
    return float(np.clip(highlights / NORMAL_HIGHLIGHTS, DARKEST, 1.0))


def _centred(pictures: np.ndarray) -> np.ndarray:
    """(M, d) pictures at half size less their mean colour: plain ones are zero, and a fade scales them."""
    rows = pictures[:, ::2] + pictures[:, 1::2]
    half = (rows[:, :, ::2] + rows[:, :, 1::2]) / 4
    return (half - half.mean(axis=(1, 2), keepdims=True)).reshape(len(pictures), -1)


def _changes(pictures: np.ndarray, lag: int) -> np.ndarray:
    """(max(M - lag, 0),) grey levels by which most of the picture changes from each picture to the one `lag` later."""
    if len(pictures) <= lag:
        return np.empty(0, dtype=np.float32)
    change = pictures[lag:] - pictures[:-lag]
    change = change.reshape(-1, CELL_ROWS, HEIGHT // CELL_ROWS, CELL_COLUMNS, WIDTH // CELL_COLUMNS * 3)
    squares = np.einsum("mrycx,mrycx->mrc", change, change) / (change.shape[2] * change.shape[4])
    squares = np.partition(squares.reshape(len(change), -1), CELLS_THAT_MAY_STAY, axis=1)
    return np.sqrt(squares[:, CELLS_THAT_MAY_STAY])


def _hard_cuts(pictures: np.ndarray, images: np.ndarray, times: np.ndarray) -> list[int]:
    """Indices of the first picture of each new shot; `pictures` are the small ones of `images`."""
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
    candidates = np.flatnonzero((plain | fast) & (lasting > CUT_CHANGE) & (lasting > CUT_LASTS * steps))
    return [
        int(k) + 1
        for k in candidates
        if (plain[k] or _match(pictures[k], pictures[k + 1]) < SHIFTED) and not same_scene(images[k], images[k + 1])
    ]


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two small pictures differ as those on both sides of a cut do."""
    contrast = np.hypot(one.std(), other.std())
    return bool(_changes(np.stack([one, other]), 1)[0] > max(CUT_CHANGE, CUT_CONTRAST * contrast))


def _match(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation (-1..1) of the middle of each small picture with its best place in the other; the worse one."""
    import cv2

    middle = np.s_[HEIGHT // 4 : -(HEIGHT // 4), WIDTH // 4 : -(WIDTH // 4)]
    found = [cv2.matchTemplate(b, a[middle], cv2.TM_CCOEFF_NORMED).max() for a, b in ((one, other), (other, one))]
    return float(min(found))


def _merge_over_blanks(cuts: list[int], blank: np.ndarray) -> list[int]:
    """Drop the cuts that only part blank pictures from the clip's start, its end or the previous cut."""
    starts = [0, *cuts]
    return [
        cut
        for previous, cut in zip(starts, cuts, strict=False)
        if not blank[previous:cut].all() and not blank[cut:].all()
    ]


def _gradual(
    pictures: np.ndarray, vectors: np.ndarray, images: np.ndarray, blank: np.ndarray, cuts: list[int], step: float
) -> list[int]:
    """Indices of the middle pictures of fades and dissolves; `step` is the seconds from picture to picture."""
    if step <= 0:
        return []
    kept = np.flatnonzero(~blank | _middles_of_runs(blank))
    pictures, vectors = pictures[kept], vectors[kept]
    norms = np.einsum("md,md->m", vectors, vectors)
    takes = np.searchsorted(cuts, kept, side="right")
    sequence = _Sequence(pictures, vectors, norms, takes, step, images, kept)
    chosen = _fades(sequence)
    for badness, place, reach in sorted(_dissolves(sequence)):
        apart = all(abs(place - other) > reach + other_reach for other, other_reach in chosen)
        first, last = place - reach, place + reach
        if not apart or not _differ(sequence.pictures[first], sequence.pictures[last]):
            continue
        before, middle, after = sequence.images_at(first, place, last)
        if not same_scene(before, after) and (badness < CLEAR_MIXTURE or is_mixture(before, middle, after)):
            chosen.append((place, reach))
    return [int(kept[place]) for place, _ in chosen]


def _fades(sequence: _Sequence) -> list[tuple[int, int]]:
    """(place, reach) of every black or white picture between unlike pictures of one take."""
    pictures, vectors, norms, takes, step, *_ = sequence
    reach = max(2, round(FADE / step))
    colour = pictures.mean(axis=(1, 2, 3))
    size = vectors.shape[1]
    found = []
    for place in np.flatnonzero((norms < size * BLANK**2) & ((colour < BLACK) | (colour > WHITE))):
        first, last = np.searchsorted(takes, [takes[place], takes[place] + 1])
        before = np.arange(max(place - reach, first), place)
        after = np.arange(place + 1, min(place + reach + 1, last))
        if len(before) and len(after):
            a, b = before[norms[before].argmax()], after[norms[after].argmax()]
            unlike = _unlike(vectors[a] @ vectors[b], norms[a], norms[b], size * MIXTURE_CONTRAST**2)
            if unlike and _differ(pictures[a], pictures[b]) and not same_scene(*sequence.images_at(a, b)):
                found.append((int(place), reach // 2))
    return found


def _dissolves(sequence: _Sequence) -> list[tuple[float, int, int]]:
    """(badness, place, reach) of every stretch whose pictures are mixtures of those at its ends.

    With A and B the pictures `reach` before and after the middle, the middle and both quarters must be mixtures
    a A + b B (least squares), with a > b before the middle and b > a after it.
    """
    _, vectors, norms, takes, step, *_ = sequence
    products = _lagged_products(vectors)
    least = vectors.shape[1] * MIXTURE_CONTRAST**2
    found = []
    for reach in sorted({max(2, round(length / step)) for length in HALF_DISSOLVES}):
        if 2 * reach >= len(norms):
            break
        before = np.arange(len(norms) - 2 * reach)
        unlike = _unlike(products(2 * reach), norms[before], norms[before + 2 * reach], least)
        before = before[unlike & (takes[before] == takes[before + 2 * reach])]
        if not len(before):
            continue
        first, middle, last = (
            _mixture(norms, products, before, 2 * reach, place)
            for place in (reach - reach // 2, reach, reach + reach // 2)
        )
        rest = np.max([first[2], middle[2], last[2]], axis=0)
        mixed = (rest < NO_MIXTURE) & (first[0] > first[1]) & (last[1] > last[0])
        mixed &= np.maximum(middle[0], middle[1]) < MIDDLE_SHARE
        badness = (rest + np.abs(middle[0] - middle[1]))[mixed]
        found += [(float(bad), int(start) + reach, reach) for bad, start in zip(badness, before[mixed], strict=True)]
    return found


def _unlike(product: np.ndarray, norm: np.ndarray, other_norm: np.ndarray, least: float) -> np.ndarray:
    """Whether pictures with this dot product and these squared norms have enough contrast and not the same content."""
    return (np.minimum(norm, other_norm) > least) & (product < SAME_CONTENT * np.sqrt(norm * other_norm))


def _lagged_products(vectors: np.ndarray) -> Callable[[int], np.ndarray]:
    """A function from a lag to the (n - lag,) dot products of each vector with the one `lag` later."""

    @cache
    def products(lag: int) -> np.ndarray:
        return np.einsum("nd,nd->n", vectors[: len(vectors) - lag], vectors[lag:])

    return products


def _mixture(
    norms: np.ndarray, products: Callable[[int], np.ndarray], a: np.ndarray, lag: int, place: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of the pictures `a` (n indices) and of those `lag` later in the pictures `place` after `a`, and the size
    of what is left over, as a share of the size of the weaker of the two and of how unlike they are.
    """
    b, x = a + lag, a + place
    ab, xa, xb = products(lag)[a], products(place)[a], products(lag - place)[x]
    determinant = norms[a] * norms[b] - ab**2 + 1e-6
    share_a = (xa * norms[b] - xb * ab) / determinant
    share_b = (xb * norms[a] - xa * ab) / determinant
    rest = np.maximum(norms[x] - share_a * xa - share_b * xb, 0)
    alike = ab / np.sqrt(norms[a] * norms[b])
    return share_a, share_b, np.sqrt(rest / np.minimum(norms[a], norms[b]) / (1 - alike))


def _middles_of_runs(mask: np.ndarray) -> np.ndarray:
    """(M,) bool: the middle element of every run of True."""
    edges = np.flatnonzero(np.diff(np.pad(mask.astype(np.int8), 1)))
    middles = np.zeros(len(mask), dtype=bool)
    middles[(edges[::2] + edges[1::2]) // 2] = True
    return middles
