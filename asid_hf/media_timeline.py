"""The packets of a clip: when each is presented, read off before anything is decoded, and what it decodes to."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Any

import av
import numpy as np

# Bytes of sound kept from the scan, and what holds a packet besides; more sound than that (an hour at 128 kbit/s) is
# read a second time, beside the pictures.
KEPT_SOUND, PACKET = 1 << 26, 512
BEGINNING = 256  # packets by which the way back is known, or fewer: until each stream has begun
OPENING = 256  # packets of sound kept in any case: one of them decodes, where the sound does


def packets(container: Any, streams: list, stop: threading.Event) -> Iterator[Any]:
    """Demux some streams until the end, or until nobody waits for the result any more.

    Raises:
        TimeoutError: `stop` was set.

    Example:
        >>> next(packets(None, [], threading.Event()), "no packet")
        'no packet'
    """
    demuxed = container.demux(streams) if streams else iter(())
    while True:
        try:
            packet = next(demuxed)
        except (StopIteration, IndexError):  # PyAV trips at the end over streams that turned up after the opening
            return
        if stop.is_set():
            raise TimeoutError("given up by the caller")
        yield packet


def decoded(stream: Any, packet: Any) -> list[Any]:
    """The frames of a packet, none of one that is damaged; of None, the frames that the decoder still holds.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> decoded(Made(decode=lambda packet: ["frame"]), None)
        ['frame']
    """
    try:
        return stream.decode(packet)
    except av.FFmpegError:
        return []


@dataclass(frozen=True)
class Timeline:
    """What the packets say before anything is decoded.

    stamps: (N,) int64, when each picture is shown, in ticks of the video stream, increasing; times: the same in s;
    stamped: whether the packets said so themselves; video_end, sound_start, sound_end: s; fps: pictures a second in
    the mean; present: share of the declared pictures that the file holds; beginning: what tells the first packets
    apart, until each stream has begun; earliest: where to seek to for them, in ticks of which stream; sounds: the
    packets of the sound themselves (of a window: those near it), None where they are over `KEPT_SOUND`; opening: the
    first of them. In the order they are read: coded: (P,) int64, when the picture of each packet is shown, in ticks,
    hidden ones too; keys: (P,) bool, whether decoding may begin with it; heard: (S,) int64, when the sound of each
    packet begins, in ticks of its stream.

    Example:
        >>> Timeline(np.zeros(1, int), np.zeros(1), True, video_end=0.04, sound_start=-0.02, sound_end=1.0).length
        1.02
    """

    stamps: np.ndarray
    times: np.ndarray
    stamped: bool
    video_end: float = -math.inf
    fps: float = 0.0
    sound_start: float = math.inf
    sound_end: float = -math.inf
    present: float = 1.0
    beginning: tuple = ()
    earliest: tuple[int, int] = (0, 0)
    sounds: tuple[Any, ...] | None = None
    opening: tuple[Any, ...] = ()
    coded: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    heard: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def start(self) -> float:
        """When the first packet is presented, s; the clip may begin later, as decoders withhold their first sounds."""
        return float(min(self.times[0] if self.times.size else math.inf, self.sound_start))

    @property
    def length(self) -> float:
        """Seconds from there to the end of everything."""
        return float(max(self.video_end, self.sound_end) - self.start)

    def entries(self, place: int, reordered: bool) -> list[int]:
        """The packets of pictures with which decoding may begin so that all from `place` on are whole, increasing.

        A number counts packets of pictures as they are read; the first packet of all, 0, is always among them.
        `reordered`: whether pictures are read in another order than they are shown. Where the packets do not say when
        they are shown, one can only count, which takes pictures that come in order.
        """
        if self.stamped:
            coded, stamp = self.coded, self.stamps[place]
        elif not reordered and len(self.coded) == len(self.stamps):
            coded, stamp = np.arange(len(self.coded)), place
        else:
            return [0]
        first_needed = int(np.argmax(coded >= stamp))
        usable = self.keys[: first_needed + 1] & (coded[: first_needed + 1] <= stamp)
        return sorted({0, *np.flatnonzero(usable).tolist()})

    def rewind(self, container: Any, streams: list) -> bool:
        """Go back to the first packets; False where the container does not arrive there.

        By time a raw stream may arrive at the first sound, behind the picture that the next ones are told from.
        """
        offset, index = self.earliest
        for way in ({"offset": offset, "stream": container.streams[index]}, {"offset": 0, **_BY_BYTES}):
            try:
                container.seek(**way)
                arrived = tuple(_identity(packet) for packet in islice(container.demux(streams), len(self.beginning)))
                container.seek(**way)
            except av.FFmpegError:
                continue
            if arrived == self.beginning:
                return True
        return False


_BY_BYTES = {"unsupported_byte_offset": True}  # PyAV's name of the flag; the way back in raw streams


def _identity(packet: Any) -> tuple[int | None, int, int]:
    """What tells a packet from others: decoding time in ticks, stream, size."""
    return packet.dts, packet.stream_index, packet.size


def scan(
    container: Any,
    video: Any,
    sound: Any,
    size: int,
    stop: threading.Event,
    keep: tuple[float, float] = (-math.inf, math.inf),
) -> Timeline | None:
    """Read the times of all packets, decoding nothing; a file that breaks off ends where it does.

    Args:
        container: from `media_source.open_container`.
        video, sound: streams of it, or None.
        size: bytes of the file, 0 where unknown.
        stop: ends the work when set.
        keep: which sound to keep besides the first, s after the first packet of all.

    Returns:
        The timeline; None where there is nothing to present.

    Example:
        >>> scan(None, None, None, 0, threading.Event()) is None
        True
    """
    streams = [stream for stream in (video, sound) if stream is not None]
    pictures: list[tuple] = []  # shown at, decoded at, length; in ticks
    coded: list[tuple[int | None, bool]] = []  # the same of hidden ones too: shown at, a key or not
    heard: list[int] = []  # where each packet of the sound begins and ends
    sounds: list[Any] = []
    kept_from, kept_until, weight = -math.inf, math.inf, 0
    opening: dict[int, Any] = {}  # the first packet of each stream
    beginning: list[tuple] = []
    with contextlib.suppress(av.error.InvalidDataError):  # it breaks off there; `present` says how much is lost
        for packet in packets(container, streams, stop):
            if not packet.size:
                continue
            if len(opening) < len(streams) and len(beginning) < BEGINNING:
                beginning.append(_identity(packet))
            stamp, length = packet.dts if packet.pts is None else packet.pts, max(packet.duration or 0, 0)
            if not opening and sound is not None:
                kept_from, kept_until = _kept(keep, packet, sound)
            opening.setdefault(packet.stream_index, packet)
            if packet.stream is sound and weight <= KEPT_SOUND:
                if len(sounds) < OPENING or kept_from <= (stamp or 0) <= kept_until:
                    weight += packet.size + PACKET
                    sounds.append(packet)
            elif packet.stream is video:
                coded.append((packet.pts, packet.is_keyframe))
            if packet.is_discard:  # an edit list hides it
                continue
            if packet.stream is video:
                pictures.append((packet.pts, packet.dts, length))
            elif stamp is not None:
                heard += (stamp, stamp + length)
    if not pictures and not heard:
        return None
    if container.format.name == "avi":  # it stores no presentation times; those FFmpeg makes up are wrong with B-frames
        pictures = [(None, decoded, length) for _, decoded, length in pictures]
    earliest = min(opening.values(), key=lambda packet: (packet.dts or 0) * packet.time_base)
    stamps, times, stamped, video_end, fps = _shown(pictures, video)
    shown_at, keys = zip(*coded, strict=True) if coded else ((), ())
    return Timeline(
        stamps,
        times,
        stamped,
        video_end,
        fps,
        sound_start=float(min(heard) * sound.time_base) if heard else math.inf,
        sound_end=float(max(heard) * sound.time_base) if heard else -math.inf,
        present=_present(video, size) if pictures else 1.0,
        beginning=tuple(beginning),
        earliest=(earliest.dts or 0, earliest.stream_index),
        sounds=tuple(sounds) if weight <= KEPT_SOUND else None,
        opening=tuple(sounds[:OPENING]),
        coded=np.array([0 if stamp is None else stamp for stamp in shown_at], np.int64),
        keys=np.array(keys, bool),
        heard=np.array(heard[::2], np.int64),
    )


def _kept(keep: tuple[float, float], first: Any, sound: Any) -> tuple[float, float]:
    """Seconds after the first packet of all, as ticks of the sound."""
    began = (first.pts or first.dts or 0) * first.time_base
    return tuple(float((began + after) / sound.time_base) if math.isfinite(after) else after for after in keep)


def _shown(spans: list[tuple], stream: Any) -> tuple[np.ndarray, np.ndarray, bool, float, float]:
    """Order the pictures as shown: ticks, seconds, whether the ticks were given, the end of the last in s, mean rate.

    Where presentation times are missing (raw streams, old AVI), decoding times or else the nominal rate stand in.
    """
    if not spans:
        return np.zeros(0, np.int64), np.zeros(0), False, -math.inf, 0.0
    tick = stream.time_base
    pause = 1 / ((stream.guessed_rate or stream.average_rate or 25) * tick)
    shown, decoded, lengths = zip(*spans, strict=True)
    stamped = None not in shown
    if not stamped:
        shown = [round(place * pause) for place in range(len(spans))] if None in decoded else decoded
    stamps, order = np.unique(np.array(shown, np.int64), return_index=True)
    first, last = int(stamps[0]), int(stamps[-1])
    if len(stamps) > 1:
        pause = Fraction(last - first, len(stamps) - 1)
    end = last + (lengths[order[-1]] or pause)
    times = stamps.astype(np.float64) * tick.numerator / tick.denominator
    return stamps, times, stamped, float(end * tick), float(len(stamps) / ((end - first) * tick))


def _present(stream: Any, size: int) -> float:
    """Share of the pictures listed in the file's index that lie inside the file."""
    index = stream.index_entries
    if not size or not len(index) or index[len(index) - 1].pos < size:
        return 1.0
    return sum(entry.pos + entry.size <= size for entry in index) / len(index)
