"""Motion of the picture as a whole from one picture to another: how far it shifts, and how its scale changes.

Corners, at most one in every cell of a grid, are followed from one picture to the other (pyramidal Lucas-Kanade); the
similarity that most of the picture agrees on is the motion (random sample consensus, then reweighted least squares).
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

CELL = 13  # pixels; 12 x 6 cells of a 160 x 90 picture, so that no textured thing outvotes a plainer background
MIN_SIDE = 39  # pixels; three cells
MIN_CORNER, MIN_POINTS = 1e-4, 8  # least eigenvalue of the gradients' covariance (of values 0..1); points to judge by
WINDOW, LEVELS = 9, 2  # of Lucas-Kanade: pixels, and halvings, for shifts up to a tenth of the picture
GUESS_SIDE = 64  # pixels, of the phase correlation that helps where that is not enough
BLOCK = 128  # pairs followed at once, so that memory does not grow with the shot

HYPOTHESES = 24  # pairs of points tried; where half the picture agrees, 1 time in 1,000 none of them does
MAX_TURN = 0.3  # scale and rotation from picture to picture beyond this are false matches
TOLERANCE, RELATIVE_TOLERANCE = 0.004, 0.05  # widths (0.6 pixels), and share of the shift (parallax, blur)
STILL = 0.9  # a camera at rest is believed if it explains this much of what the best motion explains
ROUNDS = 3  # of reweighting
CENTRE_WEIGHT = 0.1  # of a point in the middle, against 1 at the top and the sides, which people and things rarely fill
CLEAR = 0.4  # share of the picture that agrees, from which no second look is needed


class Grid(NamedTuple):
    """Cells of the picture between its bars, its size in pixels there, and with the bars.

    Example:
        >>> Grid.over(np.zeros((5, 66, 160, 3), np.uint8), picture=(90, 160))[:2]
        (5, 12)
    """

    rows: int
    columns: int
    height: int
    width: int
    picture_height: int
    picture_width: int

    @property
    def cells(self) -> int:
        """How many there are."""
        return self.rows * self.columns

    @classmethod
    def over(cls, images: np.ndarray, picture: tuple[int, int]) -> Grid | None:
        """Lay cells over (M, h, w, 3) images, cut from pictures of (height, width) pixels; None where too small."""
        height, width = images.shape[1:3]
        return cls(height // CELL, width // CELL, height, width, *picture) if min(height, width) >= MIN_SIDE else None


class Motion(NamedTuple):
    """Motion of n pairs of pictures.

    travel: (3, n): the content's shift to the right in picture widths and down in heights, the log of its growth;
    support: (n,) the share of the picture that agrees, 0..1; agreeing: (n, rows, columns) bool, where it does;
    textured: (n,) bool, whether there is anything to follow.

    Example:
        >>> Motion(np.zeros((3, 1)), np.ones(1), np.ones((1, 6, 12), bool), np.ones(1, bool)).support.tolist()
        [1.0]
    """

    travel: np.ndarray
    support: np.ndarray
    agreeing: np.ndarray
    textured: np.ndarray

    def part(self, first: int, last: int) -> Motion:
        """The motion of the pairs from `first` to `last` - 1."""
        return Motion(*(values[..., first:last] if values.ndim < 3 else values[first:last] for values in self))


def follow(images: np.ndarray, pairs: Sequence[tuple[int, int]], grid: Grid) -> Motion:
    """Measure the motion within each pair of pictures; where unclear, through all the pictures between them.

    Args:
        images: (M, h, w, 3) uint8 RGB without bars.
        pairs: indices of the images, the earlier one first; n of them.
        grid: over these images.

    Returns:
        The motion of n pairs.

    Raises:
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> wall = np.random.default_rng(0).integers(0, 256, (12, 30, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        >>> images = np.stack([wall[:, 3 * k : 3 * k + 160] for k in range(5)])
        >>> motion = follow(images, [(0, 2), (2, 4)], Grid.over(images, picture=(96, 160)))
        >>> (160 * motion.travel[0]).round().tolist()
        [-6.0, -6.0]
    """
    motion = measure_motion(images, pairs, grid)
    unclear = np.flatnonzero((motion.support < CLEAR) & motion.textured)
    ways = [list(pairwise(range(pairs[pair][0], pairs[pair][1] + 1))) for pair in unclear]
    steps = measure_motion(images, [step for way in ways for step in way], grid, guess=True)
    last = 0
    for pair, way in zip(unclear, ways, strict=True):
        first, last = last, last + len(way)
        if steps.support[first:last].min() > motion.support[pair]:
            motion.travel[:, pair] = steps.travel[:, first:last].sum(axis=1)
            motion.support[pair] = steps.support[first:last].min()
            motion.agreeing[pair] = steps.agreeing[first:last].all(axis=0)
    return motion


def measure_motion(images: np.ndarray, pairs: Sequence[tuple[int, int]], grid: Grid, *, guess: bool = False) -> Motion:
    """Measure the motion within each pair of pictures.

    Args:
        images: (M, h, w, 3) uint8 RGB without bars.
        pairs: indices of the images, n of them.
        grid: over these images.
        guess: begin at a guess of the shift, for large ones.

    Returns:
        The motion of n pairs.

    Raises:
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> wall = np.random.default_rng(0).integers(0, 256, (12, 30, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        >>> images = np.stack([wall[:, :160], wall[:, 40:200]])
        >>> motion = measure_motion(images, [(0, 1)], Grid.over(images, picture=(96, 160)), guess=True)
        >>> motion.travel[0].round(2).tolist()
        [-0.25]
    """
    places, found = np.full((2, len(pairs), grid.cells, 2), np.nan, dtype=np.float32)
    for first in range(0, len(pairs), BLOCK):
        block = slice(first, first + BLOCK)
        places[block], found[block] = _track(images, pairs[block], grid, guess)
    return _agree(places, found, grid)


def _track(
    images: np.ndarray, pairs: Sequence[tuple[int, int]], grid: Grid, guess: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(n, cells, 2) x, y in pixels of the best corner of each cell in both pictures; NaN where there is none."""
    grey = {index: _grey(images[index]) for index in {index for pair in pairs for index in pair}}
    places = _corners([grey[one] for one, _ in pairs], grid)
    found = np.full_like(places, np.nan)
    textured = np.isfinite(places[..., 0])
    for (one, other), here, there, known in zip(pairs, places, found, textured, strict=True):
        if np.count_nonzero(known) >= MIN_POINTS:
            shift = _guess(grey[one], grey[other]) if guess else 0
            there[known] = _flow(grey[one], grey[other], here[known], shift)
    found[~((found >= 0) & (found < (grid.width, grid.height))).all(axis=-1)] = np.nan
    return places, found


def _grey(image: np.ndarray) -> np.ndarray:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("camera motion", "embedded") from error
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _flow(one: np.ndarray, other: np.ndarray, points: np.ndarray, shift: np.ndarray | float) -> np.ndarray:
    """(k, 2) where `points` (k, 2) of one picture are in the other, looked for around a `shift`; NaN where lost."""
    import cv2

    found, status, _ = cv2.calcOpticalFlowPyrLK(
        one,
        other,
        points,
        points + shift,
        winSize=(WINDOW, WINDOW),
        maxLevel=LEVELS,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    found[status[:, 0] == 0] = np.nan
    return found


def _corners(pictures: list[np.ndarray], grid: Grid) -> np.ndarray:
    """(n, cells, 2) float32 x, y in pixels of the strongest corner of each cell, found at half size."""
    import cv2

    height, width = grid.height // 2, grid.width // 2
    responses = np.empty((len(pictures), height, width), dtype=np.float32)
    for picture, response in zip(pictures, responses, strict=True):
        half = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        cv2.cornerMinEigenVal(half, 3, dst=response)
    responses[:, :2] = responses[:, -2:] = responses[..., :2] = responses[..., -2:] = 0
    origins, high, wide = _cells(grid)
    cells = responses[:, origins[0, 1] :, origins[0, 0] :][:, : grid.rows * high, : grid.columns * wide]
    cells = cells.reshape(-1, grid.rows, high, grid.columns, wide).swapaxes(2, 3).reshape(-1, grid.cells, high * wide)
    best = cells.argmax(axis=2)
    points = 2.0 * (origins + np.stack([best % wide, best // wide], axis=2)) + 0.5
    points[np.take_along_axis(cells, best[..., None], axis=2)[..., 0] < MIN_CORNER] = np.nan
    return points.astype(np.float32)


@cache
def _cells(grid: Grid) -> tuple[np.ndarray, int, int]:
    """(cells, 2) x, y of each cell's first pixel at half size, and the cells' height and width there."""
    high, wide = grid.height // 2 // grid.rows, grid.width // 2 // grid.columns
    top, left = (grid.height // 2 - grid.rows * high) // 2, (grid.width // 2 - grid.columns * wide) // 2
    row, column = np.divmod(np.arange(grid.cells), grid.columns)
    return np.stack([left + column * wide, top + row * high], axis=1), high, wide


def _guess(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(2,) shift x, y in pixels by phase correlation of the whole, which also finds large ones."""
    import cv2

    size, window = _guess_window(*one.shape)
    small = [cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32) for grey in (one, other)]
    shift, _ = cv2.phaseCorrelate(*small, window)
    return np.array(shift, dtype=np.float32) * one.shape[1] / size[0]


@cache
def _guess_window(height: int, width: int) -> tuple[tuple[int, int], np.ndarray]:
    """Width and height of the pictures compared, and the window that fades them out at their edges."""
    import cv2

    scale = GUESS_SIDE / max(height, width)
    size = (round(width * scale), round(height * scale))
    return size, cv2.createHanningWindow(size, cv2.CV_32F)


def _agree(places: np.ndarray, found: np.ndarray, grid: Grid) -> Motion:
    """(n, cells, 2) tracks -> the similarity most of each pair's picture agrees on.

    Places p and moves m are complex numbers in picture widths from the middle: m = shift + turn p, where the real part
    of `turn` is the growth of scale and its imaginary part the rotation. Random sample consensus over pairs of points
    (Fischler and Bolles, 1981), then weighted least squares with Geman-McClure weights.
    """
    middle = np.array([grid.width / 2, grid.height / 2], dtype=np.float32)
    place, goal = ((points - middle).view(np.complex64)[..., 0] / grid.picture_width for points in (places, found))
    move = goal - place
    textured, known = np.isfinite(place).sum(axis=1), np.isfinite(move)
    place, move = np.where(known, place, 0), np.where(known, move, 0)
    row, column = np.divmod(np.arange(grid.cells), grid.columns)
    edge = np.maximum(1 - 2 * row / (grid.rows - 1), np.abs(2 * column / (grid.columns - 1) - 1))
    weight = ((CENTRE_WEIGHT + np.maximum(edge, 0) ** 2) * known).astype(np.float32)

    shifts, turns = _hypotheses(place, move, known, row / grid.rows, column / grid.columns)
    scores = np.stack(
        [(weight * _agrees(place, move, s, t)).sum(axis=1) for s, t in zip(shifts.T, turns.T, strict=True)]
    )
    scores[0] /= STILL
    best = scores.argmax(axis=0)[:, None]
    shift, turn = (np.take_along_axis(values, best, axis=1)[:, 0] for values in (shifts, turns))
    for _ in range(ROUNDS):
        trust = weight / np.square(1 + _residual(place, move, shift, turn))
        total = trust.sum(axis=1) + 1e-9
        mean_place, mean_move = (trust * place).sum(axis=1) / total, (trust * move).sum(axis=1) / total
        away = place - mean_place[:, None]
        turn = (trust * (move - mean_move[:, None]) * away.conj()).sum(axis=1)
        turn /= (trust * (away.real**2 + away.imag**2)).sum(axis=1) + 0.01  # few points near each other tell no turn
        shift = mean_move - turn * mean_place
    agreeing = _agrees(place, move, shift, turn) & known
    support = (weight * agreeing).sum(axis=1) / (weight.sum(axis=1) + 1e-9)
    support *= np.minimum(2 * known.sum(axis=1) / np.maximum(textured, 1), 1) * (known.sum(axis=1) >= MIN_POINTS)
    aspect = grid.picture_height / grid.picture_width
    travel = np.stack([shift.real, shift.imag / aspect, np.log1p(np.maximum(turn.real, -0.9))])
    return Motion(travel, support, agreeing.reshape(-1, grid.rows, grid.columns), textured >= MIN_POINTS)


def _hypotheses(
    place: np.ndarray, move: np.ndarray, known: np.ndarray, row: np.ndarray, column: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shifts and turns, (n, 1 + HYPOTHESES) each: rest, then what pairs of distant cells (always the same) give."""
    one, other = np.random.default_rng(0).integers(len(row), size=(2, 8 * HYPOTHESES))
    apart = np.flatnonzero((np.abs(row[one] - row[other]) >= 0.4) | (np.abs(column[one] - column[other]) >= 0.3))
    one, other = one[apart[:HYPOTHESES]], other[apart[:HYPOTHESES]]
    usable = known[:, one] & known[:, other]
    turns = np.where(usable, move[:, one] - move[:, other], 0) / np.where(usable, place[:, one] - place[:, other], 1)
    turns[np.abs(turns) > MAX_TURN] = 0
    shifts = np.where(usable, move[:, one] - turns * place[:, one], 0)
    return np.pad(shifts, ((0, 0), (1, 0))), np.pad(turns, ((0, 0), (1, 0)))


def _residual(place: np.ndarray, move: np.ndarray, shift: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """(n, cells) squared distance from the motion, in squared tolerances."""
    expected = shift[:, None] + turn[:, None] * place
    off = move - expected
    return (off.real**2 + off.imag**2) / np.square(TOLERANCE + RELATIVE_TOLERANCE * np.abs(expected))


def _agrees(place: np.ndarray, move: np.ndarray, shift: np.ndarray, turn: np.ndarray) -> np.ndarray:
    return _residual(place, move, shift, turn) < 1
