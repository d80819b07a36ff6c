"""A clip opened once: what it is, its frames inside a pixel budget, its sound, and pictures for measuring.

One container open gives everything: a pass over the packets reads the exact presentation times (cheap, nothing is
decoded) and keeps the sound's, then one decoding pass takes the pictures wanted, and all the sound beside them. The
parts of this room, the only one that knows a decoder: `media_source` (what may be opened), `media_timeline` (packets
and times), `media_budget` (which pictures, how large), `media_film` (pictures), `media_track` (sound), `media_threads`
(a stalling file, work beside the decoder).

The time axis starts at 0 with the first presented picture or sound, whichever comes first; frames, images, stills and
samples lie on it. Sample n of the audio is at n / 16000 s: a late sound track begins with zeros, holes are zeros.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np

try:
    from asid_hf.errors import MediaError
    from asid_hf.media_budget import FRAME_PIXELS, MAX_DURATION, MIN_PIXELS, TOTAL_PIXELS, Budget, smart_resize
    from asid_hf.media_film import Film, shown_size
    from asid_hf.media_source import Source, check_source, explain, open_container, source_name
    from asid_hf.media_threads import Beside, within
    from asid_hf.media_timeline import Timeline, packets, scan
    from asid_hf.media_track import SAMPLE_RATE, Track
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import MediaError
    from .media_budget import FRAME_PIXELS, MAX_DURATION, MIN_PIXELS, TOTAL_PIXELS, Budget, smart_resize
    from .media_film import Film, shown_size
    from .media_source import Source, check_source, explain, open_container, source_name
    from .media_threads import Beside, within
    from .media_timeline import Timeline, packets, scan
    from .media_track import SAMPLE_RATE, Track

TIMEOUT, TIMEOUT_PER_BYTE = 120.0, 2e-6  # s

__all__ = ["SAMPLE_RATE", "Analysis", "Clip", "Probe", "open_clip", "smart_resize"]


@dataclass(frozen=True)
class Probe:
    """What a clip is. Times in seconds on its axis; sizes as shown, after rotation and pixel aspect.

    `fps` is the true mean rate (pictures presented over the time they cover), `frame_count` those pictures, `rotation`
    the degrees clockwise that were applied to set them upright. `has_audio`: whether the clip has a sound track, even
    one that cannot be decoded. Fields of a missing stream are 0 or None.

    Example:
        >>> Probe(duration=1.0, has_video=False, has_audio=True, sample_rate=48000, channels=2).width
        0
    """

    duration: float
    has_video: bool
    has_audio: bool
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frame_count: int = 0
    rotation: int = 0
    video_codec: str | None = None
    audio_codec: str | None = None
    sample_rate: int = 0
    channels: int = 0
    container: str = ""


@dataclass(frozen=True, eq=False)
class Analysis:
    """Small pictures for measuring shots, camera and light, and stills for reading text.

    images: (M, h, w, 3) uint8 RGB, long side 160 pixels; times: (M,) float64 s. One is taken whenever the next of 12.5
    ticks a second is reached (fewer ticks in clips of over 6 minutes, never under 8). stills: (S, H, W) uint8 luma, at
    most one a second and 1280 * 720 pixels each (none where not asked for); still_times: (S,) float64 s.

    Example:
        >>> none = np.zeros((0, 90, 160, 3), np.uint8)
        >>> Analysis(none, np.zeros(0), none[..., 0], np.zeros(0)).images.shape
        (0, 90, 160, 3)
    """

    images: np.ndarray
    times: np.ndarray
    stills: np.ndarray
    still_times: np.ndarray


@dataclass(frozen=True, eq=False)
class Clip:
    """A decoded clip.

    frames: (T, 3, H, W) uint8 RGB, T even, H and W multiples of 28, or None; frame_times: (T,) float64 s, increasing;
    fps: the true sampled rate (T - 1) / (last time - first time); audio: (N,) float32 mono at `sample_rate`, nominally
    -1..1, None where the clip has no sound or none that can be decoded; duration: s.

    Example:
        >>> Clip(Probe(1.0, False, True), None, np.zeros(0), 0.0, np.zeros(16000, np.float32), 1.0).sample_rate
        16000
    """

    probe: Probe
    frames: np.ndarray | None
    frame_times: np.ndarray
    fps: float
    audio: np.ndarray | None
    duration: float
    analysis: Analysis | None = None
    sample_rate: int = SAMPLE_RATE


def open_clip(
    source: str | os.PathLike | bytes | dict[str, Any],
    *,
    fps: float = 2.0,
    min_frames: int = 4,
    max_frames: int = 768,
    min_pixels: int = MIN_PIXELS,
    frame_pixels: int = FRAME_PIXELS,
    total_pixels: int = TOTAL_PIXELS,
    frames: bool = True,
    audio: bool = True,
    analysis: bool = False,
    stills: bool = True,
    allow_remote: bool = False,
    max_duration: float = MAX_DURATION,
    timeout: float | None = None,
    on_audio: Callable[[np.ndarray | None], Any] | None = None,
) -> Clip:
    """Open a clip once and read everything that is asked for.

    Frames are the ones the reference loader of Qwen2.5-Omni takes: evenly spaced over the clip's pictures, `fps` a
    second, an even count from `min_frames` to `max_frames` and never more than the clip has. A clip of one picture
    gives it twice, the second time half-way through its showing.

    A damaged clip gives what can be decoded of it, with a shorter list of frames and silence for lost sound; it is
    refused where under half of the pictures wanted can be had.

    Args:
        source: a path, the bytes of a file, or a `datasets` Video value ({"path": ..., "bytes": ...}).
        fps, min_frames, max_frames: how many frames, see above.
        min_pixels, frame_pixels, total_pixels: see `media_budget.frame_size`.
        frames, audio, analysis: which parts to read; the time axis is the same whichever are.
        stills: whether the analysis needs them.
        allow_remote: open http and https addresses; every other protocol is always refused.
        max_duration: s; a longer clip is refused.
        timeout: s until the clip is given up as stalled; by default 120, and 2 more for every megabyte.
        on_audio: called once with what `Clip.audio` will be, in a thread of its own, mostly long before the pictures
            are decoded. The clip is returned when both are done; what it raises is raised here.

    Returns:
        The clip. A part that was not asked for, or that the clip lacks, is None (`frame_times` is then empty).

    Raises:
        MediaError: the clip cannot be read; its `reason` says why.
        InputError: arguments that contradict each other.

    Example:
        >>> open_clip("no such clip.mp4")
        Traceback (most recent call last):
        ...
        asid_hf.errors.MediaError: no such clip.mp4 does not exist. Check the path.
    """
    budget = Budget(
        fps=fps,
        min_frames=min_frames,
        max_frames=max_frames,
        min_pixels=min_pixels,
        frame_pixels=frame_pixels,
        total_pixels=total_pixels,
        max_duration=max_duration,
        frames=frames,
        audio=audio,
        analysis=analysis,
        stills=analysis and stills,
    )
    name = source_name(source)
    checked = within(timeout or TIMEOUT, name, lambda stop: check_source(source, allow_remote))  # disks hang, too
    if timeout is None:
        timeout = TIMEOUT + TIMEOUT_PER_BYTE * checked.size
    return within(timeout, name, lambda stop: _read(checked, budget, timeout, on_audio, stop))


def _read(source: Source, budget: Budget, timeout: float, on_audio: Callable | None, stop: threading.Event) -> Clip:
    container = open_container(source, timeout)
    try:
        streams = _pick(container)
        if streams[0] is not None:
            shown_size(streams[0], streams[0].codec_context, source.name)
        timeline = scan(container, *streams, source.size, stop)
        if timeline is None:
            raise MediaError("no_streams", f"{source.name} has no picture and no sound to decode. Convert it to mp4.")
        if timeline.length > budget.max_duration:
            length = f"{source.name} lasts {timeline.length:.0f} s, over {budget.max_duration:g} s"
            raise MediaError("too_large", f"{length}. Cut it, or raise max_duration.")
        if not timeline.rewind(container, [stream for stream in streams if stream is not None]):
            container.close()  # a container that cannot be read twice at one open
            container = open_container(source, timeout)
            streams = _pick(container)
            timeline = replace(timeline, sounds=None)  # the decoder of one container does not take another's packets
        return _decode(container, *streams, timeline, budget, source.name, on_audio, stop)
    except av.FFmpegError as error:
        raise explain(error, source) from error
    finally:
        container.close()


def _pick(container: Any) -> tuple[Any, Any]:
    """The video and the sound stream a player takes: default ones first, never a cover picture or an unknown codec."""
    kinds = av.stream.Disposition

    def first(streams: tuple) -> Any:
        usable = [s for s in streams if s.codec_context is not None and not s.disposition & kinds.attached_pic]
        return min(usable, key=lambda stream: not stream.disposition & kinds.default, default=None)

    return first(container.streams.video), first(container.streams.audio)


def _decode(
    container: Any,
    video: Any,
    sound: Any,
    timeline: Timeline,
    budget: Budget,
    name: str,
    on_audio: Callable | None,
    stop: threading.Event,
) -> Clip:
    """Decode both streams side by side, the sound ahead where its packets are kept; lay everything on one axis."""
    with Beside() as seeing, Beside() as hearing:
        film = Film(video, timeline, budget, name, seeing) if timeline.times.size else None
        track = Track(sound, timeline, budget.audio, hearing) if sound is not None else None
        ahead = track is not None and timeline.sounds is not None
        if ahead:
            hearing(track.decode, [*timeline.sounds, None])
            hearing(_tell, on_audio, track, film, timeline)
        _run(container, [reader for reader in (film, None if ahead else track) if reader is not None], stop)
        if not ahead:
            hearing(_tell, on_audio, track, film, timeline)
    if film is not None:
        film.check()
    elif track.start is None:
        raise MediaError("damaged", f"{name}: none of its sound can be decoded. Download or copy it again.")
    start, end = _span(track, film, timeline)
    frames, times = _frames(film, start, timeline.video_end) if film and budget.frames else (None, np.zeros(0))
    # A track without a decoder is not picked, one without packets is none.
    sounds = math.isfinite(timeline.sound_start) if sound is not None else bool(container.streams.audio)
    return Clip(
        probe=Probe(end - start, film is not None, sounds, container=container.format.name, **_facts(film, track)),
        frames=frames,
        frame_times=times,
        fps=float((len(times) - 1) / (times[-1] - times[0])) if len(times) else 0.0,
        audio=track.samples(start, end) if track is not None else None,
        duration=end - start,
        analysis=Analysis(*film.taken(1, start), *film.taken(2, start)) if film and budget.analysis else None,
    )


def _tell(on_audio: Callable | None, track: Track | None, film: Film | None, timeline: Timeline) -> None:
    if on_audio is not None:
        on_audio(track.samples(*_span(track, film, timeline)) if track is not None else None)


def _span(track: Track | None, film: Film | None, timeline: Timeline) -> tuple[float, float]:
    """Where the clip begins and ends, s; sound of which nothing can be decoded does not count."""
    spans = [(film.start, timeline.video_end)] if film is not None else []
    spans += [(track.start, timeline.sound_end)] if track is not None and track.start is not None else []
    starts, ends = zip(*spans, strict=True) if spans else ((0.0,), (0.0,))
    return min(starts), max(ends)


def _run(container: Any, readers: list, stop: threading.Event) -> None:
    """Feed the readers what they want; where the file breaks off, what the decoders still hold is good."""
    reader_of = {reader.stream.index: reader for reader in readers}
    with contextlib.suppress(av.error.InvalidDataError):
        for packet in packets(container, [reader.stream for reader in readers], stop):
            reader = reader_of[packet.stream.index]  # the stream_index of the empty packets at the end is 0
            if reader.wants(packet):
                reader.feed(packet)
    for reader in readers:
        reader.feed(None)


def _frames(film: Film, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Make the count even: drop the last frame, or show a lone one twice, again half-way to its `end`."""
    frames, times = film.taken(0, start)
    if len(frames) == 1:
        return np.repeat(frames, 2, axis=0), np.array([times[0], (times[0] + end - start) / 2])
    even = len(frames) // 2 * 2
    return frames[:even], times[:even]


def _facts(film: Film | None, track: Track | None) -> dict[str, Any]:
    facts = dict(film.facts) if film else {}
    if track is not None and track.start is not None:
        context = track.stream.codec_context
        facts |= {
            "audio_codec": context.codec.canonical_name,
            "sample_rate": context.sample_rate,
            "channels": context.channels,
        }
    return facts
