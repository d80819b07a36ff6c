"""Decoded clips, kept while there is room: one clip is asked about several times."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

from asid_hf.captioner.clips import as_clip
from asid_hf.media import Clip
from asid_hf.media_budget import audio_tokens, picture_tokens

SLACK = 3  # tokens; when a clip is fitted, its sound counts as up to 0.1 s longer than it turns out to be


class ClipCache:
    """Opens clips as `captioner.clips.as_clip` does, and keeps them in this process, the last used ones.

    A clip that was not lowered for the room that it had serves every room that it fits into; one that was serves the
    same room only, so that what comes out never depends on what is kept.

    Args:
        max_bytes: of decoded pictures and sounds kept; 0 keeps none.

    Example:
        >>> import numpy as np
        >>> cache = ClipCache(2**20)
        >>> cache({"frames": np.zeros((4, 3, 56, 56), np.uint8), "fps": 2.0}, {"min_pixels": 784}).duration
        2.0
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = self.hits = self.misses = 0
        self._kept: OrderedDict[tuple, tuple[Clip, int | None]] = OrderedDict()

    def __getstate__(self) -> dict:
        """What goes to another process: the limit, not the clips."""
        return {"max_bytes": self.max_bytes}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)

    def __call__(
        self, given: Any, media: dict, fps: float | None = None, max_tokens: int | None = None, **opening: Any
    ) -> Clip:
        """The clip, see `as_clip`, whose arguments these are."""
        key = _key(given, media, fps, opening)
        if key is None or not self.max_bytes:
            return as_clip(given, media, fps, max_tokens, **opening)
        if key in self._kept and _serves(*self._kept[key], max_tokens):
            self.hits += 1
            self._kept.move_to_end(key)
            return self._kept[key][0]
        self.misses += 1
        clip = as_clip(given, media, fps, max_tokens, **opening)
        self._keep(key, clip, max_tokens)
        return clip

    def _keep(self, key: tuple, clip: Clip, room: int | None) -> None:
        if key in self._kept:
            self.bytes -= _size(self._kept.pop(key)[0])
        self._kept[key] = (clip, room)
        self.bytes += _size(clip)
        while self.bytes > self.max_bytes:
            _, (oldest, _) = self._kept.popitem(last=False)
            self.bytes -= _size(oldest)


def _key(given: Any, media: dict, fps: float | None, opening: dict) -> tuple | None:
    """What makes two clips the same; None of one that has no name, which is not kept."""
    path = given.get("path") if isinstance(given, dict) else given
    if isinstance(given, dict) and given.get("bytes") is not None:
        # Bytes of one name may be of several datasets; their ends tell them apart as well as a digest of all would.
        data = given["bytes"]
        path = (path, len(data), hash(data[:4096]), hash(data[-65536:]))
    elif not isinstance(path, str | os.PathLike):
        return None
    return (path, fps, *sorted(media.items()), *sorted(opening.items()))


def _serves(clip: Clip, had: int | None, room: int | None) -> bool:
    if room == had:
        return True
    if clip.fitted:
        return False
    sound = 0 if clip.audio is None else audio_tokens(len(clip.audio)) + SLACK
    seen = 0 if clip.frames is None else picture_tokens(len(clip.frames), *clip.frames.shape[2:])
    return room is None or seen + sound <= room


def _size(clip: Clip) -> int:
    return sum(part.nbytes for part in (clip.frames, clip.audio) if part is not None)
