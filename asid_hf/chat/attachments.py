"""A clip as an endpoint takes it: film, sound or still pictures, inside its limits, made once for all its calls."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections import OrderedDict
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path

from asid_hf.chat.messages import Bring, ChatError, ClipPart
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import MediaError
from asid_hf.media import Clip, open_clip
from asid_hf.media_archive import member_behind, read_member
from asid_hf.media_encode import jpeg, mp4, wav

KEPT = 8  # forms of clips in memory: the calls of one clip come close together
_AS_IT_IS = {b"ftyp": "video/mp4", b"\x1aE\xdf\xa3": "video/webm"}
_SMALLER = (1.0, 0.5, 0.25, 0.125)  # shares of max_pixels, until the film is within max_bytes
UNDECODABLE = "The clip's pictures cannot be decoded."
NO_SOUND, NO_PICTURES = "The clip has no sound.", "The clip has no pictures."

_forms: OrderedDict[tuple, asyncio.Future] = OrderedDict()


def clip_part(video: dict, bring: Bring = nullcontext) -> ClipPart:
    """A `video` value as part of a message.

    Args:
        video: {"path", "bytes"} as `datasets` has it.
        bring: see `ClipPart`.

    Raises:
        MediaError: the file cannot be read.

    Example:
        >>> clip_part({"path": None, "bytes": b"abc"}).digest[:8]
        'ba7816bf'
    """
    if video["bytes"] is not None:
        return ClipPart(video, hashlib.sha256(video["bytes"]).hexdigest(), bring)
    if member := member_behind(video["path"]):
        return ClipPart(video, hashlib.sha256(read_member(member)).hexdigest(), bring)
    try:
        status = os.stat(video["path"])
    except (OSError, ValueError):
        if "://" in str(video["path"]):  # an address has no content until it is fetched
            return ClipPart(video, hashlib.sha256(str(video["path"]).encode()).hexdigest(), bring)
        raise MediaError("not_found", f"{os.path.basename(video['path'])} does not exist any more.") from None
    return ClipPart(video, _digest(video["path"], status.st_size, status.st_mtime_ns), bring)


async def clip_parts(part: ClipPart, spec: ModelSpec) -> list[dict]:
    """The parts of a message that show a clip to a model, in OpenAI's form; none where it takes text alone.

    Args:
        part: the clip.
        spec: what the model takes, and its limits.

    Returns:
        `video_url` (the film as it is where it fits, else encoded anew with fewer and smaller pictures), `input_audio`
        (WAV, 16 kHz), `image_url` (JPEG, each led by its time); a sentence where the clip lacks what the model takes.

    Raises:
        ChatError: of kind "media": the clip cannot be opened, or not be made to fit.

    Example:
        >>> asyncio.run(clip_parts(ClipPart({"path": None, "bytes": b""}, ""), ModelSpec("a-model")))
        []
    """
    if not spec.accepts:
        return []
    loop = asyncio.get_running_loop()
    key = (loop, part.digest, spec.media_form(), spec.max_seconds)
    if key not in _forms:
        while len(_forms) >= KEPT:
            _forms.popitem(last=False)
        _forms[key] = loop.create_task(asyncio.to_thread(_brought, part, spec))
    _forms.move_to_end(key)
    making = _forms[key]
    try:
        return await asyncio.shield(making)
    except Exception as error:  # of whatever a decoder or an encoder makes of a broken file
        _forms.pop(key, None)
        if isinstance(error, ChatError):
            raise
        told = str(error) if isinstance(error, MediaError) else f"The clip cannot be sent: {error!r}"
        raise ChatError("media", told) from error


def _brought(part: ClipPart, spec: ModelSpec) -> list[dict]:
    with part.bring(part.video) as video:
        return _encode(video, spec)


def _encode(video: dict, spec: ModelSpec) -> list[dict]:
    wants_film = "video" in spec.accepts
    as_it_is = _film_as_it_is(video, spec.max_bytes) if wants_film else None
    pictures = (wants_film and as_it_is is None) or (not wants_film and "frames" in spec.accepts)
    clip = _open(video, spec, spec.max_pixels, frames=pictures)
    if spec.max_seconds is not None and clip.duration > spec.max_seconds:
        raise ChatError(
            "media", f"The clip lasts {clip.duration:.1f} s; {spec.name} takes {spec.max_seconds:g} s (max_seconds)."
        )
    parts: list[dict] = []
    if (wants_film or pictures) and not clip.probe.has_video:
        parts.append({"type": "text", "text": NO_PICTURES})
    elif wants_film:
        kind, film = as_it_is or ("video/mp4", _film_anew(video, clip, spec))
        parts.append({"type": "video_url", "video_url": {"url": _address(kind, film)}})
    elif pictures:
        if clip.frames is None:
            raise ChatError("media", UNDECODABLE)
        for picture, time in zip(clip.frames, clip.frame_times, strict=True):
            parts.append({"type": "text", "text": f"At {time:.1f} s:"})
            parts.append({"type": "image_url", "image_url": {"url": _address("image/jpeg", jpeg(picture))}})
    if "audio" in spec.accepts:
        if clip.audio is None:
            parts.append({"type": "text", "text": NO_SOUND})
        else:
            sound = wav(clip.audio, clip.sample_rate)
            if len(sound) > spec.max_bytes:
                raise ChatError("media", f"The clip's sound is {len(sound)} bytes; {_allowed(spec)}")
            data = base64.b64encode(sound).decode()
            parts.append({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}})
    return parts


def _open(video: dict, spec: ModelSpec, pixels: float, frames: bool = True) -> Clip:
    pixels = max(4 * 28 * 28, int(pixels))
    return open_clip(
        video,
        fps=spec.fps,
        max_frames=spec.max_frames,
        min_frames=min(4, spec.max_frames),
        min_pixels=4 * 28 * 28,
        frame_pixels=pixels,
        total_pixels=pixels * spec.max_frames,
        frames=frames,
        audio="audio" in spec.accepts or frames,
        allow_remote=True,  # what was not to be fetched has been dropped by now
    )


def _film_as_it_is(video: dict, most: int) -> tuple[str, bytes] | None:
    """The file itself, where it is small and of a kind that every server opens."""
    data, path = video["bytes"], video["path"]
    if data is None and (member := member_behind(path)):
        data = read_member(member)
    if data is None:
        if not os.path.isfile(path) or os.path.getsize(path) > most:
            return None
        data = Path(path).read_bytes()
    kind = next((kind for mark, kind in _AS_IT_IS.items() if mark in data[:8]), None)
    return (kind, data) if kind and len(data) <= most else None


def _film_anew(video: dict, clip: Clip, spec: ModelSpec) -> bytes:
    for share in _SMALLER:
        clip = clip if share == 1.0 else _open(video, spec, spec.max_pixels * share)
        if clip.frames is None:
            raise ChatError("media", UNDECODABLE)
        film = mp4(clip.frames, clip.frame_times, clip.audio, clip.sample_rate, clip.duration)
        if len(film) <= spec.max_bytes:
            return film
    raise ChatError("media", f"The clip is {len(film)} bytes at its smallest; {_allowed(spec)}")


def _allowed(spec: ModelSpec) -> str:
    return f"{spec.name} takes {spec.max_bytes} (max_bytes)."


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@lru_cache(maxsize=4096)
def _digest(path: str, size: int, modified: int) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError("unreadable", f"{os.path.basename(path)} cannot be read: {error.strerror}.") from error
