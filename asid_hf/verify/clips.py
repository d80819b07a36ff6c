"""One decode of a clip, shared by the stages that need it; the only place where verify opens media.

The sound is measured while the pictures are still being decoded: both use one processor, and every stage needs both.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from asid_hf.evidence.sound import measure_sound
from asid_hf.media import Clip, open_clip
from asid_hf.media_archive import clip_identity
from asid_hf.schema import SoundEvidence
from asid_hf.verify.fetch import local_video

CACHED_CLIPS = 2  # per process; a ten-minute clip holds some 0.5 GB, so never many

_cache: OrderedDict[tuple, HeardClip] = OrderedDict()


@dataclass(frozen=True, eq=False)
class HeardClip:
    """A clip, and what its sound was measured to be: `hearing.result()`, which raises what the sensor raised.

    Example:
        >>> from asid_hf.media import Probe
        >>> silent = Future()
        >>> silent.set_result(None)
        >>> HeardClip(Clip(Probe(1.0, True, False), None, np.zeros(0), 0.0, None, 1.0), silent).hearing.result() is None
        True
    """

    clip: Clip
    hearing: Future[SoundEvidence | None]


def hear_clip(video: dict | str | bytes, *, stills: bool = True, allow_remote: bool = False) -> HeardClip:
    """Open a clip without captioner frames, and measure its sound beside the decoding of its pictures.

    Args:
        video: a path, bytes or a `datasets` Video value {"path", "bytes"}.
        stills: whether stills, to read text on, are needed.
        allow_remote: let an http(s) address be fetched.

    Returns:
        The clip with audio and analysis pictures (see `asid_hf.media.open_clip`), and its sound's facts.

    Raises:
        MediaError: the clip cannot be read.

    Example:
        >>> hear_clip("no-such-clip.mp4")
        Traceback (most recent call last):
        ...
        asid_hf.errors.MediaError: ...
    """
    hearing: Future[SoundEvidence | None] = Future()

    def hear(audio: np.ndarray | None) -> None:
        try:
            hearing.set_result(measure_sound(audio))
        except Exception as error:  # belongs to those who ask for the sound; the pictures are good all the same
            hearing.set_exception(error)

    clip = open_clip(video, frames=False, analysis=True, stills=stills, allow_remote=allow_remote, on_audio=hear)
    return HeardClip(clip, hearing)


def clip_of(video: dict | str | bytes, *, stills: bool = True, allow_remote: bool = False) -> HeardClip:
    """Open the clip of a `video` value, or return the decode of it that this process still holds.

    Args:
        video: a path, bytes or a `datasets` Video value {"path", "bytes"}.
        stills: whether stills are needed; a clip held with them serves those who do without.
        allow_remote: let an http(s) address be fetched.

    Returns:
        The clip as `hear_clip` opens it.

    Raises:
        MediaError: the clip cannot be read; it is not remembered, so a mended file is read anew.

    Example:
        >>> clip_of("no-such-clip.mp4")
        Traceback (most recent call last):
        ...
        asid_hf.errors.MediaError: ...
    """
    key = _key(video)
    if (True, key) in _cache:
        stills = True
    if (stills, key) not in _cache:
        while len(_cache) >= CACHED_CLIPS:
            _cache.popitem(last=False)
        with local_video(video, allow_remote) as opened:
            _cache[stills, key] = hear_clip(opened, stills=stills, allow_remote=allow_remote)
    _cache.move_to_end((stills, key))
    return _cache[stills, key]


def _key(video: dict | str | bytes) -> tuple:
    path, data = (video.get("path"), video.get("bytes")) if isinstance(video, dict) else (video, None)
    if isinstance(path, bytes):
        path, data = None, path
    if data is not None:
        return ("bytes", hashlib.sha256(data).hexdigest())
    try:
        return ("path", str(path), clip_identity(path))
    except (OSError, TypeError, ValueError):
        return ("path", str(path))
