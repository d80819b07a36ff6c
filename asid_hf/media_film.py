"""Film: the pictures wanted of a video stream, scaled and set upright while the next ones are decoded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import Interpolation, VideoReformatter

try:
    from asid_hf.errors import MediaError
    from asid_hf.media_budget import (
        MAX_RATIO,
        Budget,
        fit_frames,
        frame_count,
        frame_places,
    )
    from asid_hf.media_source import MAX_PICTURE
    from asid_hf.media_stills import image_places, image_size, still_places, still_size
    from asid_hf.media_timeline import Timeline, decoded
    from asid_hf.media_window import Window
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import MediaError
    from .media_budget import (
        MAX_RATIO,
        Budget,
        fit_frames,
        frame_count,
        frame_places,
    )
    from .media_source import MAX_PICTURE
    from .media_stills import image_places, image_size, still_places, still_size
    from .media_timeline import Timeline, decoded
    from .media_window import Window

MAX_THREADS = 8
SMALL_PICTURE = 640 * 480  # pixels; up to it, passing pictures between threads costs more time than they share
MAX_ASPECT = 10.0  # a pixel more oblong than that is a broken header


def shown_size(stream: Any, coded: Any, name: str) -> tuple[int, int]:
    """(height, width) that coded pictures (a frame, or the codec's context) have with square pixels, before any turn.

    Raises:
        MediaError: "too_large"; `name` is for its message.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> shown_size(Made(sample_aspect_ratio=4 / 3), Made(width=720, height=540), "clip.mp4")
        (540, 960)
    """
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 1 / MAX_ASPECT <= aspect <= MAX_ASPECT:
        aspect = 1.0
    height, width = coded.height, round(coded.width * aspect)
    shape = f"{name} has pictures of {width} x {height} pixels"
    if height * width > MAX_PICTURE:
        raise MediaError("too_large", f"{shape}, over {MAX_PICTURE} in all. Scale it down.")
    if max(height, width) > MAX_RATIO * min(height, width):
        raise MediaError("too_large", f"{shape}: one side over {MAX_RATIO} times the other. Crop it.")
    return height, width


@dataclass(frozen=True)
class Upright:
    """What sets a coded picture upright: first swap rows and columns, then mirror it, then flip it upside down.

    Example:
        >>> Upright(swap=True)(np.arange(6).reshape(2, 3)).tolist()
        [[0, 3], [1, 4], [2, 5]]
    """

    swap: bool = False
    mirror: bool = False
    flip: bool = False

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Turn (H, W, ...) without copying."""
        if self.swap:
            picture = picture.swapaxes(0, 1)
        if self.mirror:
            picture = picture[:, ::-1]
        return picture[::-1] if self.flip else picture

    @property
    def clockwise(self) -> int:
        """The turn in degrees, leaving aside any mirroring."""
        if self.swap:
            return 90 if self.mirror else 270
        return 180 if self.mirror and self.flip else 0

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Upright:
        """Read a frame's display matrix: the coded x axis is shown along (a, b), the y axis along (c, d)."""
        matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)
        if matrix is None:
            return cls()
        a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
        if abs(a) + abs(d) < abs(b) + abs(c):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)


class Film:
    """The pictures wanted of a video stream, each scaled and set upright as it is decoded.

    Of a window, decoding begins with the last key picture before it. Where that turns out to give the first picture of
    the window too late (an intra refresh, wrong marks), `late` asks for another reading, which begins earlier.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> timeline = Timeline(np.arange(50), np.arange(50) / 25 + 0.5, True, video_end=2.5, fps=25.0)
        >>> Film(Made(codec_context=Made(width=64, height=48)), timeline, Budget(), "clip.mp4", beside=print).inside
        range(0, 50)
    """

    def __init__(
        self,
        stream: Any,
        timeline: Timeline,
        budget: Budget,
        name: str,
        beside: Callable,
        window: Window = Window(),  # noqa: B008, it is frozen
        sound_samples: int = 0,
    ) -> None:
        """Set up the decoder.

        `name` is for messages; `beside` (a `Beside`) is given what need not be done at once; `sound_samples` go with
        the frames, where those are to fit into `Budget.max_tokens`.
        """
        self.stream, self.timeline, self.budget, self.name, self.beside = stream, timeline, budget, name, beside
        self.window, self.sound_samples = window, sound_samples
        self.inside = window.places(timeline.times, timeline.video_end)
        self.place_of = {stamp: place for place, stamp in enumerate(timeline.stamps.tolist())}
        self.parts: tuple[_Wanted, ...] = ()  # frames, images, stills; chosen when the first picture is there
        self.needed: set[int] = set()
        self.facts: dict[str, Any] = {}
        self.fitted: tuple[str, ...] = ()
        context = stream.codec_context
        stream.thread_type = "AUTO"
        context.thread_count = _threads(context.height * context.width)
        context.options = {"max_pixels": str(MAX_PICTURE)}
        self.entries = [0]
        if not window.whole and self.inside and (budget.frames or budget.analysis):
            self.entries = timeline.entries(self.inside[0], context.has_b_frames)
        self.retreat = 1  # entries, doubled each time: of a film without true key pictures all would be tried
        self._enter()

    def _enter(self) -> None:
        """Begin with the last of the packets where decoding may begin; those before it are not decoded."""
        self.entry = self.entries[-1]
        self.read = 0  # packets
        self.place = -1 if self.timeline.stamped else self.entry - 1
        self.grounded = False  # whether there was a key picture
        self.certain = self.entry == 0  # whether the window's pictures are those of the whole film
        self.late = False

    def begin_earlier(self) -> None:
        """Make ready for another reading of the packets, from the first one on, by a decoder that was flushed."""
        self.entries = self.entries[: -self.retreat] or [0]
        self.retreat *= 2
        self._enter()

    @property
    def gives_frames(self) -> bool:
        """Whether there are frames to take: they are asked for, and some are shown."""
        return self.budget.frames and len(self.inside) > 0

    @property
    def done(self) -> bool:
        """Whether there is nothing more to decode for it."""
        return self.late or (bool(self.parts) and all(part.complete for part in self.parts))

    def wants(self, packet: Any) -> bool:
        """Whether to decode the packet; the decoder passes over pictures that neither we nor others need."""
        self.read += packet.size > 0
        if self.late or self.read <= self.entry:
            return False
        if not self.parts:
            return True
        if self.timeline.stamped:
            spare = packet.size and packet.pts not in self.needed  # the empty packet at the end gives what is held back
            self.stream.codec_context.skip_frame = "NONREF" if spare else "DEFAULT"
        return not all(part.complete for part in self.parts)

    def feed(self, packet: Any) -> None:
        """Decode a packet, or what the decoder still holds if it is None; take the pictures wherever they are wanted.

        Raises:
            MediaError: "too_large".
        """
        for frame in decoded(self.stream, packet):
            self._add(frame)

    def _add(self, frame: av.VideoFrame) -> None:
        following = min(self.place + 1, len(self.place_of) - 1)
        self.place = self.place_of.get(frame.pts, following) if self.timeline.stamped else following
        if not self.certain:
            self._judge(frame)
        if self.late:
            return
        if not self.parts:
            self._choose(frame)
        for part in self.parts:
            if part.due(self.place):
                part.pass_by(self.place)
                if self.place < self.inside.stop:
                    self.beside(part.take, self.place, frame)

    def _judge(self, frame: av.VideoFrame) -> None:
        """See whether the window's first picture is there, decoded from a key picture on; else it is late."""
        self.grounded = self.grounded or frame.key_frame
        if not self.late and self.place >= self.inside[0]:
            self.certain = self.grounded and self.place == self.inside[0]
            self.late = not self.certain

    def _choose(self, frame: av.VideoFrame) -> None:
        """Choose pictures and their sizes by the first one decoded: only it knows for sure its size and how it lies."""
        upright = Upright.of(frame)
        size = shown_size(self.stream, frame, self.name)[:: -1 if upright.swap else 1]
        budget, inside = self.budget, self.inside
        times = np.maximum(self.timeline.times[inside.start : inside.stop], self.window.opens)
        end = min(self.timeline.video_end, self.window.closes)
        nothing = np.zeros(0, np.int64)
        frames = images = stills = nothing
        frame_shape = (0, 0)
        if self.gives_frames:
            rate = self.timeline.fps if self.window.whole else self.window.rate(len(times), times[0], end)
            count = frame_count(len(times), rate, budget.fps, budget.min_frames, budget.max_frames)
            count, frame_shape, self.fitted = fit_frames(budget, *size, count, self.sound_samples, name=self.name)
            frames = frame_places(len(times), count)
        if budget.analysis and inside:
            images = image_places(times, end, *size)
            stills = still_places(times, end, *size) if budget.stills else nothing
        self.parts = (
            _Wanted("gbrp", frames + inside.start, frame_shape, upright),
            _Wanted("rgb24", images + inside.start, image_size(*size), upright),
            _Wanted("gray", stills + inside.start, still_size(*size), upright),
        )
        self.needed = {int(self.timeline.stamps[place]) for part in self.parts for place in part.places}
        self.facts = {
            "width": size[1],
            "height": size[0],
            "fps": self.timeline.fps,
            "frame_count": len(self.timeline.times),
            "rotation": upright.clockwise,
            "video_codec": self.stream.codec_context.codec.canonical_name,
        }

    def check(self) -> None:
        """Refuse a film of which under half could be had.

        Raises:
            MediaError: "damaged".
        """
        wanted = sum(len(part.places) for part in self.parts)
        share = sum(len(part.taken) for part in self.parts) / max(wanted, 1) * self.timeline.present
        if not self.parts or (wanted and share < 0.5):
            whole = f"{self.name}: {share:.0%} of its pictures are whole"
            raise MediaError("damaged", f"{whole}. Download or copy it again.")

    def taken(self, part: int, start: float) -> tuple[np.ndarray, np.ndarray]:
        """Pictures and when they are shown, (n,) float64 s after `start`; `part` 0: frames, 1: images, 2: stills.

        A picture that is on screen already as the window opens is shown from there.
        """
        wanted = self.parts[part]
        return wanted.store[: len(wanted.taken)], np.maximum(
            self.timeline.times[wanted.taken], self.window.opens
        ) - start


def _threads(pixels: int) -> int:
    """As many as there are processors, fewer for pictures of which each thread holds several, one for small ones."""
    if pixels <= SMALL_PICTURE:
        return 1
    return max(1, min(MAX_THREADS, (os.cpu_count() or 1) + 1, 2 * MAX_PICTURE // max(pixels, 1)))


class _Wanted:
    """Pictures of one kind, wanted at known places of the film; for a lost one the next that comes is taken."""

    def __init__(self, layout: str, places: np.ndarray, size: tuple[int, int], upright: Upright) -> None:
        """`layout`: of PyAV; `size`: (height, width) as shown; `upright`: how coded pictures are set upright."""
        self.layout, self.size, self.upright = layout, size, upright
        self.places = places.tolist()
        self.next = 0
        self.taken: list[int] = []  # the places they are really from
        shape = {"gbrp": (3, *size), "rgb24": (*size, 3), "gray": size}[layout]
        self.store = np.empty((len(places), *shape), np.uint8)
        # Frames as the reference scales them; of small pictures the mean of each area, the cheapest without aliasing.
        self.method = Interpolation.AREA if layout == "rgb24" else Interpolation.BICUBIC
        self.scaler = VideoReformatter()

    @property
    def complete(self) -> bool:
        return self.next == len(self.places)

    def due(self, place: int) -> bool:
        return not self.complete and self.places[self.next] <= place

    def pass_by(self, place: int) -> None:
        """Count what is due as done, before it is: the next picture may be decoded before this one is scaled."""
        while self.due(place):
            self.next += 1

    def take(self, place: int, frame: av.VideoFrame) -> None:
        height, width = self.size[:: -1 if self.upright.swap else 1]
        # To planes, and without scaling, swscale writes whole groups of columns only, and leaves the last ones as is.
        planar = self.layout == "gbrp" and (frame.width, frame.height) != (width, height)
        layout = "rgb24" if self.layout == "gbrp" and not planar else self.layout
        scaled = self.scaler.reformat(frame, width, height, layout, interpolation=self.method, threads=1)
        target = self.store[len(self.taken)]
        if planar:
            green, blue, red = (self.upright(_pixels(plane)) for plane in scaled.planes)
            target[0], target[1], target[2] = red, green, blue
        else:
            picture = self.upright(_pixels(scaled.planes[0], channels=3 if layout == "rgb24" else 1))
            target[...] = picture.transpose(2, 0, 1) if self.layout == "gbrp" else picture
        self.taken.append(place)


def _pixels(plane: Any, channels: int = 1) -> np.ndarray:
    """A plane without the padding at the end of its lines: (H, W), or (H, W, 3) of three channels."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width * channels]
    return rows if channels == 1 else rows.reshape(plane.height, plane.width, channels)
