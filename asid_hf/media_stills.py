"""Which small pictures and stills of a clip are taken for measuring, and how large: arithmetic only, no decoder."""

from __future__ import annotations

import math

import numpy as np

IMAGE_SIDE, IMAGE_RATE, IMAGE_RATE_MIN, IMAGES_BYTES = 160, 12.5, 8.0, 210e6
STILL_RATE, STILL_PIXELS, STILLS_PIXELS = 1.0, 1280 * 720, 200e6


def image_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the small pictures: the long side is 160 pixels.

    Example:
        >>> image_size(720, 1280)
        (90, 160)
    """
    return _scaled(height, width, IMAGE_SIDE / max(height, width))


def image_places(times: np.ndarray, end: float, height: int, width: int) -> np.ndarray:
    """Which pictures become small ones: 12.5 a second, fewer where 210 MB would not hold them, never under 8.

    Args:
        times: (N,) s, increasing, when each picture is shown.
        end: s, when the last one ends.
        height, width: pixels as shown.

    Returns:
        (M,) int64, increasing.

    Example:
        >>> image_places(np.arange(10) / 25, 0.4, 720, 1280).tolist()
        [0, 2, 4, 6, 8]
    """
    high, wide = image_size(height, width)
    affordable = IMAGES_BYTES / (high * wide * 3) / (end - times[0])
    return _places_at(times, end, min(IMAGE_RATE, max(IMAGE_RATE_MIN, affordable)))


def still_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of a still: as shown, or scaled down to 1280 * 720 pixels.

    Example:
        >>> still_size(2160, 3840)
        (720, 1280)
    """
    return _scaled(height, width, min(1.0, math.sqrt(STILL_PIXELS / (height * width))))


def still_places(times: np.ndarray, end: float, height: int, width: int) -> np.ndarray:
    """Which pictures become stills: one a second, fewer where they would be over 200e6 pixels together.

    Arguments and result as `image_places`.

    Example:
        >>> still_places(np.arange(75) / 25, 3.0, 720, 1280).tolist()
        [0, 25, 50]
    """
    high, wide = still_size(height, width)
    return _places_at(times, end, min(STILL_RATE, STILLS_PIXELS / (high * wide) / (end - times[0])))


def _places_at(times: np.ndarray, end: float, rate: float) -> np.ndarray:
    """The first picture at or after each of `rate` ticks a second."""
    ticks = times[0] + np.arange(math.ceil((end - times[0]) * rate)) / rate
    places = np.searchsorted(times, ticks - 1e-6)
    return np.unique(places[places < len(times)])


def _scaled(height: int, width: int, scale: float) -> tuple[int, int]:
    return max(1, round(height * scale)), max(1, round(width * scale))
