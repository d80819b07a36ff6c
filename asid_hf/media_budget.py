"""How many pictures of a clip are taken, which ones, and how large: arithmetic only, no decoder.

The frame rules (count, places, size) are those of qwen-omni-utils 0.0.9, the reference loader of Qwen2.5-Omni, so that
one budget gives the same frames here and there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

try:
    from asid_hf.errors import InputError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import InputError

FACTOR = 28  # sides are whole merged patches: 2 x 14 pixels
MIN_PIXELS, FRAME_PIXELS, TOTAL_PIXELS = 128 * FACTOR**2, 512 * FACTOR**2, 50 * 512 * FACTOR**2
FRAME_PIXELS_LIMIT = 768 * FACTOR**2
MAX_RATIO = 200

IMAGE_SIDE, IMAGE_RATE, IMAGE_RATE_MIN, IMAGES_BYTES = 160, 12.5, 8.0, 210e6
STILL_RATE, STILL_PIXELS, STILLS_PIXELS = 1.0, 1280 * 720, 200e6

MAX_DURATION = 3600.0  # s; an hour's pictures and sound take 1.7 GB


@dataclass(frozen=True)
class Budget:
    """Which parts of a clip are read, and within which limits; see `media.open_clip` and `frame_size`.

    Raises:
        InputError: limits that contradict each other.

    Example:
        >>> Budget(fps=0)
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: fps=0, min_frames=4, max_frames=768: fps must be over 0, max_frames at ...
    """

    fps: float = 2.0
    min_frames: int = 4
    max_frames: int = 768
    min_pixels: int = MIN_PIXELS
    frame_pixels: int = FRAME_PIXELS
    total_pixels: float = TOTAL_PIXELS
    max_duration: float = MAX_DURATION
    frames: bool = True
    audio: bool = True
    analysis: bool = False
    stills: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.fps < math.inf and 0 <= self.min_frames <= self.max_frames and self.max_frames >= 2):
            given = f"fps={self.fps}, min_frames={self.min_frames}, max_frames={self.max_frames}"
            raise InputError(f"{given}: fps must be over 0, max_frames at least 2 and not under min_frames.")
        if not (0 < self.min_pixels <= self.frame_pixels and self.total_pixels > 0):
            given = f"min_pixels={self.min_pixels}, frame_pixels={self.frame_pixels}, total_pixels={self.total_pixels}"
            raise InputError(f"{given}: all must be over 0, frame_pixels not under min_pixels.")


def smart_resize(
    height: int,
    width: int,
    factor: int = FACTOR,
    min_pixels: float = 4 * FACTOR**2,
    max_pixels: float = 16384 * FACTOR**2,
) -> tuple[int, int]:
    """The size Qwen2.5-Omni sees: sides are multiples of `factor`, the area within the limits, the aspect kept.

    Args:
        height, width: pixels as shown.
        factor: both sides become multiples of it.
        min_pixels, max_pixels: limits of the area.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: one side is over 200 times the other, or the limits contradict each other.

    Example:
        >>> smart_resize(720, 1280, max_pixels=512 * 28 * 28)
        (448, 840)
    """
    if min_pixels > max_pixels:
        raise InputError(f"min_pixels={min_pixels} is over max_pixels={max_pixels}: lower the one or raise the other.")
    if not 0 < max(height, width) <= MAX_RATIO * min(height, width):
        raise InputError(f"{width} x {height}: one side may be {MAX_RATIO} times the other at most.")
    high, wide = (max(factor, round(side / factor) * factor) for side in (height, width))
    if high * wide > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        # At least one patch: the reference gives 0 for a long strip and fails on it.
        high, wide = (max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width))
    elif high * wide < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        high, wide = (math.ceil(side * grow / factor) * factor for side in (height, width))
    return high, wide


def frame_size(
    height: int,
    width: int,
    count: int,
    min_pixels: int = MIN_PIXELS,
    frame_pixels: int = FRAME_PIXELS,
    total_pixels: float = TOTAL_PIXELS,
) -> tuple[int, int]:
    """The size of each of `count` frames inside a budget: `total_pixels` counts a pair of frames as one picture.

    `min_pixels` goes before `total_pixels`: many frames may take more than the total.

    Args:
        height, width: pixels as shown.
        count: how many frames there are.
        min_pixels, frame_pixels: least and most pixels of one frame (768 * 28 * 28 at the very most).
        total_pixels: most pixels of all pairs of frames together.

    Returns:
        (height, width) in pixels, multiples of 28.

    Raises:
        InputError: as `smart_resize`.

    Example:
        >>> frame_size(720, 1280, count=768)
        (224, 420)
    """
    share = min(FRAME_PIXELS_LIMIT, total_pixels / count * 2)
    return smart_resize(height, width, FACTOR, min_pixels, min(frame_pixels, max(share, int(min_pixels * 1.05))))


def frame_count(total: int, video_fps: float, fps: float = 2.0, min_frames: int = 4, max_frames: int = 768) -> int:
    """How many frames are taken of `total` pictures shown at `video_fps`: an even count, except 1 of a lone picture.

    Example:
        >>> frame_count(total=250, video_fps=25.0)
        20
    """
    least, most = math.ceil(min_frames / 2) * 2, math.floor(min(max_frames, total) / 2) * 2
    count = min(max(total / video_fps * fps, least), most, total)
    return max(1, math.floor(count / 2) * 2)


def frame_places(total: int, count: int) -> np.ndarray:
    """Which of `total` pictures are taken: evenly spaced, the first and the last among them; (count,) int64.

    Worked out in single precision from both ends, as torch.linspace does (one rounding for product and sum), so that
    halves fall as in the reference.

    Example:
        >>> frame_places(10, 4).tolist()
        [0, 3, 6, 9]
    """
    if count == 1:
        return np.zeros(1, np.int64)
    step, order = float(np.float32(total - 1) / np.float32(count - 1)), np.arange(count)
    exact = np.where(order < count // 2, step * order, total - 1 - step * (count - 1 - order))
    return exact.astype(np.float32).round().astype(np.int64)


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
