"""A clip opened once: what it is, its frames inside a pixel budget, its sound, and pictures for measuring.

One container open gives everything: a pass over the packets reads the exact presentation times (cheap, nothing is
decoded) and keeps the sound's, then one decoding pass takes the pictures wanted, and all the sound beside them. The
parts of this room, the only one that knows a decoder: `media_clip` (what it gives), `media_source` (what may be
opened), `media_timeline` (packets and times), `media_budget` (which pictures, how large), `media_window` (a part of a
clip), `media_film` (pictures), `media_track` (sound), `media_threads` (a stalling file, work beside the decoder).

The time axis starts at 0 with the first presented picture or sound, whichever comes first; frames, images, stills and
samples lie on it. Sample n of the audio is at n / 16000 s: a late sound track begins with zeros, holes are zeros.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import av
import numpy as np

try:
    from asid_hf.errors import MediaError
    from asid_hf.media_budget import (
        FRAME_PIXELS,
        MAX_DURATION,
        MIN_PIXELS,
        TOTAL_PIXELS,
        Budget,
        fit_frames,
        smart_resize,
    )
    from asid_hf.media_clip import SAMPLE_RATE, Analysis, Clip, Probe
    from asid_hf.media_film import Film, shown_size
    from asid_hf.media_source import Source, check_source, explain, open_container, source_name
    from asid_hf.media_threads import Beside, within
    from asid_hf.media_timeline import Timeline, packets, scan
    from asid_hf.media_track import Track
    from asid_hf.media_window import BEFORE, REACH, SAME, Opening, Window, hear_opening
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import MediaError
    from .media_budget import (
        FRAME_PIXELS,
        MAX_DURATION,
        MIN_PIXELS,
        TOTAL_PIXELS,
        Budget,
        fit_frames,
        smart_resize,
    )
    from .media_clip import SAMPLE_RATE, Analysis, Clip, Probe
    from .media_film import Film, shown_size
    from .media_source import Source, check_source, explain, open_container, source_name
    from .media_threads import Beside, within
    from .media_timeline import Timeline, packets, scan
    from .media_track import Track
    from .media_window import BEFORE, REACH, SAME, Opening, Window, hear_opening

TIMEOUT, TIMEOUT_PER_BYTE = 120.0, 2e-6  # s

__all__ = ["SAMPLE_RATE", "Analysis", "Clip", "Probe", "open_clip", "smart_resize"]


def open_clip(
    source: str | os.PathLike | bytes | dict[str, Any],
    *,
    fps: float = 2.0,
    min_frames: int = 4,
    max_frames: int = 768,
    min_pixels: int = MIN_PIXELS,
    frame_pixels: int = FRAME_PIXELS,
    total_pixels: int = TOTAL_PIXELS,
    max_tokens: int | None = None,
    start: float = 0.0,
    end: float | None = None,
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

    A window gives what a clip of that part alone would: frames of the pictures shown in it (also of the one that is on
    screen as it opens, at time 0), the sound between its ends, all times from its start. It is decoded from the last
    key picture before it. Its sound has the samples of the whole clip, but for codecs with a random state (AAC's noise
    substitution). Where no picture or no sound lies in it, the clip lacks that part.

    A damaged clip gives what can be decoded of it, with a shorter list of frames and silence for lost sound; it is
    refused where under half of the pictures wanted can be had.

    Args:
        source: a path, the bytes of a file, or a `datasets` Video value ({"path": ..., "bytes": ...}).
        fps, min_frames, max_frames: how many frames, see above.
        min_pixels, frame_pixels, total_pixels: see `media_budget.frame_size`.
        max_tokens: most tokens of Qwen2.5-Omni that frames and sound may take together; None for no limit. Resolution,
            then rate are lowered for it (see `media_budget.fit_frames`); `Clip.fitted` says which.
        start, end: s on the clip's axis, the window to read; to the end of the clip where `end` is None or beyond it.
        frames, audio, analysis: which parts to read; the time axis is the same whichever are.
        stills: whether the analysis needs them.
        allow_remote: open http and https addresses; every other protocol is always refused.
        max_duration: s; a longer clip, or window, is refused.
        timeout: s until the clip is given up as stalled; by default 120, and 2 more for every megabyte.
        on_audio: called once with what `Clip.audio` will be, in a thread of its own, mostly long before the pictures
            are decoded. The clip is returned when both are done; what it raises is raised here.

    Returns:
        The clip. A part that was not asked for, or that the clip lacks, is None (`frame_times` is then empty).

    Raises:
        MediaError: the clip cannot be read; its `reason` says why: "empty" where it ends before `start`, "too_large"
            where it does not fit into `max_tokens` or `max_duration`.
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
        max_tokens=max_tokens,
        start=start,
        end=end,
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
        near = (-math.inf, math.inf) if budget.whole else (budget.start - BEFORE - REACH, budget.until + REACH)
        timeline = scan(container, *streams, source.size, stop, near)
        if timeline is None:
            raise MediaError("no_streams", f"{source.name} has no picture and no sound to decode. Convert it to mp4.")
        length = min(timeline.length, budget.until) - budget.start
        if length > budget.max_duration:
            lasts = f"{source.name} lasts {length:.0f} s, over {budget.max_duration:g} s"
            raise MediaError("too_large", f"{lasts}. Cut it, open a window of it, or raise max_duration.")
        rewound = timeline.rewind(container, [stream for stream in streams if stream is not None])
        opening = hear_opening(streams[1], timeline) if not budget.whole else None
        if not rewound:
            container.close()  # a container that cannot be read twice at one open
            container = open_container(source, timeout)
            streams = _pick(container)
            # The decoder of one container does not take another's packets; what cannot go back is decoded in one go.
            timeline = replace(timeline, sounds=None, keys=np.zeros_like(timeline.keys))
        return _decode(container, *streams, timeline, opening, budget, source.name, on_audio, stop)
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
    opening: Opening | None,
    budget: Budget,
    name: str,
    on_audio: Callable | None,
    stop: threading.Event,
) -> Clip:
    """Decode both streams side by side, the sound ahead where its packets are kept; lay everything on one axis."""
    window = _window(timeline, opening, budget, name)
    track = film = None
    with Beside() as seeing:
        with Beside() as hearing:
            if sound is not None and (window.whole or opening is not None):
                track = Track(sound, timeline, budget.audio, hearing, window, opening)
            samples = track.most if track is not None else 0
            if timeline.times.size:
                film = Film(video, timeline, budget, name, seeing, window, samples)
            if film is None or not film.gives_frames:
                fit_frames(budget, 0, 0, 0, samples, name=name)
            kept = track.choose() if track is not None else None
            if kept is not None:
                hearing(track.decode, [*kept, None])
                hearing(_tell, on_audio, track, timeline)
            _run(container, [reader for reader in (film, track if kept is None else None) if reader is not None], stop)
            if kept is None:
                hearing(_tell, on_audio, track, timeline)
        while film is not None and film.late:  # when all is heard: the way back flushes the decoder of the sound, too
            film.begin_earlier()
            timeline.rewind(container, [stream for stream in (video, sound) if stream is not None])
            _run(container, [film], stop)
    # A track without a decoder is not picked, one without packets is none.
    has_audio = math.isfinite(timeline.sound_start) if sound is not None else bool(container.streams.audio)
    return _clip(
        film, track, timeline, window, budget, name, {"has_audio": has_audio, "container": container.format.name}
    )


def _clip(
    film: Film | None,
    track: Track | None,
    timeline: Timeline,
    window: Window,
    budget: Budget,
    name: str,
    facts: dict[str, Any],
) -> Clip:
    """Put together what was decoded."""
    if film is not None:
        film.check()
    elif track is None or track.start is None:
        raise MediaError("damaged", f"{name}: none of its sound can be decoded. Download or copy it again.")
    start, end = _span(track.start if track is not None else None, timeline)
    opens, closes = max(start, window.opens), min(timeline.video_end, window.closes)
    gives_frames = film is not None and film.gives_frames
    frames, times = _frames(film, opens, closes) if gives_frames else (None, np.zeros(0))
    return Clip(
        probe=Probe(end - start, film is not None, **facts, **_facts(film, track)),
        frames=frames,
        frame_times=times,
        fps=float((len(times) - 1) / (times[-1] - times[0])) if len(times) else 0.0,
        audio=track.samples(start, end) if track is not None else None,
        duration=end - start if window.whole else window.end - window.start,
        analysis=Analysis(*film.taken(1, opens), *film.taken(2, opens)) if film and budget.analysis else None,
        offset=float(budget.start),
        fitted=film.fitted if film is not None else (),
    )


def _window(timeline: Timeline, opening: Opening | None, budget: Budget, name: str) -> Window:
    """Where the window lies; the sound's opening is heard for it, as the axis may begin there."""
    if budget.whole:
        return Window()
    zero, end = _span(opening.time if opening is not None else None, timeline)
    length = end - zero
    if budget.start > length - SAME:
        said = f"{name} lasts {length:.2f} s: nothing of it lies at start={budget.start:g} or after"
        raise MediaError("empty", f"{said}. Give a start before its end.")
    return Window(zero, budget.start, min(length, budget.until))


def _tell(on_audio: Callable | None, track: Track | None, timeline: Timeline) -> None:
    if on_audio is not None:
        on_audio(track.samples(*_span(track.start, timeline)) if track is not None else None)


def _span(sound_start: float | None, timeline: Timeline) -> tuple[float, float]:
    """Where the clip begins and ends, s; sound of which nothing can be decoded does not count (None)."""
    spans = [(float(timeline.times[0]), timeline.video_end)] if timeline.times.size else []
    spans += [(sound_start, timeline.sound_end)] if sound_start is not None else []
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
            elif all(reader.done for reader in readers):
                break
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
