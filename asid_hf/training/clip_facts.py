"""What a clip holds, without decoding it: its packets say how many pictures and how much sound."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from asid_hf.errors import MediaError
from asid_hf.media import SAMPLE_RATE, _pick, open_clip
from asid_hf.media_source import check_source, open_container
from asid_hf.media_timeline import scan
from asid_hf.media_track import Track

KEPT_CLIPS = 4096  # whose facts a process remembers; several rows ask about one clip
LEAST_WHOLE = 0.5  # share of its pictures that a clip needs, as when it is decoded
TIMEOUT = 120.0  # s


class ClipFacts(NamedTuple):
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


def clip_facts(given: Mapping[str, Any]) -> ClipFacts:
    """What a clip's packets and its first picture say; asked about again, what was seen before.

    Args:
        given: a Video value.

    Raises:
        MediaError: it cannot be read.

    Example:
        >>> clip_facts({"path": "a.mp4", "bytes": None}).pictures  # doctest: +SKIP
        75
    """
    data = given.get("bytes")
    key = file_stamp(given["path"]) if data is None else (given.get("path"), _digest(data))
    if key not in _FACTS:
        try:
            _FACTS[key] = _look(given)
        except MediaError as error:
            _FACTS[key] = error
        while len(_FACTS) > KEPT_CLIPS:
            _FACTS.popitem(last=False)
    _FACTS.move_to_end(key)
    if isinstance(_FACTS[key], MediaError):
        raise MediaError(_FACTS[key].reason, str(_FACTS[key]))
    return _FACTS[key]


def file_stamp(path: str | os.PathLike) -> tuple:
    """What tells a file from the one that it was before: its path, size and time of change; of a member, its archive's.

    Example:
        >>> file_stamp("no such file.mp4")
        ('no such file.mp4', None)
    """
    name = os.fsdecode(path)
    try:
        status = os.stat(name.rpartition("::")[2])
    except (OSError, ValueError):
        return name, None
    return name, status.st_size, status.st_mtime_ns


_FACTS: OrderedDict[tuple, ClipFacts | MediaError] = OrderedDict()


def _look(given: Mapping[str, Any]) -> ClipFacts:
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
    return ClipFacts(probe.frame_count, probe.fps, probe.height, probe.width, most, heard)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
