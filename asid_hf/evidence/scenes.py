"""Scenes: whether two pictures show the same things, moved or from another side, or one thing and then another.

Cells of one picture are looked for in the other (normalised cross-correlation, which exposure does not change).
"""

from __future__ import annotations

import numpy as np

from ..errors import MissingExtraError

# 5 rows of 8 cells of 14 x 14 pixels.
ROWS, COLUMNS, CELL = 5, 8, 14
# Least contrast of a cell to be looked for (grey levels), least correlation to be found, ...
CONTRAST, FOUND = 3.0, 0.7
FLAT = 1.0  # sum of squares (grey levels) about its mean of a window that shows nothing
# ... how far two cells may move apart (pixels, and share of their distance: zoom, turn, parallax), ...
MOVED_APART, MOVED_APART_SHARE = 1.5, 0.1
# ... the fewest that must move alike, the rows not counted where they stay (two of letters, or bars above and below),
# and the least share in the others (250 cuts: up to 0.04, with letters and logos 0.17; a fast subject: 0.21 and more).
MIN_ALIKE, ROWS_WITH_LETTERS, ALIKE = 5, 2, 0.2
# A picture is a mixture where more than this share of its cells are rather mixed than moved (camera motion: < 0.1).
MIXED = 0.4


def same_scene(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two pictures show one scene: the camera moved, or much of what it sees, but not all of it.

    In one scene many cells move alike; those that chance finds do not. The rows with the most of them do not count:
    letters and logos stay over a cut, but rarely in more than two rows.

    Args:
        one, other: (h, w, 3) uint8 RGB.

    Raises:
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> wall = np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8)
        >>> same_scene(wall[:, :160], wall[:, 20:180]), same_scene(wall[:, :160], wall[::-1, :160])
        (True, False)
    """
    return all(_share_alike(a, b) >= ALIKE for a, b in ((one, other), (other, one)))


def _share_alike(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the textured cells of `one`, less those moved out of view and those in the rows with the most found,
    that are found in `other` and move alike."""
    one, other = _luma(one), _luma(other)
    size = np.array(one.shape[::-1])
    rows, columns = np.mgrid[:ROWS, :COLUMNS].reshape(2, -1) * CELL
    places, moves = np.stack([columns, rows], axis=1), np.full((len(rows), 2), np.nan)
    cells, textured = _cells(one)
    found, where = _best_places(cells[textured], other)
    moves[textured] = np.where(found[:, None] > FOUND, where - places[textured], np.nan)
    apart, distance = (np.linalg.norm(points[:, None] - points, axis=2) for points in (moves, places))
    alike = apart <= MOVED_APART + MOVED_APART_SHARE * distance  # false where not found: NaN
    most = alike.sum(axis=1).argmax()
    if alike[most].sum() < MIN_ALIKE:
        return 0.0
    middles = places + CELL / 2 + moves[most]
    in_view = textured & ((middles > 0) & (middles < size)).all(axis=1)
    agreeing, in_view = (cells.reshape(ROWS, -1).sum(axis=1) for cells in (alike[most], in_view))
    stays = np.median(np.linalg.norm(moves[alike[most]], axis=1)) <= 1
    rows = np.argsort(agreeing)[: -ROWS_WITH_LETTERS if stays else None]
    return float(agreeing[rows].sum() / max(in_view[rows].sum(), 1))


def is_mixture(before: np.ndarray, middle: np.ndarray, after: np.ndarray) -> bool:
    """Whether the middle one of three pictures is rather a mixture of the others than one of them moved.

    Each of its textured cells is compared with the best mixture of the same cells of the others (least squares) and
    with the best place in either; what stays as it is is no mixture.

    Args:
        before, middle, after: (h, w, 3) uint8 RGB.

    Raises:
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> one, other = np.random.default_rng(0).integers(0, 256, (2, 90, 160, 3), dtype=np.uint8)
        >>> is_mixture(one, (one // 2 + other // 2), other), is_mixture(one, np.roll(one, 5, axis=1), other)
        (True, False)
    """
    before, middle, after = _luma(before), _luma(middle), _luma(after)
    cells, textured = _cells(middle)
    moved = np.maximum(*(_best_places(cells[textured], image)[0] for image in (before, after)))
    mixed = []
    for place, *triple in zip(moved, *(_cells(image)[0][textured] for image in (middle, before, after)), strict=True):
        cell, *ends = (pixels - pixels.mean() for pixels in triple)
        shares = np.linalg.lstsq(np.stack(ends, axis=1), cell, rcond=None)[0]
        mixture = np.maximum(shares, 0) @ np.stack(ends)
        stays = ends[0] @ ends[1] > FOUND * np.linalg.norm(ends[0]) * np.linalg.norm(ends[1])
        mixed.append(not stays and mixture @ cell > place * np.linalg.norm(mixture) * np.linalg.norm(cell))
    return not mixed or float(np.mean(mixed)) > MIXED


def _luma(image: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 -> (rows, columns) float32 luma, cells side by side."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("telling scenes apart", "embedded") from error
    size = (COLUMNS * CELL, ROWS * CELL)
    luma = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _cells(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(cells, pixels) of every cell, row by row, and (cells,) whether it has enough contrast to be recognised."""
    cells = luma.reshape(ROWS, CELL, COLUMNS, CELL).swapaxes(1, 2).reshape(ROWS * COLUMNS, -1)
    return cells, cells.std(axis=1) > CONTRAST


def _best_places(cells: np.ndarray, luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) the highest correlation (-1..1) of each of n cells with a window of the picture, and (n, 2) its x and y."""
    import cv2

    # What OpenCV's own TM_CCOEFF_NORMED gives, but the contrast of the windows is worked out once for all cells.
    windows = np.s_[: luma.shape[0] - CELL + 1, : luma.shape[1] - CELL + 1]
    sums, squares = (
        add(luma, cv2.CV_64F, (CELL, CELL), anchor=(0, 0), normalize=False)[windows]
        for add in (cv2.boxFilter, cv2.sqrBoxFilter)
    )
    scale = (1 / np.sqrt(np.maximum(squares - sums**2 / CELL**2, FLAT))).astype(np.float32)
    centred = cells - cells.mean(axis=1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    found, places = np.empty(len(cells)), np.empty((len(cells), 2))
    for index, cell in enumerate(centred.reshape(-1, CELL, CELL)):
        correlations = cv2.matchTemplate(luma, cell, cv2.TM_CCORR) * scale
        _, found[index], _, places[index] = cv2.minMaxLoc(correlations)
    return found, places
