"""Track: a sound stream as 16 kHz mono, laid on the time axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import av
import numpy as np

try:
    from asid_hf.media_timeline import Timeline, decoded
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .media_timeline import Timeline, decoded

SAMPLE_RATE = 16000
BATCH_PACKETS, BATCH_SAMPLES = 64, 1 << 15  # of sound that are handed over, or resampled, at once
SOUND_HOLE = 0.04  # s; timestamps jitter below it (Matroska rounds to 1 ms), above it sound is missing
MEAN = {"rematrix_maxval": "1"}  # weights of mixed channels add up to 1; floats would else grow louder


class Track:
    """A sound stream as 16 kHz mono, laid where its presentation times say; with `whole` False only where it begins.

    Channels are mixed by the rule of swresample, weights adding up to 1: of stereo the mean; of 5.1 the centre counts
    more than the sides, the surrounds less, the bass channel nothing.

    Example:
        >>> silence = Timeline(np.zeros(0, int), np.zeros(0), False, sound_start=0.0, sound_end=2.0)
        >>> Track(None, silence, whole=True, beside=print).samples(start=0.0, end=1.0) is None
        True
    """

    def __init__(self, stream: Any, timeline: Timeline, whole: bool, beside: Callable) -> None:
        """`beside` is given the decoding and resampling, which need not be done at once."""
        self.stream, self.whole, self.beside = stream, whole, beside
        self.packets: list[Any] = []  # to be decoded
        self.origin = timeline.start
        self.store = np.zeros(math.ceil((timeline.length + 1) * SAMPLE_RATE) if whole else 0, np.float32)
        self.start: float | None = None  # s, of the first sound decoded
        self.place = self.written = 0  # samples: where the next one goes; where those there end
        self.due = 0.0  # s, when the next sound follows without a hole
        self.kind: tuple = ()
        self.unmixed: av.AudioFifo | None = None
        self.resampler: av.AudioResampler | None = None

    def wants(self, packet: Any) -> bool:
        """Whether to decode the packet."""
        return self.whole or self.start is None

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
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self.kind or abs(time - self.due) > SOUND_HOLE:
            self._finish()
            self.unmixed = av.AudioFifo()
            self.resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE, options=MEAN)
            self.place = round((time - self.origin) * SAMPLE_RATE)
            self.kind, self.due = kind, time
        self.due += frame.samples / frame.sample_rate
        frame.pts = None  # the fifo would check it
        self.unmixed.write(frame)
        if self.unmixed.samples >= BATCH_SAMPLES:
            self._lay(self.resampler.resample(self.unmixed.read()))

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
                self.written = end
            self.place += chunk.samples

    def samples(self, start: float, end: float) -> np.ndarray | None:
        """The sound between two times in s: (N,) float32, finite; None where there is none."""
        if self.start is None or not self.whole:
            return None
        self._finish()
        first, last = (round((time - self.origin) * SAMPLE_RATE) for time in (start, end))
        sound = self.store[first : min(last, self.written)]
        return np.nan_to_num(sound, copy=False, posinf=1.0, neginf=-1.0)
