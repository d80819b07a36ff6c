"""How much of a clip there is, without decoding it: its packets say how many pictures and how much sound."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from asid_hf.errors import MediaError
from asid_hf.media import SAMPLE_RATE, TIMEOUT, _pick, open_clip
from asid_hf.media_source import check_source, open_container
from asid_hf.media_timeline import scan
from asid_hf.media_track import Track

LEAST_WHOLE = 0.5  # share of its pictures that a clip needs, as when it is decoded


class ClipExtent(NamedTuple):
    """What the packets of a clip and its first picture say.

    Attributes:
        pictures: presented; 0 of sound alone. fps: of them. height, width: as shown.
        most: samples at 16 kHz that its sound may have, which is what clips are fitted with; heard: that it has, to a
            sample or two; None without sound that can be decoded.
    """

    pictures: int
    fps: float
    height: int
    width: int
    most: int
    heard: int | None


def clip_extent(given: Mapping[str, Any]) -> ClipExtent:
    """What a clip's packets and its first picture say.

    Args:
        given: a Video value.

    Raises:
        MediaError: it cannot be read.

    Example:
        >>> clip_extent({"path": "a.mp4", "bytes": None}).pictures  # doctest: +SKIP
        75
    """
    clip = open_clip(given, frames=False, audio=False)
    probe = clip.probe
    source = check_source(given)
    with open_container(source, TIMEOUT) as container:
        streams = _pick(container)
        timeline = scan(container, *streams, source.size, threading.Event())
        most = Track(streams[1], timeline, whole=True, beside=print).most if streams[1] is not None else 0
    if probe.has_video and timeline.present < LEAST_WHOLE:
        whole = f"{source.name}: {timeline.present:.0%} of its pictures are there"
        raise MediaError("damaged", f"{whole}. Download or copy it again.")
    heard = None
    if probe.audio_codec is not None:  # else nothing of it can be decoded
        heard = max(0, round((clip.duration - max(0.0, timeline.video_end - timeline.sound_end)) * SAMPLE_RATE))
    return ClipExtent(probe.frame_count, probe.fps, probe.height, probe.width, most, heard)
