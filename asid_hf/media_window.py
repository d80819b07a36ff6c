"""Window: the part of a clip that is wanted, and with which packet the decoding of it may begin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

try:
    from asid_hf.media_timeline import Timeline, decoded
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .media_timeline import Timeline, decoded

# Seconds of sound decoded before and after a window: decoders start from their last packets, the resampler looks both
# ways. What the scan keeps reaches further, as it does not know yet where the axis begins.
BEFORE, AFTER, REACH = 3.0, 0.5, 10.0
SAME = 1e-6  # s; times no further apart are one
STEADY = 0.002  # s; timestamps jitter below it (Matroska rounds to 1 ms)


@dataclass(frozen=True)
class Window:
    """The part wanted of a clip: from `start` to `end`, s on its axis, which begins at `zero`, s as packets tell time.

    The whole clip, whose axis need not be known then, reaches from minus infinity to infinity.

    Example:
        >>> Window(zero=1.4, start=2.0, end=3.0).opens
        3.4
    """

    zero: float = 0.0
    start: float = -math.inf
    end: float = math.inf

    @property
    def whole(self) -> bool:
        """Whether it is all of the clip."""
        return self.start == -math.inf

    @property
    def opens(self) -> float:
        """Where it begins, s as packets tell time."""
        return self.zero + self.start

    @property
    def closes(self) -> float:
        """Where it ends, s as packets tell time."""
        return self.zero + self.end

    def places(self, times: np.ndarray, end: float) -> range:
        """Which pictures are shown in it: the one on screen as it opens, and those that begin in it.

        Args:
            times: (N,) s, increasing, when each picture is shown.
            end: s, when the last one ends.
        """
        if not len(times) or end <= self.opens + SAME:
            return range(0)
        on_screen = int(np.searchsorted(times, self.opens + SAME, side="right")) - 1
        return range(max(on_screen, 0), int(np.searchsorted(times, self.closes - SAME)))

    def rate(self, count: int, first: float, end: float) -> Fraction:
        """Pictures a second, exactly, of `count` that are shown from `first` to `end` s.

        Seconds are rounded to millionths: 60.7 - 40.7 is to be 20, in which there are 40 frames at 2 a second, not 38.
        """
        seconds = round(min(end, self.closes) - max(first, self.opens), 6)
        return count / Fraction(max(seconds, SAME))


@dataclass(frozen=True, eq=False)
class Opening:
    """How a track of sound begins: when (s), with how many samples, how many the next stretch has (0: there is none).

    kind: (format, layout, samples a second); packets: how many were decoded for it; frames: what they gave.

    Example:
        >>> Opening(time=0.0, first=47, size=1152, kind=("fltp", "stereo", 44100)).count(0.5)
        21935
    """

    time: float
    first: int
    size: int
    kind: tuple[str, str, int]
    packets: int = 0
    frames: tuple[Any, ...] = ()

    def count(self, time: float) -> int:
        """Samples from the beginning to the stretch that begins around `time` s, in a track that is `steady`."""
        return self.first + round(((time - self.time) * self.kind[2] - self.first) / self.size) * self.size

    def steady(self, begins: np.ndarray) -> bool:
        """Whether packets that begin at these times, s, follow the first stretch without a gap, all of one size."""
        if not self.size:
            return False
        following = begins[begins > self.time + self.first / self.kind[2] - STEADY]
        counted = self.time + (self.first + np.arange(len(following)) * self.size) / self.kind[2]
        return bool(np.all(np.abs(following - counted) < STEADY))


def hear_opening(stream: Any, timeline: Timeline) -> Opening | None:
    """Decode the first packets of the sound, until two give some; None where they hold none.

    The decoder goes on with the next packet, or is to be flushed; AAC's keeps the shape of its last window even so.

    Example:
        >>> hear_opening(None, Timeline(np.zeros(0, int), np.zeros(0), False)) is None
        True
    """
    heard: list[Any] = []
    count = 0
    while count < len(timeline.opening) and len(heard) < 2:
        heard += [frame for frame in decoded(stream, timeline.opening[count]) if frame.samples]
        count += 1
    if not heard:
        return None
    first, size = heard[0], heard[1].samples if len(heard) > 1 else 0
    return Opening(first.time or 0.0, first.samples, size, kind_of(first), count, tuple(heard))


def kind_of(frame: Any) -> tuple[str, str, int]:
    """What tells stretches of sound apart that cannot be resampled in one go: format, layout, samples a second.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> kind_of(Made(format=Made(name="fltp"), layout=Made(name="mono"), sample_rate=48000))
        ('fltp', 'mono', 48000)
    """
    return frame.format.name, frame.layout.name, frame.sample_rate


def sounds_within(timeline: Timeline, tick: float, window: Window, opening: Opening | None) -> list[Any] | None:
    """The packets of sound that were kept and are needed; None where the file must be read, from its beginning.

    Packets are left out before a window only where the place of the first one taken can be counted without decoding
    what comes before: else the sound of a window would lie elsewhere than in the whole clip.

    Args:
        timeline: with the packets that were kept.
        tick: s, of the sound's timestamps.
        window: what is wanted.
        opening: how the sound begins; None where no window is wanted, or it is not known.

    Example:
        >>> kept = Timeline(np.zeros(0, int), np.zeros(0), False, sounds=("packet", "packet"))
        >>> sounds_within(kept, Fraction(1, 16000), Window(), opening=None)
        ['packet', 'packet']
    """
    if timeline.sounds is None or window.whole or opening is None:
        return None if timeline.sounds is None else list(timeline.sounds)
    tick = float(tick)
    begins = timeline.heard * tick
    after, until = window.opens - BEFORE, window.closes + AFTER
    if after <= opening.time + 2 * BEFORE:
        after = -math.inf
    elif not opening.steady(begins[begins < window.closes]):
        return None
    wanted = [packet for packet in timeline.sounds if after <= _stamp(packet) * tick < until]
    there = sum(not packet.is_discard for packet in wanted)
    return wanted if there >= np.count_nonzero((begins >= after) & (begins < until)) else None


def _stamp(packet: Any) -> int:
    return (packet.dts if packet.pts is None else packet.pts) or 0
