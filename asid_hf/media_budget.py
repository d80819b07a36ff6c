"""How many pictures of a clip are taken, which ones, and how large: arithmetic only, no decoder.

The frame rules (count, places, size) are those of qwen-omni-utils 0.0.9, the reference loader of Qwen2.5-Omni, so that
one budget gives the same frames here and there. `fit_frames` lowers them where they would take more tokens than may be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

try:
    from asid_hf.errors import InputError, MediaError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import InputError, MediaError

FACTOR = 28  # sides are whole merged patches: 2 x 14 pixels
MIN_PIXELS, FRAME_PIXELS, TOTAL_PIXELS = 128 * FACTOR**2, 512 * FACTOR**2, 50 * 512 * FACTOR**2
FRAME_PIXELS_LIMIT = 768 * FACTOR**2
MAX_RATIO = 200

MAX_DURATION = 3600.0  # s; an hour's pictures and sound take 1.7 GB


@dataclass(frozen=True)
class Budget:
    """Which parts of a clip are read, and within which limits; see `media.open_clip`, `frame_size`, `fit_frames`.

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
    max_tokens: int | None = None
    max_duration: float = MAX_DURATION
    start: float = 0.0
    end: float | None = None
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
        if self.max_tokens is not None and not self.max_tokens > 0:
            raise InputError(f"max_tokens={self.max_tokens} must be over 0, or None for no limit.")
        if not (0 <= self.start < math.inf and (self.end is None or self.start < self.end)):
            raise InputError(f"start={self.start}, end={self.end}: start must be 0 or over, end over start or None.")

    @property
    def whole(self) -> bool:
        """Whether all of the clip is read, not a window of it."""
        return self.start == 0 and self.end is None

    @property
    def until(self) -> float:
        """Where the window ends, s on the clip's axis; infinity where the clip does."""
        return math.inf if self.end is None else self.end


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


def picture_tokens(count: int, height: int, width: int) -> int:
    """Tokens of Qwen2.5-Omni that `count` frames take: one for each 28 x 28 pixels of a pair; a lone one is a pair.

    Example:
        >>> picture_tokens(20, 448, 840)
        4800
    """
    return math.ceil(count / 2) * (height // FACTOR) * (width // FACTOR)


def audio_tokens(samples: int) -> int:
    """Tokens of Qwen2.5-Omni that `samples` of sound at 16 kHz take: 25 a second.

    One column of the spectrogram is 160 samples; two convolutions of the model's ears and its pooling leave a fourth.

    Example:
        >>> audio_tokens(10 * 16000)
        250
    """
    columns = math.ceil(samples / 160)
    return ((columns - 1) // 2 + 1 - 2) // 2 + 1


class Fit(NamedTuple):
    """How many frames are taken, their (height, width) in pixels, and what was lowered for it."""

    count: int
    size: tuple[int, int]
    fitted: tuple[str, ...] = ()


def fit_frames(
    budget: Budget,
    height: int,
    width: int,
    count: int,
    sound_samples: int = 0,
    size: tuple[int, int] | None = None,
    name: str = "The clip",
) -> Fit:
    """How many frames are taken and how large, so that with the sound they take `budget.max_tokens` at most.

    Without that limit, and where all fit: `count` frames of the size that `frame_size` says. Else first the resolution
    is lowered, as far as the least size: what `frame_size` gives where `total_pixels` leaves least (around
    `min_pixels`, as sides are whole patches). If that is not enough, the rate: as many frames as fit at the least size,
    an even count, down to 2 whatever `min_frames` says, then at the largest size that fits with so many. Sound is never
    cut.

    More tokens, or less sound, never give fewer frames, and never smaller ones where the count is the same.

    Args:
        budget: its limits; its switches and its window do not matter here.
        height, width: pixels as shown.
        count: how many frames there would be, see `frame_count`: even, or 1 of a lone picture, which is shown twice;
            0 where there is sound only.
        sound_samples: of sound at 16 kHz that go with the frames; 0 without sound.
        size: (height, width) that the frames have already, multiples of 28; they are not made larger then.
        name: what the message calls the clip.

    Returns:
        (count, size, fitted); `fitted` holds "resolution", "rate", both or nothing.

    Raises:
        MediaError: "too_large": two frames of the least size and the sound do not fit.
        InputError: as `smart_resize`.

    Example:
        >>> fit_frames(Budget(max_tokens=24000), 720, 1280, count=120, sound_samples=60 * 16000)
        Fit(count=120, size=(392, 728), fitted=('resolution',))
        >>> fit_frames(Budget(max_tokens=4000), 720, 1280, count=120, sound_samples=60 * 16000)
        Fit(count=40, size=(224, 420), fitted=('resolution', 'rate'))
    """
    sound = audio_tokens(sound_samples)
    if not count:
        _check_tokens(budget, sound, "its sound", name)
        return Fit(0, (0, 0))
    ordinary = size or frame_size(
        height, width, max(2, count), budget.min_pixels, budget.frame_pixels, budget.total_pixels
    )
    if budget.max_tokens is None or picture_tokens(count, *ordinary) + sound <= budget.max_tokens:
        return Fit(count, ordinary)
    least = _size_within(_least_pixels(budget), height, width, count, budget)
    if size is not None:
        least = min(least, size, key=math.prod)
    needed = picture_tokens(2, *least)
    _check_tokens(budget, needed + sound, f"two frames ({needed}) and its sound ({sound})", name)
    room = budget.max_tokens - sound
    fewer = min(count, room // needed * 2)
    fitting = _largest_size(height, width, fewer, budget, room)
    if size is not None:
        fitting = min(fitting, size, key=math.prod)
    lowered = {"resolution": math.prod(fitting) < math.prod(ordinary), "rate": fewer < count}
    return Fit(fewer, fitting, tuple(what for what, is_so in lowered.items() if is_so))


def _check_tokens(budget: Budget, needed: int, parts: str, name: str) -> None:
    if budget.max_tokens is not None and needed > budget.max_tokens:
        advice = f"Set max_tokens to {needed} or more, or open a shorter window with start and end."
        message = f"{name} needs {needed} tokens at least for {parts}, max_tokens is {budget.max_tokens}."
        raise MediaError("too_large", f"{message} {advice}")


def _least_pixels(budget: Budget) -> int:
    """The lowest upper limit of a frame's area, as in `frame_size`."""
    return min(budget.frame_pixels, int(budget.min_pixels * 1.05))


def _size_within(most: int, height: int, width: int, count: int, budget: Budget) -> tuple[int, int]:
    """As `frame_size`, of at most so many pixels; of a strip one patch high or wide, the long side keeps to them, too.

    Its area never falls while `most` rises.
    """
    limits = (budget.min_pixels, min(most, budget.frame_pixels), budget.total_pixels)
    high, wide = frame_size(height, width, max(2, count), *limits)
    if min(high, wide) == FACTOR and high * wide > most:
        longest = max(1, int(most) // FACTOR**2) * FACTOR
        high, wide = min(high, longest), min(wide, longest)
    return high, wide


def _largest_size(height: int, width: int, count: int, budget: Budget, room: int) -> tuple[int, int]:
    """The largest size of `count` frames within `room` tokens, searched, as sides are rounded up as well as down.

    The least size is taken to fit.
    """
    fits, most = _least_pixels(budget), int(budget.frame_pixels) + 1
    while most - fits > 1:
        tried = (fits + most) // 2
        if picture_tokens(count, *_size_within(tried, height, width, count, budget)) <= room:
            fits = tried
        else:
            most = tried
    return _size_within(fits, height, width, count, budget)


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
