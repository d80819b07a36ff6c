"""A clip as a processor of transformers takes it: film, pictures, sound, and the turns that have their places."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asid_hf.chat.attachments import NO_PICTURES, NO_SOUND, UNDECODABLE
from asid_hf.chat.messages import ChatError, ChatRequest, ClipPart
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.media import Clip, open_clip

if TYPE_CHECKING:
    import numpy as np

KEPT = 2  # opened clips in memory: the calls of one clip come close together

_opened: OrderedDict[tuple, Clip] = OrderedDict()


@dataclass
class Shown:
    """A request without its schema, as chat templates and processors of transformers take it.

    turns: {"role", "content": parts}, a part being {"type": "text", "text"}, or the place of a "video", an "image" or
    an "audio"; images: (3, H, W) uint8 each; film: the clip whose frames (T, 3, H, W) fill the video's place; sound:
    (N,) float32, and whether it has no place of its own but is `in_film`.

    Example:
        >>> Shown([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]).film is None
        True
    """

    turns: list[dict]
    images: list[np.ndarray] = field(default_factory=list)
    film: Clip | None = None
    sound: np.ndarray | None = None
    in_film: bool = False


def show(request: ChatRequest, spec: ModelSpec, sound_in_film: bool = False) -> Shown:
    """Open the clip of a request, if it has one and the model takes any of it, and lay its turns out.

    Args:
        request: what is asked.
        spec: what the model takes, and its limits.
        sound_in_film: whether the processor puts a film's sound among its pictures, as Qwen2.5-Omni's does.

    Returns:
        The turns and what fills their places.

    Raises:
        MediaError: the clip cannot be opened.
        ChatError: of kind media: it is too long, or its pictures cannot be decoded; rejected: there are several.

    Example:
        >>> from asid_hf.chat.messages import Message
        >>> show(ChatRequest((Message("user", ("Hi", "there")),), "p@1"), ModelSpec("a-model")).turns
        [{'role': 'user', 'content': [{'type': 'text', 'text': 'Hi'}, {'type': 'text', 'text': 'there'}]}]
    """
    shown = Shown([])
    if sum(isinstance(part, ClipPart) for message in request.messages for part in message.content) > 1:
        raise ChatError("rejected", f"{spec.model} is shown one clip a call; this call has more.")
    for message in request.messages:
        content = []
        for part in message.content:
            if isinstance(part, str):
                content.append(_text(part))
            elif spec.accepts:
                content += _places(_open(part, spec), spec, sound_in_film, shown)
        shown.turns.append({"role": message.role, "content": content})
    return shown


def _places(clip: Clip, spec: ModelSpec, sound_in_film: bool, shown: Shown) -> list[dict]:
    content = []
    if {"video", "frames"} & set(spec.accepts):
        if not clip.probe.has_video:
            content.append(_text(NO_PICTURES))
        elif clip.frames is None:
            raise ChatError("media", UNDECODABLE)
        elif "video" in spec.accepts:
            shown.film = clip
            content.append({"type": "video"})
        else:
            shown.images = list(clip.frames)
            for time in clip.frame_times:
                content += [_text(f"At {time:.1f} s:"), {"type": "image"}]
    if "audio" in spec.accepts:
        shown.sound = clip.audio
        shown.in_film = sound_in_film and shown.film is not None and clip.audio is not None
        if clip.audio is None:
            content.append(_text(NO_SOUND))
        elif not shown.in_film:
            content.append({"type": "audio"})
    return content


def _open(part: ClipPart, spec: ModelSpec) -> Clip:
    key = (part.digest, spec.media_form(), spec.max_seconds)
    if key not in _opened:
        while len(_opened) >= KEPT:
            _opened.popitem(last=False)
        _opened[key] = _read(part, spec)
    _opened.move_to_end(key)
    return _opened[key]


def _read(part: ClipPart, spec: ModelSpec) -> Clip:
    clip = open_clip(
        part.video,
        fps=spec.fps,
        max_frames=spec.max_frames,
        min_frames=min(4, spec.max_frames),
        min_pixels=4 * 28 * 28,
        frame_pixels=max(4 * 28 * 28, spec.max_pixels),
        total_pixels=max(4 * 28 * 28, spec.max_pixels) * spec.max_frames,
        frames="video" in spec.accepts or "frames" in spec.accepts,
        audio="audio" in spec.accepts,
        allow_remote=True,  # what was not to be fetched has been dropped by now
    )
    if spec.max_seconds is not None and clip.duration > spec.max_seconds:
        raise ChatError(
            "media", f"The clip lasts {clip.duration:.1f} s; {spec.model} takes {spec.max_seconds:g} s (max_seconds)."
        )
    return clip


def _text(text: str) -> dict:
    return {"type": "text", "text": text}
