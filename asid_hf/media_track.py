"""Track: a sound stream as 16 kHz mono, laid on the time axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import gcd
from typing import Any

import av
import numpy as np

try:
    from asid_hf.media_clip import SAMPLE_RATE
    from asid_hf.media_timeline import Timeline, decoded
    from asid_hf.media_window import AFTER, Opening, Window, kind_of, sounds_within
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .media_clip import SAMPLE_RATE
    from .media_timeline import Timeline, decoded
    from .media_window import AFTER, Opening, Window, kind_of, sounds_within

BATCH_PACKETS, BATCH_SAMPLES = 64, 1 << 15  # of sound that are handed over, or resampled, at once
SOUND_HOLE = 0.04  # s; timestamps jitter below it (Matroska rounds to 1 ms), above it sound is missing
NEAR = 1.5  # s; resampling begins so long before a window: up to 1 s to the next sample on the grid, the filter's reach
OVERRUN = 0.1  # s; so much more than its packets say a track may hold: see `SOUND_HOLE`, and the resampler's tail
MEAN = {"rematrix_maxval": "1"}  # weights of mixed channels add up to 1; floats would else grow louder


class Track:
    """A sound stream as 16 kHz mono, laid where its presentation times say; with `whole` False only where it begins.

    Channels are mixed by the rule of swresample, weights adding up to 1: of stereo the mean; of 5.1 the centre counts
    more than the sides, the surrounds less, the bass channel nothing.

    Of a window only what lies in it is resampled and kept, on the same grid as the whole track would be.

    Example:
        >>> silence = Timeline(np.zeros(0, int), np.zeros(0), False, sound_start=0.0, sound_end=2.0)
        >>> Track(None, silence, whole=True, beside=print).samples(start=0.0, end=1.0) is None
        True
    """

    def __init__(
        self,
        stream: Any,
        timeline: Timeline,
        whole: bool,
        beside: Callable,
        window: Window = Window(),  # noqa: B008, it is frozen
        opening: Opening | None = None,
    ) -> None:
        """`beside` is given the decoding and resampling, which need not be done at once; a window needs `opening`."""
        self.stream, self.timeline, self.whole, self.beside = stream, timeline, whole, beside
        self.window, self.opening = window, opening
        self.packets: list[Any] = []  # to be decoded
        self.origin = timeline.start
        self.start: float | None = None  # s, of the first sound decoded
        self.place = self.written = 0  # samples: where the next one goes; where those there end
        self.due = 0.0  # s, when the next sound follows without a hole
        self.kind: tuple = ()
        self.passed = 0  # samples of this kind, without a hole between, that lie before the window
        self.resumed = False  # whether decoding begins within the track
        self.unmixed: av.AudioFifo | None = None
        self.resampler: av.AudioResampler | None = None
        first, last = 0, math.ceil((timeline.length + 1) * SAMPLE_RATE)
        if opening is not None:
            self.start = self.due = opening.time
            # Rounded apart, so that a window holds the very samples of the whole clip.
            zero = round((window.zero - self.origin) * SAMPLE_RATE)
            first, last = zero + round(window.start * SAMPLE_RATE), zero + round(window.end * SAMPLE_RATE)
        self.first = first  # samples from the origin to the first one kept
        self.store = np.zeros(last - first if whole else 0, np.float32)

    @property
    def most(self) -> int:
        """How many samples it may give at most."""
        if not self.whole or not math.isfinite(self.timeline.sound_end):
            return 0
        end = min(self.timeline.sound_end + OVERRUN, max(self.timeline.video_end, self.timeline.sound_end))
        return max(0, min(round((end - self.origin) * SAMPLE_RATE) - self.first, len(self.store)))

    def choose(self) -> list[Any] | None:
        """The packets to decode, where the scan kept them; what was decoded of them already is laid down."""
        kept = sounds_within(self.timeline, self.stream.time_base, self.window, self.opening)
        if self.opening is None or not self.whole:
            return kept
        self.resumed = bool(kept) and kept[0] is not self.timeline.opening[0]
        if kept is None or self.resumed:
            self.stream.codec_context.flush_buffers()
            return kept
        for frame in self.opening.frames:
            self._add(frame)
        return kept[self.opening.packets :]

    @property
    def done(self) -> bool:
        """Whether there is nothing more to decode for it."""
        return self.start is not None and not (self.whole and self.due < self.window.closes + AFTER)

    def wants(self, packet: Any) -> bool:
        """Whether to decode the packet."""
        return not self.done

    def feed(self, packet: Any) -> None:
        """Decode a packet, or what the decoder still holds if it is None; lay the sound down."""
        self.packets.append(packet)
        if packet is None or len(self.packets) == BATCH_PACKETS:
            self.beside(self.decode, self.packets)
            self.packets = []

    def decode(self, packets: list[Any]) -> None:
        """Decode packets here and now; lay the sound down."""
        for packet in packets:
            for frame in decoded(self.stream, packet) if self.wants(packet) else ():
                self._add(frame)

    def _add(self, frame: av.AudioFrame) -> None:
        """Resample a stretch of sound and lay it down, after silence where some is missing."""
        if not frame.samples:
            return
        time = self.due if frame.time is None else frame.time
        if self.start is None:
            self.start = time
        if not self.whole:
            return
        if self.resumed:
            self._resume(time)
        kind = kind_of(frame)
        if kind != self.kind or abs(time - self.due) > SOUND_HOLE:
            self._finish()
            self.place = round((time - self.origin) * SAMPLE_RATE) - self.first
            self.kind, self.due, self.passed = kind, time, 0
        self.due += frame.samples / frame.sample_rate
        frame.pts = None  # the fifo would check it
        if self.resampler is None:
            self._enter(frame)
        else:
            self.unmixed.write(frame)
        if self.resampler is not None and self.unmixed.samples >= BATCH_SAMPLES:
            self._lay(self.resampler.resample(self.unmixed.read()))

    def _resume(self, time: float) -> None:
        """Go on at `time` s as if all before had been decoded."""
        self.resumed, self.kind = False, self.opening.kind
        self.passed = self.opening.count(time)
        self.place = round((self.opening.time - self.origin) * SAMPLE_RATE) - self.first
        self.due = self.opening.time + self.passed / self.kind[2]

    def _enter(self, frame: av.AudioFrame) -> None:
        """Begin to resample, if the window is near, with a sample at which one of 16 kHz lies, too."""
        step = frame.sample_rate // gcd(frame.sample_rate, SAMPLE_RATE)
        between = -self.passed % step
        if self.due < self.window.opens - NEAR or between >= frame.samples:
            self.passed += frame.samples
            return
        self.place += (self.passed + between) // step * (SAMPLE_RATE * step // frame.sample_rate)
        self.resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE, options=MEAN)
        self.unmixed = av.AudioFifo()
        self.unmixed.write(frame)
        if between:
            self.unmixed.read(between)

    def _finish(self) -> None:
        if self.resampler is not None:
            for frame in (self.unmixed.read(), None):
                self._lay(self.resampler.resample(frame))
            self.resampler = None

    def _lay(self, chunks: list) -> None:
        for chunk in chunks:
            if chunk is None:  # what PyAV gives at the end of sound that was right already
                continue
            end = min(self.place + chunk.samples, len(self.store))
            fresh = max(self.place, self.written)  # where two lie on each other the first one stays
            if fresh < end:
                samples = np.frombuffer(chunk.planes[0], np.float32, count=chunk.samples)
                self.store[fresh:end] = samples[fresh - self.place : end - self.place]
            self.written = max(self.written, end)  # also by sound after a window, before which it is silent
            self.place += chunk.samples

    def samples(self, start: float, end: float) -> np.ndarray | None:
        """The sound between two times in s, or of the window: (N,) float32, finite; None where there is none."""
        if self.start is None or not self.whole:
            return None
        self._finish()
        if self.window.whole:
            first, last = (round((time - self.origin) * SAMPLE_RATE) for time in (start, end))
            sound = self.store[first : min(last, self.written)]
        else:
            goes_on = np.any(self.timeline.heard * float(self.stream.time_base) >= self.window.closes + AFTER)
            sound = self.store if goes_on else self.store[: self.written]
            if not len(sound):
                return None
        return np.nan_to_num(sound, copy=False, posinf=1.0, neginf=-1.0)
