"""What clips hold, remembered: several rows ask about one clip."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from asid_hf.errors import MediaError
from asid_hf.media_extent import ClipExtent, clip_extent

KEPT_CLIPS = 4096  # whose facts a process remembers; several rows ask about one clip


def clip_facts(given: Mapping[str, Any]) -> ClipExtent:
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
            _FACTS[key] = clip_extent(given)
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


_FACTS: OrderedDict[tuple, ClipExtent | MediaError] = OrderedDict()


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
