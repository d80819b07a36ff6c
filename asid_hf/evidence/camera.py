"""Camera: how the picture as a whole moves inside each shot, from small pictures a few times a second.

The motion that most of the picture agrees on (`motion`) is the camera's. Stretches where its shift or scale keeps one
direction are moves. Where too little of the picture agrees (dark, plain, covered by something near) nothing is claimed,
neither a move nor a still camera.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..schema import CameraMove
from .light import picture_area
from .motion import Grid, Motion, follow, measure_motion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..schema import Shot

# Pictures compared lie this far apart (s): far enough for a slow pan to shift by a pixel and for animation drawn on
# twos or threes to move, near enough for a quick one to overlap; of 8 to 12.5 pictures a second every other one.
STEP = 0.15

USABLE, TRUSTED = 0.25, 0.5  # share of the picture that agrees: enough to count, to stand against its neighbours
OUTLIER = 0.1  # widths a second by which a merely usable motion may leave the range of its neighbours
SMOOTH, BRIDGE = 0.3, 0.4  # s: rates are means over this much on both sides; gaps in knowledge up to this are bridged

# Moves: name if positive, if negative, least rate a second and least travel (widths, heights, log of scale), and how
# many widths the picture's edge moves for one of these. In 70 still shots of an animated film none is exceeded.
AXES = (
    ("pan_left", "pan_right", 0.02, 0.05, 1.0),
    ("tilt_up", "tilt_down", 0.02, 0.05, 1.0),
    ("zoom_in", "zoom_out", 0.012, 0.03, 0.5),
)
EDGES = np.array([axis[4] for axis in AXES])
TAIL = 0.2  # share of the peak rate at which a move begins and ends
MIN_MOVE, MIN_WHIP, WHIP_TRAVEL = 0.45, 0.3, 0.25  # s, s, and the travel from which the shorter time is enough
MINOR = 0.3  # a move smaller than this share of a simultaneous one is its side effect
# Share of the grid's columns and rows that must agree somewhere, in the mean (else it is a thing that moves), and of
# the picture as a whole.
MIN_COLUMNS, MIN_ROWS = 0.6, 0.35
MIN_CONFIDENCE, MIN_STILL_CONFIDENCE = 0.35, 0.3
SLOW, FAR, FAR_ERROR = 0.06, 1.0, 0.5  # moves slower than this (widths a second) must also show from this far apart (s)

# Shake: half the window (pairs), least RMS speed (widths a second), the largest share of the way that is progress, and
# the least time (s). In a shaking shot a move must travel STEADY of what the shaking does.
SHAKE_REACH, SHAKE_SPEED, SHAKE_PROGRESS, MIN_SHAKE = 3, 0.05, 0.6, 0.8
STEADY = 0.6


def measure_camera(images: np.ndarray, times: np.ndarray, shots: Sequence[Shot]) -> list[CameraMove]:
    """Measure how the camera moves in each shot.

    Args:
        images: (M, h, w, 3) uint8 RGB, small pictures (long side 160 pixels) at an even rate, about 8 to 12.5 a second.
        times: (M,) seconds, increasing.
        shots: the shots to measure, as `find_shots` returns them.

    Returns:
        Moves of 0.45 s and more (whips 0.3 s), in time order within each shot; simultaneous ones overlap. "pan_left":
        the camera turns left, the content moves right; a camera that travels instead of turning counts alike. "static":
        measured and at rest. Stretches without any entry could not be told. `confidence` is the mean share of the
        picture that agrees. Pictures under 39 pixels give no moves.

    Raises:
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> wall = np.random.default_rng(0).integers(0, 256, (12, 30, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        >>> images = np.stack([wall[:, 3 * k : 3 * k + 160] for k in range(20)])
        >>> moves = measure_camera(images, np.arange(20) / 10, [{"start": 0.0, "end": 2.0}])
        >>> [(move["motion"], round(move["magnitude"], 2)) for move in moves]
        [('pan_right', 0.36)]
    """
    times = np.asarray(times, dtype=np.float64)
    if images.ndim != 4 or not images.size:
        return []
    rows, columns = picture_area(images)
    inside = images[:, rows, columns]
    grid = Grid.over(inside, images.shape[1:3])
    if grid is None:
        return []
    chosen = [_spaced(times, *np.searchsorted(times, [shot["start"], shot["end"]]).tolist()) for shot in shots]
    motion = follow(inside, [pair for places in chosen for pair in pairwise(places.tolist())], grid)
    moves: list[CameraMove] = []
    first = last = 0
    for index, (shot, places) in enumerate(zip(shots, chosen, strict=True)):
        first, last = last, last + len(places) - 1
        if len(places) > 2:
            moves += _ShotMotion(inside, times, places, grid, motion.part(first, last)).moves(index, shot)
    return moves


def _spaced(times: np.ndarray, first: int, last: int) -> np.ndarray:
    """Indices from `first` to `last` - 1, both included, that lie `STEP` apart (the last one less if need be)."""
    chosen = [first]
    for index in range(first + 1, last):
        least = STEP - 1e-3 if index < last - 1 else 1e-3
        if times[index] - times[chosen[-1]] >= least:
            chosen.append(index)
    return np.array(chosen, dtype=np.intp)


class _ShotMotion:
    """The motion of one shot, pair by pair of its `chosen` pictures, and the moves it consists of."""

    def __init__(self, images: np.ndarray, times: np.ndarray, chosen: np.ndarray, grid: Grid, motion: Motion) -> None:
        self.images, self.chosen, self.grid, self.motion = images, chosen, grid, motion
        self.times = times[chosen]
        self.seconds = np.diff(self.times)
        self.kept = _without_outliers(self.motion.travel / self.seconds, self.motion.support)
        self.rates, self.known = self._smooth()

    def _smooth(self) -> tuple[np.ndarray, np.ndarray]:
        """(3, n) rates a second, averaged over their neighbours, and (n,) whether anything near was measured."""
        middles = (self.times[1:] + self.times[:-1]) / 2
        first, last = np.searchsorted(middles, [middles - SMOOTH - 1e-3, middles + SMOOTH + 1e-3])
        weight = self.kept * self.motion.support
        sums = np.cumsum(np.pad(np.vstack([self.motion.travel, self.seconds]) * weight, ((0, 0), (1, 0))), axis=1)
        sums = sums[:, last] - sums[:, first]
        measured = np.flatnonzero(sums[3] > 1e-9)
        if not len(measured):
            return np.zeros((3, len(middles))), np.zeros(len(middles), dtype=bool)
        rates = sums[:3, measured] / sums[3, measured]
        rates = np.stack([np.interp(middles, middles[measured], rate) for rate in rates])
        after = np.searchsorted(measured, np.arange(len(middles)))
        near = measured[np.stack([np.maximum(after - 1, 0), np.minimum(after, len(measured) - 1)])]
        return rates, np.abs(middles[near] - middles).min(axis=0) <= BRIDGE

    def moves(self, index: int, shot: Shot) -> list[CameraMove]:
        """All moves of the shot, in time order."""
        claimed = np.zeros(len(self.seconds), dtype=bool)  # also where a move was seen but not believed
        found: list[tuple[int, int, str, float]] = []
        shaken = np.zeros(len(self.seconds))
        for first, last, speed in self._shakes():
            claimed[first:last] = True
            shaken[first:last] = speed
            found.append((first, last, "shake", speed))
        for axis, first, last, travel in self._candidates():
            size = abs(travel) * EDGES[axis]
            others = max(abs(self._travelled(other, first, last)) * EDGES[other] for other in range(3))
            if size < MINOR * others or size < STEADY * (shaken * self.seconds)[first:last].sum():
                continue
            claimed[first:last] = True
            if self._is_believed(axis, first, last, travel):
                found.append((first, last, AXES[axis][0 if travel > 0 else 1], abs(travel)))
        for first, last in _runs(self.known & ~claimed):
            if self._lasts(first, last) >= MIN_MOVE and self._confidence(first, last) >= MIN_STILL_CONFIDENCE:
                found.append((first, last, "static", 0.0))
        return [
            CameraMove(
                shot=index,
                start=round(float(shot["start"] if first == 0 else self.times[first]), 3),
                end=round(float(shot["end"] if last == len(self.seconds) else self.times[last]), 3),
                motion=motion,
                magnitude=round(float(magnitude), 4),
                confidence=round(self._confidence(first, last), 3),
            )
            for first, last, motion, magnitude in sorted(found)
        ]

    def _candidates(self) -> list[tuple[int, int, int, float]]:
        """(axis, first pair, last pair + 1, signed travel) of every stretch that keeps one direction long enough."""
        found = []
        for axis, (_, _, least_rate, least_travel, edge) in enumerate(AXES):
            for sign in (1, -1):
                rate = self.rates[axis] * sign
                for first, last in _runs(self.known & (rate > least_rate)):
                    fast = first + np.flatnonzero(rate[first:last] > TAIL * rate[first:last].max())
                    first, last = int(fast[0]), int(fast[-1]) + 1
                    travel = self._travelled(axis, first, last)
                    least_time = MIN_WHIP if sign * travel * edge > WHIP_TRAVEL else MIN_MOVE
                    if sign * travel >= least_travel and self._lasts(first, last) >= least_time:
                        found.append((axis, first, last, travel))
        return found

    def _is_believed(self, axis: int, first: int, last: int, travel: float) -> bool:
        """Whether enough of the picture agrees, all over it, and, for slow moves, over a longer time too."""
        kept = self.kept[first:last]
        if not kept.any() or self._confidence(first, last) < MIN_CONFIDENCE:
            return False
        agreeing = self.motion.agreeing[first:last][kept]
        if agreeing.any(axis=1).mean() < MIN_COLUMNS or agreeing.any(axis=2).mean() < MIN_ROWS:
            return False
        rate = travel / self._lasts(first, last)
        return abs(rate) * EDGES[axis] >= SLOW or self._shows_from_afar(axis, first, last, rate)

    def _shows_from_afar(self, axis: int, first: int, last: int, rate: float) -> bool:
        """Whether pictures `FAR` apart show the same rate: a turning globe or a crowd does not."""
        ends = np.searchsorted(self.times[: last + 1], self.times[first:last] + FAR)
        pairs = [(first + k, int(end)) for k, end in enumerate(ends) if end <= last] or [(first, last)]
        pairs = pairs[:: -(-len(pairs) // 3)]
        far = measure_motion(self.images, [(self.chosen[a], self.chosen[b]) for a, b in pairs], self.grid)
        expected = rate * np.array([self.times[b] - self.times[a] for a, b in pairs])
        alike = np.abs(far.travel[axis] - expected) < FAR_ERROR * np.abs(expected)
        return bool((alike & (far.support > USABLE)).mean() >= 0.5)

    def _shakes(self) -> list[tuple[int, int, float]]:
        """(first pair, last pair + 1, RMS speed) where the picture goes to and fro.

        Speed is taken from second differences, which a steady or easing move does not have; those of white noise are
        sqrt(3 / 2) times as large. Of noise in two dimensions the RMS is 1.2 times the median, which single jolts and
        mistakes do not change.
        """
        shift = self.motion.travel[0] + 1j * self.motion.travel[1] * self.grid.picture_height / self.grid.picture_width
        usable = self.motion.support >= USABLE
        speed = np.where(usable, shift / self.seconds, np.nan)
        jitter = np.full(len(shift), np.nan)
        jitter[1:-1] = np.abs(speed[1:-1] - (speed[:-2] + speed[2:]) / 2) / np.sqrt(1.5)
        around = np.sort(_around(1.2 * jitter, np.nan), axis=1)  # NaN sorts last
        count = np.isfinite(around).sum(axis=1)
        median = np.take_along_axis(around, np.maximum(count - 1, 0)[:, None] // 2, axis=1)[:, 0]
        way = _around(np.where(usable, shift, 0), 0)
        progress = np.abs(way.sum(axis=1)) / (np.abs(way).sum(axis=1) + 1e-9)
        shaking = (count > SHAKE_REACH) & (median > SHAKE_SPEED) & (progress < SHAKE_PROGRESS) & self.known
        return [
            (first, last, float(median[first:last].mean()))
            for first, last in _runs(shaking)
            if self._lasts(first, last) >= MIN_SHAKE and self._confidence(first, last) >= MIN_STILL_CONFIDENCE
        ]

    def _lasts(self, first: int, last: int) -> float:
        return float(self.times[last] - self.times[first])

    def _confidence(self, first: int, last: int) -> float:
        return float((self.motion.support * self.kept * self.seconds)[first:last].sum() / self._lasts(first, last))

    def _travelled(self, axis: int, first: int, last: int) -> float:
        """Travel on one axis, made up for pairs that could not be measured."""
        measured = (self.kept * self.seconds)[first:last].sum()
        if measured < 0.3 * self._lasts(first, last):
            return float((self.rates[axis] * self.seconds)[first:last].sum())
        travel = (self.motion.travel[axis] * self.kept)[first:last].sum()
        return float(travel * self._lasts(first, last) / measured)


def _without_outliers(rates: np.ndarray, support: np.ndarray) -> np.ndarray:
    """(n,) bool: pairs to use. (3, n) rates that leave the range of their two usable neighbours are single mistakes."""
    kept = support >= USABLE
    usable = np.flatnonzero(kept)
    values = rates[:, usable] * EDGES[:, None]
    low, high = np.minimum(values[:, :-2], values[:, 2:]), np.maximum(values[:, :-2], values[:, 2:])
    slack = OUTLIER + np.maximum(np.abs(low), np.abs(high)) / 2
    wild = ((values[:, 1:-1] < low - slack) | (values[:, 1:-1] > high + slack)).any(axis=0)
    kept[usable[1:-1][wild & (support[usable[1:-1]] < TRUSTED)]] = False
    return kept


def _around(values: np.ndarray, outside: float) -> np.ndarray:
    """(n,) -> (n, 2 SHAKE_REACH + 1): each value with its neighbours."""
    padded = np.pad(values, SHAKE_REACH, constant_values=outside)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * SHAKE_REACH + 1)


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First index and last index + 1 of every run of True."""
    edges = np.flatnonzero(np.diff(np.pad(mask.astype(np.int8), 1)))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
