"""Light: how bright the picture is and how that changes, whether it looks warm or cool, and its colours.

Everything is measured on display values (gamma-encoded, as the eye roughly judges lightness), without black bars.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np

from ..schema import COLOURS, LIGHT_LEVELS, Colour, LightEvidence, LightSpan

LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709
SAMPLE = 5  # every 5th pixel both ways, 576 of a 160 x 90 picture: means move by less than 0.01
MAX_IMAGES = 120  # looked at for colours, evenly spread

# Mean luma up to which a picture is dark, dim, normal; above, bright. Chosen on 127 frames of 9 films and a dozen
# photographs sorted by eye: 0.88 agree. Median and upper percentiles of luma were tried: 0.72 to 0.88.
LEVEL_ENDS = (0.20, 0.38, 0.70)
HYSTERESIS = 0.02  # a level is left only this far beyond its end, so that flicker makes no spans
MIN_SPAN = 0.5  # s; shorter stretches of another level (flashes, blinks) join their neighbour

# Red minus blue over the mean, of pixels with little colour of their own, which show the colour of the light (of all,
# if fewer than 5 % are such). On the same frames 0.83 agree with the eye; warm is never taken for cool.
WARM, COOL = 0.20, -0.16
OWN_COLOUR, TOO_DARK, ENOUGH = 0.4, 0.15, 0.05

PLAIN = 0.045  # OKLab chroma below which people say black, grey or white (survey: 9 of 10 greys, 1 of 50 others)
OKLAB_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
OKLAB_OPPONENTS = ((1.9779984951, -2.4285922050, 0.4505937099), (0.0259040371, 0.7827717662, -0.8086757660))
MIN_SHARE, MAX_COLOURS = 0.1, 5

BAR = 32  # black bars stay below this value (coded black is 16 in some files, and edges ring)


def measure_light(images: np.ndarray, times: np.ndarray, duration: float | None = None) -> LightEvidence:
    """Measure light and colour of a clip.

    Args:
        images: (M, h, w, 3) uint8 RGB, small pictures at an even rate.
        times: (M,) seconds, increasing.
        duration: length of the clip in seconds, where the last span ends; by default one image after the last.

    Returns:
        `brightness`: mean luma, 0..1. `contrast`: standard deviation of luma within a picture, mean over the clip, 0
        (plain) to 0.5 (half black, half white). `level` and `spans`: by `LEVEL_ENDS`; spans follow each other without
        gaps and last `MIN_SPAN` or more where the clip does. `colours`: those that fill a tenth of the picture or more
        over the clip, at most five, the largest first. No picture: zeros, "dark", "neutral" and empty lists.

    Example:
        >>> light = measure_light(np.full((10, 9, 16, 3), (200, 120, 40), np.uint8), np.arange(10) / 10)
        >>> light["level"], light["temperature"], light["colours"]
        ('normal', 'warm', [{'name': 'orange', 'share': 1.0}])
    """
    if images.ndim != 4 or not images.size:
        return LightEvidence(brightness=0.0, contrast=0.0, level="dark", temperature="neutral", colours=[], spans=[])
    rows, columns = picture_area(images)
    inside = images[:, rows, columns]
    down, right = (min(SAMPLE, side) for side in inside.shape[1:3])
    pixels = inside[:, down // 2 :: down, right // 2 :: right].reshape(len(images), -1, 3)
    luma = pixels.astype(np.float32) @ np.array(LUMA, dtype=np.float32) / 255
    brightness = luma.mean(axis=1)
    mean = float(brightness.mean())
    pixels = pixels[:: -(-len(images) // MAX_IMAGES)].reshape(-1, 3)
    return LightEvidence(
        brightness=round(mean, 3),
        contrast=round(float(luma.std(axis=1).mean()), 3),
        level=LIGHT_LEVELS[int(np.searchsorted(LEVEL_ENDS, mean))],
        temperature=_temperature(pixels),
        colours=_colours(pixels),
        spans=_spans(brightness, np.asarray(times, dtype=np.float64), duration),
    )


def picture_area(images: np.ndarray) -> tuple[slice, slice]:
    """Find the picture between black bars (letterbox, pillarbox).

    Bars are black all the time, equally wide on both sides, and end sharply; one of the two may carry subtitles. A dark
    scene or a bright object on black has no such bars.

    Args:
        images: (M, h, w, 3) uint8 RGB.

    Returns:
        The rows and the columns of the picture.

    Example:
        >>> images = np.zeros((3, 90, 160, 3), np.uint8)
        >>> images[:, 12:78] = 128
        >>> picture_area(images)
        (slice(12, 78, None), slice(0, 160, None))
    """
    lit = images[:: max(1, len(images) // 40)].max(axis=0).max(axis=2) > BAR
    return _between_bars(lit.mean(axis=1)), _between_bars(lit.mean(axis=0))


def _between_bars(lit: np.ndarray) -> slice:
    """`lit`: share of pixels ever lit, line by line."""
    count = len(lit)
    full = np.flatnonzero(lit > 0.5)
    if not len(full):
        return slice(0, count)
    before, after = int(full[0]), count - 1 - int(full[-1])
    black = min(lit[: max(before - 1, 0)].max(initial=0), lit[count - max(after - 1, 0) :].max(initial=0)) < 0.05
    if min(before, after) < 2 or abs(before - after) > 2 or not black:
        return slice(0, count)
    bar = max(before, after)
    return slice(bar, count - bar)


def _temperature(pixels: np.ndarray) -> str:
    """(n, 3) uint8 -> "warm", "neutral" or "cool"."""
    channels = np.ascontiguousarray(pixels.T)  # whole channels are compared ten times faster than pixel by pixel
    high, low = np.maximum.reduce(channels), np.minimum.reduce(channels)
    shows_light = (high > 255 * TOO_DARK) & (high - low < OWN_COLOUR * high)
    red, green, blue = channels[:, shows_light if shows_light.mean() > ENOUGH else slice(None)].mean(axis=1) / 255
    warmth = (red - blue) / ((red + green + blue) / 3 + 0.05)
    return "warm" if warmth > WARM else "cool" if warmth < COOL else "neutral"


def _colours(pixels: np.ndarray) -> list[Colour]:
    """(n, 3) uint8 -> the colours that fill at least `MIN_SHARE`."""
    red, green, blue = (pixels >> 3).astype(np.int32).T
    counts = np.bincount(_colour_table()[red << 10 | green << 5 | blue], minlength=len(COLOURS))
    shares = counts / len(pixels)
    largest = np.argsort(-shares, kind="stable")[:MAX_COLOURS]
    return [Colour(name=COLOURS[k], share=round(float(shares[k]), 3)) for k in largest if shares[k] >= MIN_SHARE]


@cache
def _colour_table() -> np.ndarray:
    """(32768,) index into `COLOURS` for every colour of 5 bits a channel."""
    level = (np.arange(32) * 8 + 4) / 255
    return name_colours(np.stack(np.meshgrid(level, level, level, indexing="ij"), axis=-1).reshape(-1, 3))


def name_colours(rgb: np.ndarray) -> np.ndarray:
    """Name colours as people do, by hue sectors and what lightness and chroma make of them.

    Agrees with 0.85 of the 680 names of the XKCD colour survey that end in one of `COLOURS` (or a plain synonym).

    Args:
        rgb: (n, 3) red, green, blue, 0..1, gamma-encoded.

    Returns:
        (n,) indices into `COLOURS`.

    Example:
        >>> [COLOURS[k] for k in name_colours(np.array([[0.9, 0.1, 0.1], [0.5, 0.3, 0.1], [0.5, 0.5, 0.5]]))]
        ['red', 'brown', 'grey']
    """
    red, green, blue = rgb.T
    value = rgb.max(axis=1)
    chroma = value - rgb.min(axis=1)
    span = np.maximum(chroma, 1e-9)
    hue = 60 * np.select(
        [value == red, value == green],
        [(green - blue) / span % 6, (blue - red) / span + 2],
        (red - green) / span + 4,
    )
    saturation = chroma / np.maximum(value, 1e-9)
    plain = _chroma(rgb) < PLAIN
    rules = {
        "black": (value < 0.15) | plain & (value < 0.22),
        "white": plain & (value > 0.87),
        "grey": plain,
        "brown": (hue >= 16) & (hue < 42) & ((value < 0.72) | (saturation < 0.65) & (value < 0.93))
        | (hue >= 42) & (hue < 57) & (value < 0.74),
        "orange": (hue >= 16) & (hue < 42),
        "yellow": (hue >= 42) & ((hue < 57) | (hue < 70) & (value >= 0.74)),
        "green": (hue >= 57) & (hue < 160),
        "cyan": (hue >= 160) & (hue < 186),
        "blue": (hue >= 186) & (hue < 260),
        "purple": (hue >= 260) & ((hue < 302) | (hue < 335) & (value < 0.7)),
        "pink": (hue >= 260) & (hue < 335) | (saturation < 0.68) & (value > 0.5),
    }
    return np.select(list(rules.values()), [COLOURS.index(name) for name in rules], COLOURS.index("red"))


def _chroma(rgb: np.ndarray) -> np.ndarray:
    """(n, 3) gamma-encoded sRGB -> (n,) chroma in OKLab (Ottosson, 2020): equal numbers look equally colourful."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    cones = np.cbrt(linear @ np.array(OKLAB_CONES).T)
    return np.hypot(*(cones @ np.array(OKLAB_OPPONENTS).T).T)


def _spans(brightness: np.ndarray, times: np.ndarray, duration: float | None) -> list[LightSpan]:
    """Stretches of one level, without flashes; each one shorter than `MIN_SPAN` joins its longer neighbour."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    stops = np.append(times, times[-1] + step if duration is None else max(duration, times[-1]))
    levels = _levels(_without_flashes(brightness, step))
    edges = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
    stretches = [(first, last, int(levels[first])) for first, last in pairwise(edges)]
    while len(stretches) > 1:
        lengths = [float(stops[last] - stops[first]) for first, last, _ in stretches]
        shortest = int(np.argmin(lengths))
        if lengths[shortest] >= MIN_SPAN - 1e-6:
            break
        sides = [side for side in (shortest - 1, shortest + 1) if 0 <= side < len(stretches)]
        level = stretches[max(sides, key=lambda side: lengths[side])][2]
        stretches[shortest] = (*stretches[shortest][:2], level)
        stretches = _joined(stretches)
    return [
        LightSpan(
            start=round(float(stops[first]), 3),
            end=round(float(stops[last]), 3),
            level=LIGHT_LEVELS[level],
            brightness=round(float(brightness[first:last].mean()), 3),
        )
        for first, last, level in stretches
    ]


def _without_flashes(brightness: np.ndarray, step: float) -> np.ndarray:
    """(M,) running median over more than `MIN_SPAN`."""
    reach = math.ceil(MIN_SPAN / 2 / step) if step > 0 else 0
    padded = np.pad(brightness, reach, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)


def _levels(brightness: np.ndarray) -> np.ndarray:
    """(M,) index into `LIGHT_LEVELS` of each picture; a level is kept until its end is passed by `HYSTERESIS`."""
    ends = (-np.inf, *LEVEL_ENDS, np.inf)
    levels = np.searchsorted(LEVEL_ENDS, brightness)
    for index in range(1, len(levels)):
        before = levels[index - 1]
        if ends[before] - HYSTERESIS <= brightness[index] <= ends[before + 1] + HYSTERESIS:
            levels[index] = before
    return levels


def _joined(stretches: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Stretches (first, last, level) with neighbours of one level made one."""
    joined = stretches[:1]
    for first, last, level in stretches[1:]:
        if level == joined[-1][2]:
            joined[-1] = (joined[-1][0], last, level)
        else:
            joined.append((first, last, level))
    return joined
