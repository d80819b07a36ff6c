"""One decode of a clip, shared by the stages that need it; the only place where verify opens media."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict

from asid_hf.media import Clip, open_clip

CACHED_CLIPS = 2  # per process; a ten-minute clip holds some 0.5 GB, so never many

_cache: OrderedDict[tuple, Clip] = OrderedDict()


def clip_of(video: dict | str | bytes, *, stills: bool = True, allow_remote: bool = False) -> Clip:
    """Open the clip of a `video` value, or return the decode of it that this process still holds.

    Args:
        video: a path, bytes or a `datasets` Video value {"path", "bytes"}.
        stills: whether stills are needed; a clip held with them serves those who do without.
        allow_remote: let an http(s) address be fetched.

    Returns:
        The clip with audio and analysis pictures (see `asid_hf.media.open_clip`), without captioner frames.

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
        _cache[stills, key] = open_clip(video, frames=False, analysis=True, stills=stills, allow_remote=allow_remote)
    _cache.move_to_end((stills, key))
    return _cache[stills, key]


def _key(video: dict | str | bytes) -> tuple:
    path, data = (video.get("path"), video.get("bytes")) if isinstance(video, dict) else (video, None)
    if isinstance(path, bytes):
        path, data = None, path
    if data is not None:
        return ("bytes", hashlib.sha256(data).hexdigest())
    try:
        status = os.stat(path)
    except (OSError, TypeError, ValueError):
        return ("path", str(path))
    return ("path", str(path), status.st_size, status.st_mtime_ns)
